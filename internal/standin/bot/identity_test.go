package bot_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/bot"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/faults"
)

const (
	tenantID = "5a1de000-0000-4000-8000-00000000de50"
	apiID    = "c4a76a7e-0000-4000-8000-0000000000a1"
)

// office is an Entra ID in which the bot and Chatgate's API are registered.
type office struct {
	directory *entra.Directory
	bot       *bot.ClientCredentials

	mu       sync.Mutex
	now      time.Time
	requests int
}

func (o *office) Now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{now: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.requests++
		o.mu.Unlock()
		o.directory.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o.directory = entra.NewDirectory(&entra.DirectoryOptions{URL: server.URL, Now: o.Now})
	o.directory.AddTenant(tenantID, "Demo Bank", "demobank.example")
	o.directory.AddApplication(entra.Application{ClientID: apiID, Name: "Chatgate", Roles: []string{"Login.Broker"}})
	registered := o.directory.AddApplication(entra.Application{
		Name: "Demo bot", TenantID: tenantID, Secret: "bot-secret", Granted: []string{"Login.Broker"},
	})
	o.bot = &bot.ClientCredentials{
		URL: server.URL + "/" + tenantID + "/oauth2/v2.0/token", ClientID: registered.ClientID, Secret: redacted.New("bot-secret"),
		Scope: "api://" + apiID + "/.default", Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, Now: o.Now,
	}
	return o
}

func TestTheBotsOwnToken(t *testing.T) {
	o := openOffice(t)
	first, err := o.bot.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(first.Reveal(), claims); err != nil {
		t.Fatal(err)
	}
	if claims["aud"] != apiID || claims["azp"] != o.bot.ClientID || claims["idtyp"] != "app" || len(claims["roles"].([]any)) != 1 {
		t.Errorf("claims: %v", claims)
	}
	for _, test := range []struct {
		pause time.Duration
		fresh bool
	}{{0, false}, {54 * time.Minute, false}, {time.Minute, true}, {time.Minute, false}} {
		o.mu.Lock()
		o.now = o.now.Add(test.pause)
		o.mu.Unlock()
		token, err := o.bot.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if fresh := token.Reveal() != first.Reveal(); fresh != test.fresh {
			t.Errorf("after %s more: a fresh token = %t, want %t", test.pause, fresh, test.fresh)
		}
		first = token
	}
	if o.requests != 2 {
		t.Errorf("%d requests, want 2", o.requests)
	}
}

func TestNoTokenForTheBot(t *testing.T) {
	for name, change := range map[string]func(*office){
		"a wrong secret":        func(o *office) { o.bot.Secret = redacted.New("canary") },
		"an unknown bot":        func(o *office) { o.bot.ClientID = "c4a76a7e-0000-4000-8000-0000000000ff" },
		"an unknown API":        func(o *office) { o.bot.Scope = "api://none/.default" },
		"an endpoint elsewhere": func(o *office) { o.bot.URL = "http://127.0.0.1:1/" },
		"no address at all":     func(o *office) { o.bot.URL = "::" },
		"an Entra ID that is down": func(o *office) {
			o.directory.Faults.Add(faults.Answer(http.StatusServiceUnavailable, "down"))
		},
	} {
		o := openOffice(t)
		change(o)
		if token, err := o.bot.Token(t.Context()); err == nil || !token.IsEmpty() || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a token of its own the bot says so, and calls nobody.
func TestABotWithoutAToken(t *testing.T) {
	o, out := openOffice(t), &channel{}
	o.bot.Secret = redacted.Text{}
	demo := bot.New(out, nil, &bot.Options{Login: &bot.LoginOptions{URL: "http://127.0.0.1:1", Token: o.bot.Token}})
	defer demo.Close()
	if err := demo.Receive(t.Context(), said("log in")); err != nil || !strings.Contains(out.sent[0].Text, "cannot reach the login") {
		t.Errorf("%+v, %v", out.sent, err)
	}
}
