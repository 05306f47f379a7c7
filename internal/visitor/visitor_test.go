package visitor_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	"chatgate/internal/visitor"
)

const (
	keyName = "visitor-key"
	v1      = "11111111111111111111111111111111"
	v2      = "22222222222222222222222222222222"
	userID  = "dl_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// vault holds versions of the visitor key in memory.
type vault struct {
	mu     sync.Mutex
	keys   map[string]string // version → base64
	latest string
	err    error
	reads  int
}

func (v *vault) Read(_ context.Context, name, version string) (secrets.Secret, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	if version == "" {
		version = v.latest
	}
	value, known := v.keys[version]
	if v.err != nil {
		return secrets.Secret{}, v.err
	}
	if !known {
		return secrets.Secret{}, secrets.ErrNotFound
	}
	return secrets.Secret{Name: name, Version: version, Value: redacted.New(value)}, nil
}

// set changes the vault.
func (v *vault) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

func key(fill string) []byte { return []byte(strings.Repeat(fill, 32)) }

func encoded(key []byte) string { return base64.StdEncoding.EncodeToString(key) }

// twoKeys is a vault whose key was rotated once.
func twoKeys() *vault {
	return &vault{keys: map[string]string{v1: encoded(key("1")), v2: encoded(key("2"))}, latest: v2}
}

// clock is a time that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 6, 1, 12, 0, 0, 5, time.UTC)} }

// newSigner returns a signer as a process that has just started has it.
func newSigner(tb testing.TB, vault *vault, clock *clock) *visitor.Signer {
	tb.Helper()
	cache := secrets.NewCache(vault, nil)
	tb.Cleanup(cache.Close)
	return visitor.NewSigner(cache, keyName, clock.Now)
}

func sign(tb testing.TB, signer *visitor.Signer) redacted.Text {
	tb.Helper()
	token, err := signer.Sign(tb.Context(), "bankx", userID)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestUserIDsBeginWithDLAndCannotBeGuessed(t *testing.T) {
	// 26 characters of base32 are 130 bits.
	form := regexp.MustCompile(`^dl_[A-Z2-7]{26}$`)
	seen := map[string]bool{}
	for range 1000 {
		id := visitor.NewUserID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("user id %q", id)
		}
		seen[id] = true
	}
}

func TestATokenSaysWhatTheContractSays(t *testing.T) {
	clock := newClock()
	parts := strings.Split(sign(t, newSigner(t, twoKeys(), clock)).Reveal(), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	issued := float64(clock.now.Unix())
	for i, want := range []map[string]any{
		{"alg": "HS256", "typ": "JWT", "kid": v2},
		{"iss": "chatgate", "aud": "bankx", "sub": userID, "iat": issued, "exp": issued + 30*24*60*60},
	} {
		decoded, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(decoded, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("part %d differs (-want +got):\n%s", i, diff)
		}
	}
}

func TestATokenIsGoodFor30DaysAtItsAssistant(t *testing.T) {
	clock := newClock()
	signer := newSigner(t, twoKeys(), clock)
	token, issued := sign(t, signer), clock.now
	for _, test := range []struct {
		after     time.Duration
		assistant string
		want      visitor.Verdict
	}{
		{0, "bankx", visitor.Valid},
		{30*24*time.Hour - time.Second, "bankx", visitor.Valid},
		{30 * 24 * time.Hour, "bankx", visitor.Invalid},
		{0, "banky", visitor.Invalid},
		{0, "bank", visitor.Invalid},
		{0, "", visitor.Invalid},
	} {
		clock.now = issued.Add(test.after)
		got, verdict := signer.Verify(t.Context(), test.assistant, token)
		if verdict != test.want || verdict == visitor.Valid && got != userID {
			t.Errorf("after %v at %q: Verify = %q, %v; want %v", test.after, test.assistant, got, verdict, test.want)
		}
	}
}

func TestTokensSurviveARotationOfTheKey(t *testing.T) {
	clock, vault := newClock(), twoKeys()
	vault.latest = v1
	before := newSigner(t, vault, clock)
	old := sign(t, before)
	vault.mu.Lock()
	vault.latest = v2
	vault.mu.Unlock()
	after := newSigner(t, vault, clock)
	if got, verdict := after.Verify(t.Context(), "bankx", old); verdict != visitor.Valid || got != userID {
		t.Errorf("an instance with the new key says %q, %v of a token with the old one", got, verdict)
	}
	if got, verdict := before.Verify(t.Context(), "bankx", sign(t, after)); verdict != visitor.Valid || got != userID {
		t.Errorf("an instance with the old key says %q, %v of a token with the new one", got, verdict)
	}
}

// forge signs claims as an attacker, or a careless colleague, might.
func forge(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	for name, value := range header {
		if value == nil {
			delete(token.Header, name)
		}
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestWhatIsRefused(t *testing.T) {
	clock, vault := newClock(), twoKeys()
	signer := newSigner(t, vault, clock)
	good := sign(t, signer).Reveal()
	claims := func(change ...any) map[string]any {
		said := map[string]any{"iss": "chatgate", "aud": "bankx", "sub": userID, "exp": clock.now.Unix() + 60}
		for i := 0; i < len(change); i += 2 {
			said[change[i].(string)] = change[i+1]
		}
		maps.DeleteFunc(said, func(_ string, value any) bool { return value == nil })
		return said
	}
	kid := map[string]any{"kid": v2}
	hs256 := func(header, claims map[string]any) string {
		return forge(t, jwt.SigningMethodHS256, key("2"), header, claims)
	}
	if _, verdict := signer.Verify(t.Context(), "bankx", redacted.New(hs256(kid, claims()))); verdict != visitor.Valid {
		t.Fatal("the claims that the cases below spoil are refused themselves, so this test shows nothing")
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for name, token := range map[string]string{
		"nothing":                   "",
		"no JWT":                    "dl_ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		"alg none":                  forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, claims()),
		"alg none, case changed":    forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": v2, "alg": "None"}, claims()),
		"HS384 with our key":        forge(t, jwt.SigningMethodHS384, key("2"), kid, claims()),
		"RS256":                     forge(t, jwt.SigningMethodRS256, rsaKey, kid, claims()),
		"RS256 with the key in jwk": forge(t, jwt.SigningMethodRS256, rsaKey, map[string]any{"kid": v2, "jku": "https://evil.example", "jwk": map[string]any{"kty": "oct", "k": "x"}}, claims()),
		"another key":               forge(t, jwt.SigningMethodHS256, key("3"), kid, claims()),
		"an empty key":              forge(t, jwt.SigningMethodHS256, []byte{}, kid, claims()),
		"the base64 as the key":     forge(t, jwt.SigningMethodHS256, []byte(encoded(key("2"))), kid, claims()),
		"kid of another version":    hs256(map[string]any{"kid": v1}, claims()),
		"no kid":                    hs256(map[string]any{"kid": nil}, claims()),
		"kid is a number":           hs256(map[string]any{"kid": 2}, claims()),
		"kid is empty":              hs256(map[string]any{"kid": ""}, claims()),
		"kid is a path":             hs256(map[string]any{"kid": "../../secrets/other/" + v2}, claims()),
		"no issuer":                 hs256(kid, claims("iss", nil)),
		"another issuer":            hs256(kid, claims("iss", "chatgate2")),
		"no audience":               hs256(kid, claims("aud", nil)),
		"an empty audience":         hs256(kid, claims("aud", []string{})),
		"another audience":          hs256(kid, claims("aud", "banky")),
		"no expiry":                 hs256(kid, claims("exp", nil)),
		"expiry 0":                  hs256(kid, claims("exp", 0)),
		"expiry is a text":          hs256(kid, claims("exp", "tomorrow")),
		"expired":                   hs256(kid, claims("exp", clock.now.Unix()-1)),
		"not yet valid":             hs256(kid, claims("nbf", clock.now.Unix()+60)),
		"no user":                   hs256(kid, claims("sub", nil)),
		"user without dl_":          hs256(kid, claims("sub", strings.TrimPrefix(userID, "dl_"))),
		"user too short":            hs256(kid, claims("sub", "dl_ABC")),
		"user too long":             hs256(kid, claims("sub", "dl_"+strings.Repeat("A", 65))),
		"user with a quote":         hs256(kid, claims("sub", userID+"'")),
		"over a kilobyte":           hs256(kid, claims("x", strings.Repeat("x", 1024))),
		"payload exchanged":         parts[0] + "." + strings.Split(hs256(kid, claims("sub", "dl_ZZZZZZZZZZZZZZZZZZZZZZZZZZ")), ".")[1] + "." + parts[2],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"a part too many":           good + ".x",
		"padding":                   good + "=",
		"a space behind":            good + " ",
	} {
		t.Run(name, func(t *testing.T) {
			if got, verdict := signer.Verify(t.Context(), "bankx", redacted.New(token)); verdict != visitor.Invalid || got != "" {
				t.Errorf("Verify = %q, %v", got, verdict)
			}
		})
	}
	if vault.reads > 2 {
		t.Errorf("%d reads of the vault; only the current key and %s had to be read", vault.reads, v1)
	}
}

func TestAKeyIDThatIsNoVersionCausesNoRead(t *testing.T) {
	clock, vault := newClock(), twoKeys()
	token := forge(t, jwt.SigningMethodHS256, key("2"), map[string]any{"kid": "x"}, map[string]any{"iss": "chatgate"})
	if _, verdict := newSigner(t, vault, clock).Verify(t.Context(), "bankx", redacted.New(token)); verdict != visitor.Invalid || vault.reads != 0 {
		t.Errorf("Verify = %v after %d reads", verdict, vault.reads)
	}
}

func TestAnotherSpellingOfASignatureIsRefused(t *testing.T) {
	signer := newSigner(t, twoKeys(), newClock())
	good := sign(t, signer).Reveal()
	// 32 bytes leave two bits of the last character unused.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, good[len(good)-1])
	spelt := good[:len(good)-1] + string(alphabet[last|1])
	if _, verdict := signer.Verify(t.Context(), "bankx", redacted.New(spelt)); verdict != visitor.Invalid || spelt == good {
		t.Errorf("two tokens with one signature are accepted")
	}
}

func TestKeysInEveryUsualEncoding(t *testing.T) {
	// Bytes that differ in the two alphabets, and a length that needs padding.
	raw := slices.Repeat([]byte{0xfb, 0xff}, 17)
	for name, test := range map[string]struct {
		value string
		ok    bool
	}{
		"standard":          {base64.StdEncoding.EncodeToString(raw), true},
		"standard unpadded": {base64.RawStdEncoding.EncodeToString(raw), true},
		"URL":               {base64.URLEncoding.EncodeToString(raw), true},
		"URL unpadded":      {base64.RawURLEncoding.EncodeToString(raw), true},
		"with a line end":   {base64.StdEncoding.EncodeToString(raw) + "\r\n", true},
		"32 bytes":          {encoded(key("1")), true},
		"31 bytes":          {encoded(key("1")[1:]), false},
		"no base64":         {strings.Repeat("!", 64), false},
		"empty":             {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			signer := newSigner(t, &vault{keys: map[string]string{v1: test.value}, latest: v1}, clock)
			token, err := signer.Sign(t.Context(), "bankx", userID)
			if (err == nil) != test.ok {
				t.Fatalf("Sign: err = %v, want ok = %v", err, test.ok)
			}
			if err != nil && test.value != "" && strings.Contains(err.Error(), test.value) {
				t.Error("the error shows the key")
			}
			if _, verdict := signer.Verify(t.Context(), "bankx", token); (verdict == visitor.Valid) != test.ok {
				t.Errorf("Verify = %v, want valid = %v", verdict, test.ok)
			}
		})
	}
}

func TestAllSpellingsOfAKeyAreOneKey(t *testing.T) {
	raw := slices.Repeat([]byte{0xfb, 0xff}, 17)
	clock := newClock()
	standard := newSigner(t, &vault{keys: map[string]string{v1: base64.StdEncoding.EncodeToString(raw)}, latest: v1}, clock)
	other := newSigner(t, &vault{keys: map[string]string{v1: base64.RawURLEncoding.EncodeToString(raw)}, latest: v1}, clock)
	if _, verdict := other.Verify(t.Context(), "bankx", sign(t, standard)); verdict != visitor.Valid {
		t.Error("the same key in another alphabet does not verify")
	}
}

func TestWithoutTheKeyNothingIsSignedOrBelieved(t *testing.T) {
	clock := newClock()
	token := sign(t, newSigner(t, twoKeys(), clock))
	away := twoKeys()
	away.err = errors.New("the vault is away")
	signer := newSigner(t, away, clock)
	if _, verdict := signer.Verify(t.Context(), "bankx", token); verdict != visitor.Undetermined {
		t.Errorf("without the key a token is %v, want undetermined", verdict)
	}
	if token, err := signer.Sign(t.Context(), "bankx", userID); err == nil || !token.IsEmpty() {
		t.Errorf("Sign = %v, %v", token, err)
	}
}

func TestOnlyUserIDsOfOursAreSigned(t *testing.T) {
	signer := newSigner(t, twoKeys(), newClock())
	for _, id := range []string{"", "dl_", "user", "dl_" + strings.Repeat("A", 65)} {
		if _, err := signer.Sign(t.Context(), "bankx", id); err == nil {
			t.Errorf("a token for %q was signed", id)
		}
	}
}

func FuzzVerify(f *testing.F) {
	clock := newClock()
	signer := newSigner(f, twoKeys(), clock)
	good := sign(f, signer).Reveal()
	f.Add(good)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, token string) {
		got, verdict := signer.Verify(t.Context(), "bankx", redacted.New(token))
		ok := verdict == visitor.Valid
		if ok && (token != good || got != userID) || !ok && got != "" {
			t.Errorf("Verify(%q) = %q, %v", token, got, verdict)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	signer := newSigner(b, twoKeys(), newClock())
	for b.Loop() {
		sign(b, signer)
	}
}

func BenchmarkVerify(b *testing.B) {
	signer := newSigner(b, twoKeys(), newClock())
	token := sign(b, signer)
	for b.Loop() {
		if _, verdict := signer.Verify(b.Context(), "bankx", token); verdict != visitor.Valid {
			b.Fatal("refused")
		}
	}
}
