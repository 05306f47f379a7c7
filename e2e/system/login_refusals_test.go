package system_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/loginapi"
)

// Everybody but the assistant's own bot, at every route.
func TestOnlyTheAssistantsBotLogsItsUsersIn(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	i := s.startInstance(t)
	good := s.newBot(t, i.app, "conversation")
	good.logIn(t)

	api, tenant := s.Desk.API.ClientID, s.Desk.Tenant
	sibling := s.Directory.AddApplication(entra.Application{
		Name: "Another bot", TenantID: cloud.DeskTenantID, Secret: "other", Granted: []string{cloud.RoleBroker},
	})
	foreign := s.Directory.AddApplication(entra.Application{
		Name: "A foreign bot", TenantID: cloud.OtherTenantID, Secret: "foreign", Granted: []string{cloud.RoleBroker},
	})
	powerless := s.Desk.Bot
	powerless.Granted = nil
	made := func(token redacted.Text, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		s.guard("access token", token.Reveal())
		return token.Reveal()
	}
	asPerson := func(d *entra.Draft) {
		d.Claims["roles"], d.Claims["azp"] = []string{cloud.RoleBroker}, s.Desk.Bot.ClientID
	}
	for name, test := range map[string]struct {
		token  string
		status int
		code   string
	}{
		"consultant":                  {made(tenant.PersonToken(api, s.Desk.Eraser)), http.StatusUnauthorized, "token_invalid"},
		"person with the bot's role":  {made(tenant.PersonToken(api, s.Desk.Eraser, asPerson)), http.StatusUnauthorized, "token_invalid"},
		"ID token":                    {made(tenant.IDToken(api, s.Desk.Eraser)), http.StatusUnauthorized, "token_invalid"},
		"ID token with the role":      {made(tenant.IDToken(api, s.Desk.Eraser, asPerson)), http.StatusUnauthorized, "token_invalid"},
		"for Microsoft Graph":         {made(tenant.GraphToken(s.Desk.API, s.Desk.Eraser)), http.StatusUnauthorized, "token_invalid"},
		"another bot of the tenant":   {made(tenant.AppToken(api, sibling)), http.StatusNotFound, "unknown_assistant"},
		"bot without the role":        {made(tenant.AppToken(api, powerless)), http.StatusForbidden, "role_missing"},
		"bot of another tenant":       {made(s.Desk.Other.AppToken(api, foreign)), http.StatusUnauthorized, "token_invalid"},
		"same bot, another tenant":    {made(s.Desk.Other.AppToken(api, s.Desk.Bot)), http.StatusUnauthorized, "token_invalid"},
		"bot's id in another tenant":  {made(s.Desk.Other.AppToken(api, s.Desk.Bot, func(d *entra.Draft) { d.Claims["tid"] = tenant.ID() })), http.StatusUnauthorized, "token_invalid"},
		"another tenant's key":        {made(tenant.AppToken(api, s.Desk.Bot, signedBy(s.Desk.Other))), http.StatusUnauthorized, "token_invalid"},
		"unsigned":                    {made(tenant.AppToken(api, s.Desk.Bot, unsigned)), http.StatusUnauthorized, "token_invalid"},
		"of the managed identity":     {made(identityToken(s.System)), http.StatusUnauthorized, "token_invalid"},
		"a token of the login itself": {good.token, http.StatusUnauthorized, "token_invalid"},
		"none":                        {"", http.StatusUnauthorized, "token_missing"},
	} {
		before := s.reached()
		who := *good
		who.bearer = test.token
		for _, r := range who.allRequests() {
			if test.token == "" {
				r.header["Authorization"] = ""
			}
			got := i.call(t, r)
			if got.status != test.status {
				t.Errorf("%s: %s %s answered %d %s, want %d", name, r.method, r.path, got.status, got.body, test.status)
				continue
			}
			wantProblem(t, got, test.status, test.code)
		}
		if after := s.reached(); len(after) != len(before) {
			t.Errorf("%s: the bank was called: %v", name, after[len(before):])
		}
	}
	for _, r := range good.allRequests() {
		r.path = strings.Replace(r.path, assistant, "other", 1)
		wantProblem(t, i.call(t, r), http.StatusNotFound, "unknown_assistant")
	}
	good.balance(t)
}

// allRequests is one request for each route.
func (b *bot) allRequests() []request {
	requests := []request{
		b.loginRequest("start", map[string]string{"userId": "dl_user"}), b.pollRequest(), b.tokenRequest("refresh"), b.tokenRequest("signout"),
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		requests = append(requests, b.backendRequest(method, "balance"))
	}
	return requests
}

// Whatever path a bot asks for, the call stays under BackendUrl.
func TestNoPathLeadsOutOfTheBackend(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	i := s.startInstance(t)
	b := s.newBot(t, i.app, "conversation")
	b.logIn(t)
	direct := *b
	direct.app = i.handler(t)
	before := len(s.reached())
	for _, path := range []string{
		"../login/startLogin", "x/../../login/startLogin", "..%2flogin/startLogin", "..%2Flogin%2FstartLogin", "..%5clogin/startLogin", `..\login\startLogin`,
		"%2e%2e/login/startLogin", "%2e%2e%2flogin/startLogin", ".%2e/login/startLogin", "%2E./login/startLogin",
		"%252e%252e/login/startLogin", "%252e%252e%252flogin/startLogin", "..%252flogin/startLogin", "%25252e%25252e/login/startLogin",
		"..;/login/startLogin", "%2e%2e;x=y/login/startLogin", "/login/startLogin", "//login/startLogin", "%2flogin/startLogin", "/evil.example/x",
		"https://evil.example/", "https:%2f%2fevil.example/", "x%00/../login", "x%0d%0aHost:%20evil.example", "%c0%ae%c0%ae/login/startLogin",
		"accounts/../../login/startLogin", "accounts/%2e%2e/%2e%2e/login/startLogin", "accounts/..%2f..%2flogin/startLogin",
	} {
		for name, who := range map[string]*bot{"through the host": b, "at the handler": &direct} {
			r := who.backendRequest(http.MethodPost, path)
			if _, err := url.Parse(who.url + r.path); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			r.body = `{"bindingCode":"evil"}`
			got := who.ask(t, r)
			if got.status < 400 {
				t.Errorf("%s, %s: answered %d %s", path, name, got.status, got.body)
			}
		}
	}
	for _, path := range s.reached()[before:] {
		if plain := unescaped(t, path); !strings.HasPrefix(plain, "/api/") || strings.Contains(plain+"/", "/../") {
			t.Errorf("the bank was called at %s", path)
		}
	}
	if started := s.Bank.Calls(loginapi.StartLogin); started != 1 {
		t.Errorf("%d logins were started at the bank, want the first only", started)
	}
	b.balance(t)
	got := b.ask(t, b.backendRequest(http.MethodGet, "accounts/NL-3001?full=%2e%2e%2f"))
	if got.status != http.StatusOK || !strings.Contains(got.body, "NL-3001") {
		t.Errorf("an ordinary path: %d %s", got.status, got.body)
	}
	s.checkSecrecy(t, b, &direct)
}

// unescaped is a path decoded as often as anybody might.
func unescaped(t *testing.T, path string) string {
	t.Helper()
	for range 5 {
		decoded, err := url.PathUnescape(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		path = decoded
	}
	return path
}
