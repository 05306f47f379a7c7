package secrets_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

func TestWriteSendsAVersionWithItsDetails(t *testing.T) {
	var sent map[string]any
	vault := newVault(t, &azfake.TokenCredential{}, challenged(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.URL.Path != "/secrets/bankx" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, `{"id":"%s/secrets/bankx/%s","value":%q}`, vaultURI, v3, canary)
	}))
	begins := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	version, err := secrets.NewWriter(vault).Write(t.Context(), "bankx", secrets.Draft{
		Value: redacted.New(canary), ContentType: "text/plain", Tags: map[string]string{"CredentialId": "key2"},
		NotBefore: begins, Expires: begins.AddDate(0, 0, 90),
	})
	if err != nil || version != v3 {
		t.Fatalf("Write = %q, %v", version, err)
	}
	want := map[string]any{
		"value": canary, "contentType": "text/plain", "tags": map[string]any{"CredentialId": "key2"},
		"attributes": map[string]any{"enabled": true, "nbf": float64(begins.Unix()), "exp": float64(begins.AddDate(0, 0, 90).Unix())},
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("(-want +sent):\n%s", diff)
	}
}

func TestCurrentTellsTheDetails(t *testing.T) {
	vault := newVault(t, &azfake.TokenCredential{}, challenged(answer(200, fmt.Sprintf(
		`{"id":"%s/secrets/bankx/%s","value":%q,"contentType":"text/plain","tags":{"CredentialId":"key1","empty":null},"attributes":{"exp":1780000000}}`,
		vaultURI, v2, canary))))
	got, err := secrets.NewWriter(vault).Current(t.Context(), "bankx")
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "bankx" || got.Version != v2 || got.Value.Reveal() != canary || got.ContentType != "text/plain" ||
		got.Expires != time.Unix(1780000000, 0).UTC() || !cmp.Equal(got.Tags, map[string]string{"CredentialId": "key1"}) {
		t.Errorf("Current = %+v", got)
	}
	bare := newVault(t, &azfake.TokenCredential{}, challenged(answer(200, fmt.Sprintf(`{"id":"%s/secrets/bankx/%s","value":"v"}`, vaultURI, v2))))
	if got, err := secrets.NewWriter(bare).Current(t.Context(), "bankx"); err != nil || !got.Expires.IsZero() || len(got.Tags) > 0 {
		t.Errorf("Current = %+v, %v", got, err)
	}
}

func TestAWritersErrorsTellNoSecret(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.Handler
		says    string
	}{
		"no role":    {challenged(answer(403, `{"error":{"code":"Forbidden","message":"`+canary+`","innererror":{"code":"ForbiddenByRbac"}}}`)), "403 ForbiddenByRbac"},
		"no version": {challenged(answer(200, `{"value":"`+canary+`"}`)), "no"},
		"not JSON":   {challenged(answer(200, canary)), ""},
		"bad challenge": {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com", resource="https://vault.azure.net"`)
			w.WriteHeader(401)
		}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			writer := secrets.NewWriter(newVault(t, &azfake.TokenCredential{}, test.handler))
			_, written := writer.Write(t.Context(), "bankx", secrets.Draft{Value: redacted.New(canary)})
			_, read := writer.Current(t.Context(), "bankx")
			for call, err := range map[string]error{"Write": written, "Current": read} {
				if err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: %v, want %q", call, err, test.says)
				}
			}
		})
	}
}

func TestAWriterSendsNothingThatCannotBe(t *testing.T) {
	writer := secrets.NewWriter(newVault(t, &azfake.TokenCredential{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("something was sent")
		_, _ = io.WriteString(w, "{}")
	})))
	for _, name := range []string{"", "a/b", "..", strings.Repeat("a", 128)} {
		if _, err := writer.Write(t.Context(), name, secrets.Draft{Value: redacted.New("v")}); err == nil {
			t.Errorf("%q was written", name)
		}
		if _, err := writer.Current(t.Context(), name); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := writer.Write(context.Background(), "bankx", secrets.Draft{}); err == nil {
		t.Error("a secret without a value was written")
	}
}
