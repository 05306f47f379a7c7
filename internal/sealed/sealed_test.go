package sealed_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secrets"
)

const (
	keyName = "sealing-key"
	first   = "11111111111111111111111111111111"
	second  = "22222222222222222222222222222222"
	absent  = "33333333333333333333333333333333"

	login sealed.Kind = "login"
	token sealed.Kind = "token"
)

// vault holds the versions of the key; the newest is current.
type vault struct {
	values  map[string]string
	current string
	away    bool
	// disabled is a version that the vault does not give any more.
	disabled string
	// unsure is why the vault cannot be asked whether a version is in force.
	unsure error
}

func newVault() *vault {
	return &vault{values: map[string]string{first: keyOf(1)}, current: first}
}

func keyOf(seed byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{seed}, 32))
}

// Get serves what it has, as the cache does, in force or not.
func (v *vault) Get(_ context.Context, name string) (secrets.Secret, error) {
	if v.away {
		return secrets.Secret{}, problem.New(problem.SecretUnavailable, "away")
	}
	return secrets.Secret{Name: name, Version: v.current, Value: redacted.New(v.values[v.current])}, nil
}

func (v *vault) Version(_ context.Context, name, version string) (secrets.Secret, error) {
	if v.away {
		return secrets.Secret{}, problem.New(problem.SecretUnavailable, "away")
	}
	value, known := v.values[version]
	if !known || version == v.disabled {
		return secrets.Secret{}, secrets.ErrNotFound
	}
	return secrets.Secret{Name: name, Version: version, Value: redacted.New(value)}, nil
}

func (v *vault) Confirm(_ context.Context, _, version string) error {
	if _, known := v.values[version]; !known || version == v.disabled {
		return secrets.ErrNotFound
	}
	return v.unsure
}

func seal(t *testing.T, keys sealed.Keys, kind sealed.Kind, payload string) redacted.Text {
	t.Helper()
	got, err := sealed.New(keys, keyName).Seal(t.Context(), kind, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWhatIsSealedOpensOnEveryInstance(t *testing.T) {
	keys := newVault()
	for _, payload := range []string{"", "x", strings.Repeat("é", sealed.MaxPayload/2)} {
		one := seal(t, keys, login, payload)
		if len(one.Reveal()) > sealed.MaxSealed {
			t.Errorf("%d bytes are sealed into %d, more than is opened", len(payload), len(one.Reveal()))
		}
		got, err := sealed.New(keys, keyName).Open(t.Context(), login, one)
		if err != nil || string(got) != payload {
			t.Errorf("%d bytes came back as %d, %v", len(payload), len(got), err)
		}
	}
}

func TestNothingOfThePayloadShows(t *testing.T) {
	one, two := seal(t, newVault(), login, "canary-1f"), seal(t, newVault(), login, "canary-1f")
	if one == two {
		t.Error("sealing the same twice gives the same: the nonce is not fresh")
	}
	for part := range strings.SplitSeq(one.Reveal(), ".") {
		plain, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || bytes.Contains(plain, []byte("canary")) {
			t.Errorf("a part is %q, %v", plain, err)
		}
	}
}

func TestOlderVersionsGoOnOpening(t *testing.T) {
	keys := newVault()
	before := seal(t, keys, token, "old")
	keys.values[second], keys.current = keyOf(2), second
	after := seal(t, keys, token, "new")
	for text, want := range map[redacted.Text]string{before: "old", after: "new"} {
		got, err := sealed.New(keys, keyName).Open(t.Context(), token, text)
		if err != nil || string(got) != want {
			t.Errorf("Open = %q, %v; want %q", got, err, want)
		}
	}
	delete(keys.values, first)
	if _, err := sealed.New(keys, keyName).Open(t.Context(), token, before); !errors.Is(err, sealed.ErrNotOurs) {
		t.Errorf("with its key disabled: %v", err)
	}
}

// After a leak the key is disabled. The cache serves it on while there is no newer
// one.
func TestADisabledKeyNeitherOpensNorSeals(t *testing.T) {
	keys := newVault()
	before := seal(t, keys, token, "payload")
	keys.disabled = first
	if got, err := sealed.New(keys, keyName).Open(t.Context(), token, before); !errors.Is(err, sealed.ErrNotOurs) || got != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	got, err := sealed.New(keys, keyName).Seal(t.Context(), token, []byte("payload"))
	if failure := problem.From(err); !got.IsEmpty() || failure.Code != problem.SecretUnavailable || failure.RetryAfter == 0 {
		t.Errorf("Seal: %v", err)
	}
	keys.values[second], keys.current = keyOf(2), second
	seal(t, keys, token, "payload")
}

// What is sealed anew outlives the key of what it takes the place of.
func TestWhatIsToBeRenewedOpensWithAKeyThatIsInForce(t *testing.T) {
	keys := newVault()
	sealer := sealed.New(keys, keyName)
	old := seal(t, keys, token, "payload")
	keys.unsure = problem.New(problem.SecretUnavailable, "away")
	if got, err := sealer.OpenToRenew(t.Context(), token, old); err != nil || string(got) != "payload" {
		t.Errorf("with the current key: %q, %v", got, err)
	}
	keys.values[second], keys.current = keyOf(2), second
	if got, err := sealer.OpenToRenew(t.Context(), token, old); got != nil || problem.From(err).Code != problem.SecretUnavailable {
		t.Errorf("with an older one, the vault away: %q, %v", got, err)
	}
	if got, err := sealer.Open(t.Context(), token, old); err != nil || string(got) != "payload" {
		t.Errorf("but it opens: %q, %v", got, err)
	}
	keys.unsure = nil
	if got, err := sealer.OpenToRenew(t.Context(), token, old); err != nil || string(got) != "payload" {
		t.Errorf("with an older one: %q, %v", got, err)
	}
	keys.disabled = first
	if got, err := sealer.OpenToRenew(t.Context(), token, old); got != nil || !errors.Is(err, sealed.ErrNotOurs) {
		t.Errorf("with a disabled one: %q, %v", got, err)
	}
}

func TestOnlyWhatWasSealedHereOpens(t *testing.T) {
	keys := newVault()
	good := seal(t, keys, login, "payload").Reveal()
	parts := strings.Split(good, ".")
	with := func(i int, part string) string {
		changed := append([]string(nil), parts...)
		changed[i] = part
		return strings.Join(changed, ".")
	}
	tests := map[string]string{
		"nothing":                    "",
		"no token":                   "x",
		"too few parts":              strings.Join(parts[:4], "."),
		"too many parts":             good + ".",
		"too long":                   good + strings.Repeat("A", sealed.MaxSealed),
		"another header":             with(0, base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A256GCM","kid":"`+first+`","typ":"login","x":1}`))),
		"header not authenticated":   with(0, base64.RawURLEncoding.EncodeToString([]byte(`{"enc":"A256GCM","alg":"dir","kid":"`+first+`","typ":"login"}`))),
		"an encrypted key":           with(1, "AAAA"),
		"JSON serialization":         `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"sealed as another kind":     seal(t, keys, token, "payload").Reveal(),
		"with another key":           seal(t, &vault{values: map[string]string{first: keyOf(9)}, current: first}, login, "payload").Reveal(),
		"with a key that is unknown": seal(t, &vault{values: map[string]string{absent: keyOf(1)}, current: absent}, login, "payload").Reveal(),
		"A128GCM":                    foreign(t, jose.A128GCM, jose.DIRECT, make([]byte, 16), nil),
		"A256CBC-HS512":              foreign(t, jose.A256CBC_HS512, jose.DIRECT, make([]byte, 64), nil),
		"A256KW":                     foreign(t, jose.A256GCM, jose.A256KW, bytes.Repeat([]byte{1}, 32), nil),
		"PBES2, costly to refuse":    foreign(t, jose.A256GCM, jose.PBES2_HS512_A256KW, bytes.Repeat([]byte{1}, 32), nil),
		"compressed":                 foreign(t, jose.A256GCM, jose.DIRECT, bytes.Repeat([]byte{1}, 32), func(o *jose.EncrypterOptions) { o.Compression = jose.DEFLATE }),
		"of no kind":                 foreign(t, jose.A256GCM, jose.DIRECT, bytes.Repeat([]byte{1}, 32), func(o *jose.EncrypterOptions) { o.ExtraHeaders = nil }),
	}
	for name, text := range tests {
		if got, err := sealed.New(keys, keyName).Open(t.Context(), login, redacted.New(text)); !errors.Is(err, sealed.ErrNotOurs) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := sealed.New(keys, keyName).Open(t.Context(), "", redacted.New(good)); !errors.Is(err, sealed.ErrNotOurs) {
		t.Errorf("opened as no kind: %v", err)
	}
}

// foreign makes a JWE as others might.
func foreign(t *testing.T, enc jose.ContentEncryption, alg jose.KeyAlgorithm, key []byte, change func(*jose.EncrypterOptions)) string {
	t.Helper()
	options := (&jose.EncrypterOptions{}).WithType("login")
	if change != nil {
		change(options)
	}
	encrypter, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: first, PBES2Count: 1000}, options)
	if err != nil {
		t.Fatal(err)
	}
	object, err := encrypter.Encrypt([]byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestEveryChangedCharacterIsNoticed(t *testing.T) {
	keys := newVault()
	good := seal(t, keys, login, "a payload of some length").Reveal()
	for i := range len(good) {
		for _, c := range []byte("A_") {
			changed := []byte(good)
			if changed[i] == c || changed[i] == '.' {
				continue
			}
			changed[i] = c
			got, err := sealed.New(keys, keyName).Open(t.Context(), login, redacted.New(string(changed)))
			// The last character of a part may hold bits that mean nothing.
			if err == nil && string(got) != "a payload of some length" {
				t.Errorf("with %q at %d it opens as %q", c, i, got)
			}
			if err != nil && !errors.Is(err, sealed.ErrNotOurs) {
				t.Errorf("with %q at %d: %v", c, i, err)
			}
		}
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for name, value := range map[string]string{
		"empty": "", "no base64": "!!", "31 bytes": base64.StdEncoding.EncodeToString(make([]byte, 31)),
		"33 bytes": base64.StdEncoding.EncodeToString(make([]byte, 33)),
	} {
		keys := &vault{values: map[string]string{first: value}, current: first}
		got, err := sealed.New(keys, keyName).Seal(t.Context(), login, nil)
		if err == nil || !got.IsEmpty() {
			t.Errorf("%s: sealed", name)
		}
	}
	urlSafe := strings.TrimRight(base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 32)), "=")
	keys := &vault{values: map[string]string{first: urlSafe + "\n"}, current: first}
	seal(t, keys, login, "x")
}

func TestTheVaultAwayIsNotTakenForAForgery(t *testing.T) {
	keys := newVault()
	good := seal(t, keys, login, "x")
	keys.away = true
	_, err := sealed.New(keys, keyName).Open(t.Context(), login, good)
	if errors.Is(err, sealed.ErrNotOurs) || problem.From(err).Code != problem.SecretUnavailable {
		t.Errorf("Open: %v", err)
	}
	if _, err := sealed.New(keys, keyName).Seal(t.Context(), login, nil); problem.From(err).Code != problem.SecretUnavailable {
		t.Errorf("Seal: %v", err)
	}
}

func TestMoreThanCanBeOpenedIsNotSealed(t *testing.T) {
	if got, err := sealed.New(newVault(), keyName).Seal(t.Context(), login, make([]byte, sealed.MaxPayload+1)); err == nil || !got.IsEmpty() {
		t.Error("sealed")
	}
	if _, err := sealed.New(newVault(), keyName).Seal(t.Context(), "", nil); err == nil {
		t.Error("sealed as no kind")
	}
}

func FuzzOpen(f *testing.F) {
	keys := newVault()
	sealer := sealed.New(keys, keyName)
	good, err := sealer.Seal(context.Background(), login, []byte("payload"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Reveal())
	f.Add("....")
	f.Add("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := sealer.Open(t.Context(), login, redacted.New(text))
		if err == nil && string(got) != "payload" {
			t.Errorf("%q opens as %q", text, got)
		}
		if err != nil && (!errors.Is(err, sealed.ErrNotOurs) || got != nil) {
			t.Errorf("Open = %q, %v", got, err)
		}
	})
}
