package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/egress"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/vault"
)

// readEnv names a secret; with it the test binary is an unmodified program that
// reads it with the SDK's default settings.
const readEnv = "VAULT_TEST_READ"

const host = "chatgate-local.vault.azure.net"

func TestMain(m *testing.M) {
	if name := os.Getenv(readEnv); name != "" {
		readSecret(name)
		return
	}
	goleak.VerifyTestMain(m)
}

func readSecret(name string) {
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID(os.Getenv("AZURE_CLIENT_ID")),
	})
	if err != nil {
		fmt.Println("credential:", err)
		os.Exit(1)
	}
	client, err := azsecrets.NewClient("https://"+host, credential, nil)
	if err != nil {
		fmt.Println("client:", err)
		os.Exit(1)
	}
	answer, err := client.GetSecret(context.Background(), name, "", nil)
	if err != nil {
		fmt.Println("reading:", err)
		os.Exit(1)
	}
	fmt.Print(*answer.Value)
}

// system is a vault as a program in Azure finds it.
type system struct {
	vault    *vault.Vault
	proxy    *egress.Proxy
	identity *entra.ManagedIdentity
}

// oneTenant is the tenant of all tests: its key takes long to make.
var oneTenant = sync.OnceValues(func() (*entra.Tenant, error) { return entra.NewTenant(nil) })

func start(t *testing.T) *system {
	t.Helper()
	tenant, err := oneTenant()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := entra.StartManagedIdentity(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = identity.Close() })
	proxy, err := egress.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	v := vault.New(tenant, nil)
	proxy.Handle(host, v)
	return &system{vault: v, proxy: proxy, identity: identity}
}

// client is the real client, in this process.
func (s *system) client(t *testing.T) *azsecrets.Client {
	t.Helper()
	for _, pair := range s.identity.Env() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	transport := s.proxy.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	options := azcore.ClientOptions{
		Transport: &http.Client{Transport: transport},
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond},
	}
	credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ID: azidentity.ClientID(os.Getenv("AZURE_CLIENT_ID")), ClientOptions: options,
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := azsecrets.NewClient(s.vault.URL(), credential, &azsecrets.ClientOptions{ClientOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// refusal returns the status and code of a refused call; 0 for another error.
func refusal(err error) (status int, code string) {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) {
		return 0, ""
	}
	return refused.StatusCode, refused.ErrorCode
}

func TestAnUnmodifiedProgramReadsASecretByManagedIdentity(t *testing.T) {
	s := start(t)
	s.vault.Set("directline", "s3cret")
	program := exec.CommandContext(t.Context(), os.Args[0])
	program.Env = append(s.proxy.Env(), s.identity.Env()...)
	program.Env = append(program.Env, readEnv+"=directline")
	output, err := program.Output()
	if err != nil || string(output) != "s3cret" {
		t.Fatalf("%s %v", output, err)
	}
	if s.proxy.Requests(host) != 2 || s.vault.Reads("directline") != 1 || s.identity.Requests(vault.Resource) != 1 {
		t.Errorf("%d requests, %d reads, %d tokens; want the challenge, one read, one token",
			s.proxy.Requests(host), s.vault.Reads("directline"), s.identity.Requests(vault.Resource))
	}
}

func TestVersions(t *testing.T) {
	s := start(t)
	client := s.client(t)
	old := s.vault.Set("Key", "one")
	current := s.vault.Set("key", "two")
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(old) || old == current {
		t.Fatalf("versions %q and %q", old, current)
	}
	for version, want := range map[string]string{"": "two", current: "two", old: "one"} {
		got, err := client.GetSecret(t.Context(), "key", version, nil)
		if err != nil || *got.Value != want {
			t.Fatalf("version %q: %v %v", version, got.Value, err)
		}
		if id := got.ID.Version(); (version == "" && id != current) || (version != "" && id != version) || got.ID.Name() != "key" {
			t.Errorf("version %q has id %s", version, *got.ID)
		}
		if !*got.Attributes.Enabled || got.Attributes.Created.IsZero() {
			t.Errorf("attributes %+v", got.Attributes)
		}
	}
	if s.vault.Reads("KEY") != 3 {
		t.Errorf("%d reads", s.vault.Reads("key"))
	}
}

func TestRestoreKeepsTheVersionsID(t *testing.T) {
	s := start(t)
	client := s.client(t)
	id := strings.Repeat("0a", 16)
	if err := s.vault.Restore("key", id, "v"); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetSecret(t.Context(), "key", "", nil)
	if err != nil || got.ID.Version() != id || *got.Value != "v" {
		t.Errorf("%v %v", got.ID, err)
	}
	for _, id := range []string{"", "x", strings.Repeat("0A", 16)} {
		if err := s.vault.Restore("key", id, "v"); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	s := start(t)
	client := s.client(t)
	old := s.vault.Set("key", "one")
	current := s.vault.Set("key", "two")
	if err := s.vault.SetEnabled("key", current, false); err != nil {
		t.Fatal(err)
	}
	s.vault.Set("deleted", "x")
	s.vault.Delete("deleted")
	for name, test := range map[string]struct {
		name, version string
		status        int
		code          string
	}{
		"no secret":                    {"other", "", 404, "SecretNotFound"},
		"no version":                   {"key", strings.Repeat("0", 32), 404, "SecretNotFound"},
		"deleted":                      {"deleted", "", 404, "SecretNotFound"},
		"disabled version":             {"key", current, 403, "Forbidden"},
		"current version disabled too": {"key", "", 403, "Forbidden"},
	} {
		_, err := client.GetSecret(t.Context(), test.name, test.version, nil)
		if status, code := refusal(err); status != test.status || code != test.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.GetSecret(t.Context(), "key", old, nil); err != nil {
		t.Errorf("an older version that is enabled: %v", err)
	}
	if err := s.vault.SetEnabled("key", "x", true); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("SetEnabled of no version: %v", err)
	}
}

func TestTheRealClientWritesAndUpdates(t *testing.T) {
	s := start(t)
	client := s.client(t)
	value, tag, expires := "v", "key1", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	set, err := client.SetSecret(t.Context(), "key", azsecrets.SetSecretParameters{
		Value: &value, Tags: map[string]*string{"CredentialId": &tag},
		SecretAttributes: &azsecrets.SecretAttributes{Expires: &expires},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	disabled, kind := false, "text"
	if _, err := client.UpdateSecretProperties(t.Context(), "key", set.ID.Version(), azsecrets.UpdateSecretPropertiesParameters{
		ContentType: &kind, SecretAttributes: &azsecrets.SecretAttributes{Enabled: &disabled},
	}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetSecret(t.Context(), "key", "", nil); err == nil {
		t.Error("a disabled secret was read")
	}
	if err := s.vault.SetEnabled("key", set.ID.Version(), true); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetSecret(t.Context(), "key", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Value != value || *got.Tags["CredentialId"] != tag || !got.Attributes.Expires.Equal(expires) || *got.ContentType != kind {
		t.Errorf("read back: %+v", got.Secret)
	}
	_, err = client.UpdateSecretProperties(t.Context(), "key", strings.Repeat("0", 32), azsecrets.UpdateSecretPropertiesParameters{}, nil)
	if status, _ := refusal(err); status != http.StatusNotFound {
		t.Errorf("updating no version: %v", err)
	}
}

func TestOnlyTokensOfTheTenantForTheVaultAreLetIn(t *testing.T) {
	tenant, err := entra.NewTenant(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t) // whose tenant is another
	s.vault.Set("key", "canary")
	foreign, _, err := tenant.Token(vault.Resource)
	if err != nil {
		t.Fatal(err)
	}
	own := s.ownToken(t, vault.Resource)
	for name, test := range map[string]struct {
		authorization, query string
		status               int
	}{
		"own token":            {"Bearer " + own, "?api-version=7.5", 200},
		"no token":             {"", "?api-version=7.5", 401},
		"another tenant's":     {"Bearer " + foreign.Reveal(), "?api-version=7.5", 401},
		"for another resource": {"Bearer " + s.ownToken(t, "https://storage.azure.com"), "?api-version=7.5", 401},
		"another scheme":       {"Basic " + own, "?api-version=7.5", 401},
		"no version":           {"Bearer " + own, "", 400},
	} {
		status, challenge, body := s.get(t, "/secrets/key/"+test.query, test.authorization)
		if status != test.status || (status == 200) != strings.Contains(body, "canary") {
			t.Errorf("%s: %d %s, want %d", name, status, body, test.status)
		}
		wantChallenge := `resource="https://vault.azure.net"`
		if (status == 401) != strings.Contains(challenge, wantChallenge) {
			t.Errorf("%s: challenge %q", name, challenge)
		}
	}
}

func TestWhatIsNotOffered(t *testing.T) {
	s := start(t)
	own := "Bearer " + s.ownToken(t, vault.Resource)
	for _, path := range []string{"/secrets", "/secrets/", "/secrets/a/versions", "/secrets/a_b", "/secrets/a/b/c", "/keys/a", "/"} {
		if status, _, body := s.get(t, path+"?api-version=7.5", own); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// ownToken asks the identity endpoint for a token as the app would.
func (s *system) ownToken(t *testing.T, resource string) string {
	t.Helper()
	env := map[string]string{}
	for _, pair := range s.identity.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	url := env["IDENTITY_ENDPOINT"] + "?api-version=2019-08-01&resource=" + resource + "&client_id=" + env["AZURE_CLIENT_ID"]
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-IDENTITY-HEADER", env["IDENTITY_HEADER"])
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	return redacted.New(answer.Token).Reveal()
}

func (s *system) get(t *testing.T, path, authorization string) (status int, challenge, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	transport := s.proxy.Transport()
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("WWW-Authenticate"), string(content)
}
