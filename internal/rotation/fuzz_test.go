package rotation

import (
	"strings"
	"testing"

	"chatgate/internal/secrets"
)

// Whatever comes out of the queue: what passes for an event about a secret names a
// host, a secret and a version in their exact forms.
func FuzzEvents(f *testing.F) {
	for _, seed := range []string{
		`{"eventType":"Microsoft.KeyVault.SecretNearExpiry","data":{"Id":"https://v.vault.azure.net/secrets/s/00000000000000000000000000000000"}}`,
		`[{"type":"Microsoft.KeyVault.SecretNearExpiry","data":{"Id":"https://u@v:443/secrets/s%2f/0"}},{}]`,
		`[null]`, `{"data":[]}`, "\xef\xbb\xbf{}", `{"EVENTTYPE":1}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, refusal := decodeEvents(body)
		if refusal != "" && len(events) > 0 {
			t.Errorf("%s, and yet %d events", refusal, len(events))
		}
		for _, each := range events {
			about, refusal := each.secret()
			if refusal != "" {
				continue
			}
			if about.vaultHost == "" || strings.ContainsAny(about.vaultHost, "/@") || about.secret == "" ||
				strings.Contains(about.secret, "/") || !secrets.IsVersion(about.version) {
				t.Errorf("%+v out of %q", about, body)
			}
		}
	})
}
