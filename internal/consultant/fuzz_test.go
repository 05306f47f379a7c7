package consultant_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// FuzzToken: no text but the one good token is ever verified. In the corpus, $h,
// $c and $s stand for the good token's header, claims and signature, which are
// others in each run, and $n for the modulus of the key that it is signed with.
func FuzzToken(f *testing.F) {
	w, _ := newWorld(f)
	good := w.person(tenantA).text(f)
	parts := strings.Split(good, ".")
	modulus, _ := jwk(f, tenantA)["n"].(string)
	written := strings.NewReplacer("$h", parts[0], "$c", parts[1], "$s", parts[2], "$n", modulus)
	f.Add("$h.$c.$s")
	f.Fuzz(func(t *testing.T, given string) {
		text := written.Replace(given)
		_, personErr := w.Consultant(t.Context(), redacted.New(text))
		_, botErr := w.Bot(t.Context(), redacted.New(text))
		if (personErr == nil) != (text == good) {
			t.Errorf("%q: %v", given, personErr)
		}
		for _, err := range []error{personErr, botErr} {
			var failure *problem.Error
			if err != nil && (!errors.As(err, &failure) || failure.Code != problem.TokenInvalid) {
				t.Errorf("%q: err = %v", given, err)
			}
		}
		if botErr == nil {
			t.Errorf("%q is a bot's", given)
		}
	})
}

// FuzzKeySet: whatever the directory answers, a token is verified only by a key
// that the answer holds. In the corpus $n stands for the right modulus, $m for
// that of another key and $i for the tenant's issuer.
func FuzzKeySet(f *testing.F) {
	w, _ := newWorld(f)
	good := w.person(tenantA).head("kid", "k").sign(f)
	modulus, _ := jwk(f, tenantA)["n"].(string)
	another, _ := jwk(f, tenantB)["n"].(string)
	written := strings.NewReplacer("$n", modulus, "$m", another, "$i", w.issuers+tenantA+"/v2.0")
	var body string
	w.options.Client = &http.Client{Transport: answer(func() string { return body })}
	f.Add(`{"keys":[{"kty":"RSA","use":"sig","kid":"k","n":"$n","e":"AQAB","issuer":"$i"}]}`)
	f.Fuzz(func(t *testing.T, given string) {
		body = written.Replace(given)
		_, err := w.verifier(t, tenantA).Consultant(t.Context(), good)
		if err == nil && !strings.Contains(body, modulus) {
			t.Errorf("%q verified a token of a key that it does not hold", given)
		}
		if code := problem.From(err); err != nil && code.Code != problem.TokenInvalid && code.Code != problem.DirectoryUnavailable {
			t.Errorf("%q: err = %v", given, err)
		}
	})
}

// answer is a directory in memory, which is quick enough for fuzzing.
type answer func() string

func (a answer) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(a())),
	}, nil
}

func BenchmarkConsultant(b *testing.B) {
	w, _ := newWorld(b)
	good := w.person(tenantA).sign(b)
	w.mustAccept(b, good)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.Consultant(context.Background(), good); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRefused is what a stranger's token costs: one with a known key id and
// no signature to speak of.
func BenchmarkRefused(b *testing.B) {
	w, _ := newWorld(b)
	good := w.person(tenantA)
	w.mustAccept(b, good.sign(b))
	parts := strings.Split(good.text(b), ".")
	for name, signature := range map[string][]byte{"signature": make([]byte, 256), "length": make([]byte, 255)} {
		text := redacted.New(parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.Consultant(b.Context(), text); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
