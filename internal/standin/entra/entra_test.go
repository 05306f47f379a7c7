package entra_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/faults"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// oneTenant is the tenant of the tests that need no other: its key takes long to
// make. The real client keeps tokens for the life of the process by client id, so
// tests that count its requests need one of their own.
var oneTenant = sync.OnceValues(func() (*entra.Tenant, error) { return entra.NewTenant(nil) })

func newTenant(t *testing.T, options *entra.Options) *entra.Tenant {
	t.Helper()
	if options == nil {
		tenant, err := oneTenant()
		if err != nil {
			t.Fatal(err)
		}
		return tenant
	}
	tenant, err := entra.NewTenant(options)
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

func start(t *testing.T, tenant *entra.Tenant) (*entra.ManagedIdentity, map[string]string) {
	t.Helper()
	endpoint, err := entra.StartManagedIdentity(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := endpoint.Close(); err != nil {
			t.Error(err)
		}
	})
	env := map[string]string{}
	for _, pair := range endpoint.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	return endpoint, env
}

// credential is the real client, told of the endpoint as App Service would.
func credential(t *testing.T, env map[string]string) azcore.TokenCredential {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID(env["AZURE_CLIENT_ID"]),
		ClientOptions: azcore.ClientOptions{
			Transport: &http.Client{Transport: transport},
			Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

func TestTheRealClientGetsATokenForEachResource(t *testing.T) {
	tenant := newTenant(t, &entra.Options{})
	endpoint, env := start(t, tenant)
	client := credential(t, env)
	for _, resource := range []string{"https://vault.azure.net", "https://storage.azure.com"} {
		got, err := client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{resource + "/.default"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := tenant.Verify(redacted.New(got.Token), resource); err != nil {
			t.Errorf("%s: %v", resource, err)
		}
		if left := time.Until(got.ExpiresOn); left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("%s: expires in %s", resource, left)
		}
		if endpoint.Requests(resource) != 1 {
			t.Errorf("%s was asked for %d times", resource, endpoint.Requests(resource))
		}
	}
}

func TestTheRealClientRetriesAFailingEndpoint(t *testing.T) {
	endpoint, env := start(t, newTenant(t, &entra.Options{}))
	endpoint.Faults.Add(faults.Answer(http.StatusInternalServerError, "x").Times(2))
	client := credential(t, env)
	if _, err := client.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}}); err != nil {
		t.Fatal(err)
	}
	if got := endpoint.Requests("https://vault.azure.net"); got != 3 {
		t.Errorf("%d requests, want 3", got)
	}
}

// TestTokensAreWhatAzuriteAccepts pins the claims that Azurite's --oauth basic
// looks at: aud, iss, nbf, iat and exp.
func TestTokensAreWhatAzuriteAccepts(t *testing.T) {
	tenant := newTenant(t, &entra.Options{TenantID: "6d1b8a1c-0000-4000-8000-000000000001"})
	token, _, err := tenant.Token("https://storage.azure.com")
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Aud, Iss, Tid, Appid string
		Nbf, Iat, Exp        int64
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token.Reveal(), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatalf("aud must be text, not a list: %v", err)
	}
	now := time.Now().Unix()
	if claims.Aud != "https://storage.azure.com" || claims.Iss != "https://sts.windows.net/"+tenant.ID()+"/" ||
		claims.Tid != tenant.ID() || claims.Appid != tenant.ClientID() {
		t.Errorf("claims: %+v", claims)
	}
	if claims.Nbf > now || claims.Iat > now || claims.Exp <= now {
		t.Errorf("times: %+v, now %d", claims, now)
	}
}

func TestOnlyTheTenantsOwnValidTokensPass(t *testing.T) {
	const vault = "https://vault.azure.net"
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	at := now
	options := &entra.Options{TenantID: "t", ClientID: "c", Lifetime: time.Hour, Now: func() time.Time { return at }}
	tenant, twin := newTenant(t, options), newTenant(t, options)
	issue := func(from *entra.Tenant, audience string, when time.Time) redacted.Text {
		at = when
		token, _, err := from.Token(audience)
		if err != nil {
			t.Fatal(err)
		}
		at = now
		return token
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{
		"aud": vault, "iss": "https://sts.windows.net/t/", "exp": now.Add(time.Hour).Unix(),
	}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	if err := tenant.Verify(issue(tenant, vault, now), vault); err != nil {
		t.Errorf("a good token: %v", err)
	}
	for name, token := range map[string]redacted.Text{
		"empty":            {},
		"no token":         redacted.New("x"),
		"another audience": issue(tenant, "https://storage.azure.com", now),
		"another key":      issue(twin, vault, now),
		"expired":          issue(tenant, vault, now.Add(-time.Hour)),
		"not yet valid":    issue(tenant, vault, now.Add(time.Minute)),
		"unsigned":         redacted.New(unsigned),
	} {
		if err := tenant.Verify(token, vault); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := tenant.Verify(issue(tenant, "", now), ""); err == nil {
		t.Error("an empty audience was accepted")
	}
}

func TestTheEndpointRefusesAsAppServiceDoes(t *testing.T) {
	_, env := start(t, newTenant(t, nil))
	good := "api-version=2019-08-01&resource=https://vault.azure.net&client_id=" + env["AZURE_CLIENT_ID"]
	for name, test := range map[string]struct {
		header, query string
		status        int
	}{
		"as it should be":     {env["IDENTITY_HEADER"], good, 200},
		"no header":           {"", good, 401},
		"another's header":    {"x" + env["IDENTITY_HEADER"], good, 401},
		"no version":          {env["IDENTITY_HEADER"], strings.Replace(good, "api-version=2019-08-01", "", 1), 400},
		"no resource":         {env["IDENTITY_HEADER"], strings.Replace(good, "resource=https://vault.azure.net", "", 1), 400},
		"no client id":        {env["IDENTITY_HEADER"], "api-version=2019-08-01&resource=r", 400},
		"another's client id": {env["IDENTITY_HEADER"], good + "x", 400},
	} {
		status, body := ask(t, env["IDENTITY_ENDPOINT"]+"?"+test.query, test.header)
		if status != test.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, test.status)
		}
		if test.status != http.StatusOK {
			continue
		}
		expires, isText := body["expires_on"].(string)
		if _, err := strconv.ParseInt(expires, 10, 64); !isText || err != nil {
			t.Errorf("expires_on = %v, want seconds as text", body["expires_on"])
		}
	}
}

func ask(t *testing.T, url, header string) (status int, body map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		request.Header.Set("X-IDENTITY-HEADER", header)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}
