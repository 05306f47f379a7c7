package secrets_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	vaultfake "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets/fake"
	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

const (
	vaultURI = "https://chatgate-test.vault.azure.net"
	v1       = "11111111111111111111111111111111"
	v2       = "22222222222222222222222222222222"
	v3       = "33333333333333333333333333333333"
	canary   = "canary-value-51d0"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// sdkVault answers like Key Vault with the SDK's own fake behind it: challenge,
// paths, JSON. It has secret "bankx" in versions v1 and v2 (the latest), and
// "off" which is disabled.
func sdkVault() http.Handler {
	fake := vaultfake.NewServerTransport(&vaultfake.Server{
		GetSecret: func(_ context.Context, name, version string, _ *azsecrets.GetSecretOptions) (resp azfake.Responder[azsecrets.GetSecretResponse], errResp azfake.ErrorResponder) {
			if version == "" {
				version = v2
			}
			if name != "bankx" || version != v1 && version != v2 {
				errResp.SetResponseError(http.StatusNotFound, "SecretNotFound")
				return resp, errResp
			}
			id, value := azsecrets.ID(vaultURI+"/secrets/"+name+"/"+version), canary+version[:1]
			resp.SetResponse(http.StatusOK, azsecrets.GetSecretResponse{Secret: azsecrets.Secret{ID: &id, Value: &value}}, nil)
			return resp, errResp
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := r.Clone(context.WithValue(r.Context(), runtime.CtxAPINameKey{}, "Client.GetSecret"))
		req.URL.Scheme, req.URL.Host = "https", r.Host
		resp, err := fake.Do(req)
		var refused *azcore.ResponseError
		if errors.As(err, &refused) {
			resp = refused.RawResponse
		} else if err != nil {
			panic(err)
		}
		defer func() { _ = resp.Body.Close() }()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})
}

// challenged answers with the vault's challenge first and by handler afterwards.
func challenged(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler(w, r)
	})
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// newVault returns the real client before handler, over TLS and loopback, under
// the vault's real kind of name.
func newVault(t *testing.T, cred azcore.TokenCredential, handler http.Handler) *secrets.Vault {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, ServerName: "example.com", MinVersion: tls.VersionTLS12}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	options := &secrets.VaultOptions{}
	options.Transport = &http.Client{Transport: transport}
	options.Retry.RetryDelay = time.Microsecond
	options.Logging.IncludeBody = true
	vault, err := secrets.NewVault(vaultURI+"/", cred, options)
	if err != nil {
		t.Fatal(err)
	}
	return vault
}

func TestVaultReadsTheLatestAndSingleVersions(t *testing.T) {
	vault := newVault(t, &azfake.TokenCredential{}, sdkVault())
	for version, want := range map[string]string{"": v2, v1: v1, v2: v2} {
		got, err := vault.Read(t.Context(), "bankx", version)
		if err != nil {
			t.Fatal(err)
		}
		if got.Version != want || got.Name != "bankx" || got.Value.Reveal() != canary+want[:1] {
			t.Errorf("Read(%q) = %+v %q", version, got, got.Value.Reveal())
		}
	}
}

func TestVaultTellsWhatDoesNotExistFromWhatMayPass(t *testing.T) {
	inner := func(code string) string {
		return `{"error":{"code":"Forbidden","message":"` + canary + `","innererror":{"code":"` + code + `"}}}`
	}
	for name, test := range map[string]struct {
		handler  http.HandlerFunc
		notFound bool
		says     string
	}{
		"404":                 {answer(404, `{"error":{"code":"SecretNotFound","message":"`+canary+`"}}`), true, "404 SecretNotFound"},
		"403 disabled":        {answer(403, inner("SecretDisabled")), true, "403 SecretDisabled"},
		"403 without role":    {answer(403, inner("ForbiddenByRbac")), false, "403 ForbiddenByRbac"},
		"403 from a firewall": {answer(403, "<html>"+canary), false, "403"},
		"429":                 {answer(429, ""), false, "429"},
		"503":                 {answer(503, canary), false, "503"},
		"too large":           {answer(200, strings.Repeat(" ", 256<<10)+"{}"), false, "longer than"},
		"cut":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false, "EOF"},
		"no value":            {answer(200, `{"id":"`+vaultURI+`/secrets/bankx/`+v1+`"}`), false, "no value"},
		"empty value":         {answer(200, `{"value":"","id":"`+vaultURI+`/secrets/bankx/`+v1+`"}`), false, "no value"},
		"no id":               {answer(200, `{"value":"`+canary+`"}`), false, "no value"},
		"no version":          {answer(200, `{"value":"`+canary+`","id":"`+vaultURI+`/secrets/bankx"}`), false, "another version"},
		"another version":     {answer(200, `{"value":"`+canary+`","id":"`+vaultURI+`/secrets/bankx/`+v2+`"}`), false, "another version"},
		"not JSON":            {answer(200, canary), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			vault := newVault(t, &azfake.TokenCredential{}, challenged(test.handler))
			_, err := vault.Read(t.Context(), "bankx", v1)
			if err == nil || errors.Is(err, secrets.ErrNotFound) != test.notFound || !strings.Contains(err.Error(), test.says) {
				t.Errorf("err = %v, want not found = %v, saying %q", err, test.notFound, test.says)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
				t.Errorf("the error shows the answer: %v", err)
			}
		})
	}
}

func TestVaultRetriesAndKeepsToItsContext(t *testing.T) {
	var calls atomic.Int32
	vault := newVault(t, &azfake.TokenCredential{}, challenged(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		sdkVault().ServeHTTP(w, r)
	}))
	if _, err := vault.Read(t.Context(), "bankx", ""); err != nil || calls.Load() != 3 {
		t.Errorf("err = %v after %d calls, want success with the third", err, calls.Load())
	}
	hanging := newVault(t, &azfake.TokenCredential{}, challenged(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := hanging.Read(ctx, "bankx", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want the deadline", err)
	}
}

// The SDK indexes into the challenge's URL without looking.
func TestAChallengeThatTheSDKPanicsOverIsAnError(t *testing.T) {
	vault := newVault(t, &azfake.TokenCredential{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login", resource="https://vault.azure.net"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	if _, err := vault.Read(t.Context(), "bankx", ""); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("err = %v", err)
	}
}

func TestTheTokenIsKeptFromOtherResources(t *testing.T) {
	vault := newVault(t, &azfake.TokenCredential{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the vault got a token for another resource")
		}
		w.Header().Set("WWW-Authenticate", `Bearer authorization="https://login/t", resource="https://evil.example"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	if _, err := vault.Read(t.Context(), "bankx", ""); err == nil {
		t.Error("a challenge for another resource was met")
	}
}

// refusing is a credential that fails as azidentity's do.
type refusing struct{}

func (refusing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{}, &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: http.StatusBadRequest,
		Request:    &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "http", Host: "identity"}},
		Body:       io.NopCloser(strings.NewReader("AADSTS700016: " + canary)),
	}}
}

func TestAFailingIdentityIsToldByNumber(t *testing.T) {
	vault := newVault(t, refusing{}, sdkVault())
	_, err := vault.Read(t.Context(), "bankx", "")
	if err == nil || !strings.Contains(err.Error(), "gave no token: status 400 AADSTS700016") || strings.Contains(err.Error(), canary) {
		t.Errorf("err = %v, want the number and no text", err)
	}
}

func TestNamesAndVersionsThatCannotExistAreNotAskedFor(t *testing.T) {
	vault := newVault(t, &azfake.TokenCredential{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("asked for %s", r.URL.Path)
	}))
	for _, of := range [][2]string{
		{"", ""}, {"..", v1}, {"a/b", ""}, {"a b", ""}, {strings.Repeat("a", 128), ""},
		{"bankx", "1"}, {"bankx", strings.ToUpper("abcdefabcdefabcdefabcdefabcdefab")}, {"bankx", v1 + "1"}, {"bankx", "../../../../../../../../../../.."},
	} {
		if _, err := vault.Read(t.Context(), of[0], of[1]); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("Read(%q, %q): err = %v, want not found", of[0], of[1], err)
		}
	}
}

func TestVaultURIs(t *testing.T) {
	for uri, ok := range map[string]bool{
		vaultURI:                        true,
		vaultURI + "/":                  true,
		"http://x.vault.azure.net":      false,
		"https://":                      false,
		"https://u:p@x.vault.azure.net": false,
		vaultURI + "/secrets":           false,
		vaultURI + "?x=1":               false,
		"x.vault.azure.net":             false,
		"":                              false,
		"https://a b":                   false,
	} {
		if _, err := secrets.NewVault(uri, &azfake.TokenCredential{}, nil); (err == nil) != ok {
			t.Errorf("NewVault(%q): err = %v, want ok = %v", uri, err, ok)
		}
	}
}

func TestTheSDKsLogShowsNoSecret(t *testing.T) {
	var logged strings.Builder
	azlog.SetListener(func(_ azlog.Event, message string) { logged.WriteString(message) })
	defer azlog.SetListener(nil)
	if _, err := newVault(t, &azfake.TokenCredential{}, sdkVault()).Read(t.Context(), "bankx", ""); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "/secrets/bankx") {
		t.Fatal("nothing was logged, so this test shows nothing")
	}
	for _, private := range []string{canary, "fake_token"} {
		if strings.Contains(logged.String(), private) {
			t.Errorf("the log shows %q:\n%s", private, logged.String())
		}
	}
}

func TestFixedSecretsComeFromTheSettings(t *testing.T) {
	values := map[string]redacted.Text{"bankx": redacted.New(canary)}
	alone := secrets.NewFixed(values, nil)
	first, err := alone.Read(t.Context(), "bankx", "")
	if err != nil || first.Value.Reveal() != canary || !secrets.IsVersion(first.Version) {
		t.Fatalf("Read = %+v, %v", first, err)
	}
	if again, err := alone.Read(t.Context(), "bankx", first.Version); err != nil || again != first {
		t.Errorf("by version: %+v, %v", again, err)
	}
	for _, of := range [][2]string{{"bankx", v1}, {"other", ""}} {
		if _, err := alone.Read(t.Context(), of[0], of[1]); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("Read(%q, %q): err = %v, want not found", of[0], of[1], err)
		}
	}
	both := secrets.NewFixed(values, secrets.NewFixed(map[string]redacted.Text{"other": redacted.New("x")}, nil))
	if got, err := both.Read(t.Context(), "other", ""); err != nil || got.Value.Reveal() != "x" {
		t.Errorf("the next reader was not asked: %+v, %v", got, err)
	}
}
