package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/settings"
	"chatgate/internal/transcript/filestore"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// startSite serves what lies beside the app, and returns its address and the
// app's settings.
func startSite(t *testing.T, o options) (url string, env []string) {
	t.Helper()
	o.data = t.TempDir()
	azure, err := startCloud(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeWithin(azure.Close); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(o.data, "conversations.db")
	store, err := filestore.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	env = environment(o, azure, file)
	server := httptest.NewServer((&site{cloud: azure, store: store, env: env}).handler())
	t.Cleanup(server.Close)
	return server.URL, env
}

func get(t *testing.T, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, response.StatusCode, err)
	}
	return string(body)
}

// The settings are those of production but for what development allows, and the
// app must take them.
func TestTheAppTakesTheSettings(t *testing.T) {
	_, env := startSite(t, options{port: 7099, lifetime: time.Hour})
	got, err := settings.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	if got.Authority != "http://localhost:7099/local/entra" || got.APIClientID == "" || got.RetentionDays != 0 {
		t.Errorf("settings of the service desk: %q %q %d", got.Authority, got.APIClientID, got.RetentionDays)
	}
	if len(got.Assistants) != 1 || got.Assistants[0].ID != assistant || got.Assistants[0].DeskTenantID == "" {
		t.Errorf("assistants: %+v; with one its id may be left out everywhere", got.Assistants)
	}
}

func TestNewcomersFindTheServiceDeskAndWhoToBe(t *testing.T) {
	url, env := startSite(t, options{port: 7099, lifetime: time.Hour})
	page := get(t, url+"/")
	for _, part := range []string{`href="/api/site/desk/"`, `href="/api/site/chat/"`, "Rita Reader", "Emil Eraser", "Otto Other", "Demo Bank", "Other Insurance"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	for _, setting := range env {
		if secret, found := strings.CutPrefix(setting, "IDENTITY_HEADER="); found && strings.Contains(page, secret) {
			t.Error("the page shows a secret")
		}
	}
}

// The key in the vault is the one that the page shows, so that the check of Login
// APIs can be tried.
func TestTheBankTakesTheKeyThatIsShown(t *testing.T) {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("the app cannot reach the vault here, and the bank asks for no key")
	}
	url, _ := startSite(t, options{port: 7099, lifetime: time.Hour})
	if page := get(t, url+"/"); !strings.Contains(page, "(holds "+bankKey+")") {
		t.Error("the page does not show the key")
	}
	for key, want := range map[string]int{bankKey: http.StatusNotFound, "another": http.StatusUnauthorized} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, url+bankPath+"/login/pollLogin", strings.NewReader(`{"pollingToken":"none"}`))
		request.RequestURI = ""
		request.Header.Set("X-Api-Key", key)
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != want {
			t.Errorf("with the key %s: %d %v, want %d", key, response.StatusCode, err, want)
		}
	}
}

func TestThePortIsLookedAtFirst(t *testing.T) {
	taken, err := listen(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	if err := start(t.Context(), options{}, port, true); err == nil || !strings.Contains(err.Error(), "opening port "+port) {
		t.Errorf("a port that is taken: %v", err)
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := start(t.Context(), options{}, "0", true); err != nil {
		t.Errorf("whatever port is free: %v", err)
	}
	for _, text := range []string{"abc", "", "-1", "65536"} {
		if err := start(t.Context(), options{}, text, true); err == nil || !strings.Contains(err.Error(), "PORT must be a number") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The page signs in at the address that the app names, and comes back to either
// of its own.
func TestSignInIsServedAtTheAuthority(t *testing.T) {
	url, env := startSite(t, options{port: 7099, lifetime: time.Hour})
	got, err := settings.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(got.Authority, "http://localhost:7099")
	var found struct {
		Authorize string `json:"authorization_endpoint"`
	}
	if err := json.Unmarshal([]byte(get(t, url+path+"/organizations/v2.0/.well-known/openid-configuration")), &found); err != nil {
		t.Fatal(err)
	}
	if found.Authorize != got.Authority+"/organizations/oauth2/v2.0/authorize" {
		t.Errorf("the sign-in page is at %q", found.Authorize)
	}
	for _, home := range deskPages(7099) {
		page := get(t, url+path+"/organizations/oauth2/v2.0/authorize?client_id="+got.APIClientID+"&response_type=code&redirect_uri="+home+
			"&scope=openid&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
		if !strings.Contains(page, "Pick an account") {
			t.Errorf("%s: %s", home, page)
		}
	}
}
