package entra_test

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/standin/entra"
	"chatgate/internal/testclock"
)

const (
	demoTenant = "6d1b8a1c-0000-4000-8000-00000000000d"
	pageURI    = "https://desk.example/api/site/desk/"
	pageOrigin = "https://desk.example"
	verifier   = "a-verifier-that-is-long-enough-for-RFC-7636-to-take"
)

// world is a directory with two tenants behind a real server, and a clock that
// the test moves.
type world struct {
	*entra.Directory

	demo, other *entra.Organization
	rita, emil  entra.Person // of the demo tenant
	otto        entra.Person // of the other one
	api         entra.Application
	bot         entra.Application

	client *http.Client

	clock *testclock.Clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{clock: testclock.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))}
	var directory *entra.Directory
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/local/entra", directory).ServeHTTP(out, r)
	}))
	t.Cleanup(server.Close)
	directory = entra.NewDirectory(&entra.DirectoryOptions{URL: server.URL + "/local/entra/", Now: w.clock.Now})
	w.Directory = directory
	w.demo = directory.AddTenant(demoTenant, "Demo Bank", "demobank.example")
	w.other = directory.AddTenant("", "Other <Insurance>", "other.example")
	w.rita = w.demo.AddPerson(entra.Person{Name: "Rita Reader", Username: "rita", Roles: []string{"Desk.Read", "Another.Role"}})
	w.emil = w.demo.AddPerson(entra.Person{Name: "Emil Eraser", Username: "emil", Roles: []string{"Desk.Read", "Desk.Erase"}})
	w.otto = w.other.AddPerson(entra.Person{Name: `<script>alert("Otto")</script>`, Username: "otto"})
	w.api = directory.AddApplication(entra.Application{
		Name: "Chatgate", RedirectURIs: []string{pageURI, "https://desk.example/other?a=b"},
		Scopes: []string{"Desk.Access"}, Roles: []string{"Desk.Read", "Desk.Erase", "Login.Broker"},
	})
	w.bot = directory.AddApplication(entra.Application{
		Name: "Bot", TenantID: demoTenant, Secret: "the-bot's-secret", Granted: []string{"Login.Broker", "Another.Role"},
	})
	w.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w
}

// page is an answer, its body read.
type page struct {
	status int
	header http.Header
	body   string
}

// call makes a request; with a form it posts.
func (w *world) call(t *testing.T, path string, form url.Values, header map[string]string) page {
	t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	request, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := w.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return page{response.StatusCode, response.Header, string(text)}
}

// change sets parameters; an empty value removes one.
func change(from url.Values, changes map[string]string) url.Values {
	for name, value := range changes {
		from.Set(name, value)
		if value == "" {
			from.Del(name)
		}
	}
	return from
}

// signInRequest is what MSAL asks for in a browser.
func (w *world) signInRequest(changes map[string]string) url.Values {
	hash := sha256.Sum256([]byte(verifier))
	return change(url.Values{
		"client_id": {w.api.ClientID}, "response_type": {"code"}, "redirect_uri": {pageURI}, "response_mode": {"fragment"},
		"scope": {"api://" + w.api.ClientID + "/Desk.Access openid profile offline_access"},
		"state": {"a state"}, "nonce": {"a nonce"}, "client_info": {"1"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])}, "code_challenge_method": {"S256"},
	}, changes)
}

// redeemRequest is what MSAL posts with the code.
func (w *world) redeemRequest(code string, changes map[string]string) url.Values {
	return change(url.Values{
		"client_id": {w.api.ClientID}, "grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {pageURI},
		"code_verifier": {verifier}, "client_info": {"1"},
	}, changes)
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// pick fills the page's form in as a browser would, and returns the answer.
func (w *world) pick(t *testing.T, tenant string, shown page, button, value string) page {
	t.Helper()
	if shown.status != http.StatusOK || !strings.Contains(shown.body, "Pick an account") {
		t.Fatalf("no page to pick from: %d %s", shown.status, shown.body)
	}
	form := url.Values{button: {value}}
	for _, field := range hiddenField.FindAllStringSubmatch(shown.body, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return w.call(t, "/"+tenant+"/oauth2/v2.0/authorize", form, nil)
}

// code signs a person in and returns the code that the page gets.
func (w *world) code(t *testing.T, tenant string, person entra.Person, changes map[string]string) string {
	t.Helper()
	shown := w.call(t, "/"+tenant+"/oauth2/v2.0/authorize?"+w.signInRequest(changes).Encode(), nil, nil)
	sent := answered(t, w.pick(t, tenant, shown, "person", person.ObjectID), "#")
	if sent.Get("code") == "" {
		t.Fatalf("no code but %v", sent)
	}
	return sent.Get("code")
}

// answered are the parameters that a redirect carries after the mark.
func answered(t *testing.T, got page, mark string) url.Values {
	t.Helper()
	target, parameters, found := strings.Cut(got.header.Get("Location"), mark)
	if got.status != http.StatusSeeOther || !found || !strings.HasPrefix(target, pageURI) {
		t.Fatalf("no redirect to the page: %d %s %s", got.status, got.header.Get("Location"), got.body)
	}
	sent, err := url.ParseQuery(parameters)
	if err != nil {
		t.Fatal(err)
	}
	return sent
}

// tokens is the answer of the token endpoint, good or bad.
type tokens struct {
	TokenType    string `json:"token_type"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	RefreshFor   int    `json:"refresh_token_expires_in"`
	IDToken      string `json:"id_token"`
	ClientInfo   string `json:"client_info"`

	Error       string `json:"error"`
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
}

// redeem posts to the token endpoint as a page does.
func (w *world) redeem(t *testing.T, tenant string, form url.Values) (int, tokens) {
	t.Helper()
	return w.redeemWith(t, tenant, form, map[string]string{"Origin": pageOrigin})
}

func (w *world) redeemWith(t *testing.T, tenant string, form url.Values, header map[string]string) (int, tokens) {
	t.Helper()
	got := w.call(t, "/"+tenant+"/oauth2/v2.0/token", form, header)
	var given tokens
	if err := json.Unmarshal([]byte(got.body), &given); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return got.status, given
}

// keys are the published keys of a tenant, by id.
func (w *world) keys(t *testing.T, tenant string) map[string]*rsa.PublicKey {
	t.Helper()
	var set struct {
		Keys []struct{ Kty, Use, Kid, N, E, Issuer string }
	}
	if err := json.Unmarshal([]byte(w.call(t, "/"+tenant+"/discovery/v2.0/keys", nil, nil).body), &set); err != nil {
		t.Fatal(err)
	}
	keys := map[string]*rsa.PublicKey{}
	for _, key := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(key.N)
		if err != nil || key.E != "AQAB" || key.Kty != "RSA" || key.Use != "sig" || key.Issuer == "" {
			t.Fatalf("%v: %+v", err, key)
		}
		keys[key.Kid] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	}
	return keys
}

// claims checks a token against the tenant's published keys and returns what it
// claims.
func (w *world) claims(t *testing.T, tenant *entra.Organization, token string) jwt.MapClaims {
	t.Helper()
	keys := w.keys(t, tenant.ID())
	found := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, found, func(parsed *jwt.Token) (any, error) {
		id, _ := parsed.Header["kid"].(string)
		key, published := keys[id]
		if !published {
			return nil, errors.New("the key is not published")
		}
		return key, nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(w.URL()+"/"+tenant.ID()+"/v2.0"), jwt.WithAudience(w.api.ClientID),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(w.clock.Now))
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	return found
}
