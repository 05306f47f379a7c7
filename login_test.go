package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/settings"
	"chatgate/internal/standin/entra"
)

const (
	apiID      = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
	botID      = "5c0a3f5e-1bf0-4dda-aec3-cb9272f09590"
	sealingKey = "SealingKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// loginAPI is a client's, whose users have not decided yet.
func loginAPI(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"pollingToken":"p","expiresIn":300,"interval":60,"status":"pending"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// directoryOf is an Entra ID with two tenants: the bot's and the consultants'.
func directoryOf(t *testing.T) (url string, bots, consultants *entra.Organization) {
	t.Helper()
	var directory *entra.Directory
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { directory.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	directory = entra.NewDirectory(&entra.DirectoryOptions{URL: server.URL})
	directory.AddApplication(entra.Application{ClientID: apiID, Scopes: []string{"Desk.Access"}, Roles: []string{"Desk.Read", "Login.Broker"}})
	return server.URL, directory.AddTenant("", "Bots", "bots.example"), directory.AddTenant("", "Bank", "bank.example")
}

func open(t *testing.T, config settings.Settings) *app {
	t.Helper()
	a, err := newApp(config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

func (a *app) ask(t *testing.T, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer := httptest.NewRecorder()
	a.handler.ServeHTTP(answer, request)
	return answer
}

// A login as it is wired: two instances share the store and the key, so that the
// one knows what the other began.
func TestALoginThroughTheWholeApp(t *testing.T) {
	bank := loginAPI(t)
	authority, bots, consultants := directoryOf(t)
	config := local(t, "Api__ClientId="+apiID, "Authority="+authority, sealingKey,
		"Assistants__demo__LoginUrl="+bank, "Assistants__demo__BackendUrl="+bank,
		"Assistants__demo__BotClientId="+botID, "Assistants__demo__BotTenantId="+bots.ID(),
		"Assistants__demo__DeskTenantId="+consultants.ID())
	first, second := open(t, config), open(t, config)
	client := entra.Application{ClientID: botID, Granted: []string{"Login.Broker"}}
	token, err := bots.AppToken(apiID, client)
	if err != nil {
		t.Fatal(err)
	}
	bearer := []string{"Authorization", "Bearer " + token.Reveal()}

	const rita = `"conversationId":"c1","userId":"dl_rita"`
	answer := first.ask(t, http.MethodPost, "/api/login/demo/start", `{`+rita+`}`, bearer...)
	var started struct{ Login string }
	if err := json.Unmarshal(answer.Body.Bytes(), &started); err != nil || answer.Code != http.StatusCreated {
		t.Fatalf("start: %d %s", answer.Code, answer.Body)
	}
	answer = second.ask(t, http.MethodPost, "/api/login/demo/poll", `{"login":"`+started.Login+`",`+rita+`}`, bearer...)
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"status":"slow_down"`) {
		t.Errorf("a poll of the other instance, too early: %d %s", answer.Code, answer.Body)
	}
	answer = second.ask(t, http.MethodPost, "/api/login/demo/start", `{`+rita+`}`, bearer...)
	if answer.Code != http.StatusConflict {
		t.Errorf("a second login of the conversation: %d %s", answer.Code, answer.Body)
	}
	answer = first.ask(t, http.MethodGet, "/api/backend/demo/accounts", "", append(bearer, "X-Login-Token", started.Login, "X-Conversation-Id", "c1")...)
	if answer.Code != http.StatusNotFound || !strings.Contains(answer.Body.String(), "login_unknown") {
		t.Errorf("a login in place of a token: %d %s", answer.Code, answer.Body)
	}

	// The tenant of the consultants is no tenant of bots, nor the other way round.
	stranger, err := consultants.AppToken(apiID, client)
	if err != nil {
		t.Fatal(err)
	}
	if answer := first.ask(t, http.MethodPost, "/api/login/demo/start", `{`+rita+`}`, "Authorization", "Bearer "+stranger.Reveal()); answer.Code != http.StatusUnauthorized {
		t.Errorf("a bot of the consultants' tenant: %d %s", answer.Code, answer.Body)
	}
	person, err := bots.PersonToken(apiID, bots.AddPerson(entra.Person{Name: "Eve", Roles: []string{"Desk.Read"}}))
	if err != nil {
		t.Fatal(err)
	}
	if answer := first.ask(t, http.MethodGet, "/api/desk/assistants", "", "Authorization", "Bearer "+person.Reveal()); answer.Code != http.StatusUnauthorized {
		t.Errorf("a person of the bot's tenant at the desk: %d %s", answer.Code, answer.Body)
	}
}

func TestTheLoginIsOnWhereAnAssistantHasOne(t *testing.T) {
	bot := []string{
		"Api__ClientId=" + apiID, sealingKey,
		"Assistants__demo__BotClientId=" + botID, "Assistants__demo__BotTenantId=7d8b0d2f-1bf0-4dda-aec3-cb9272f09590",
	}
	for name, test := range map[string]struct {
		more   []string
		status int
		holds  string
	}{
		"off":                        {nil, 404, "LoginUrl"},
		"off, though there is a bot": {bot, 404, "LoginUrl"},
		"a Login API":                {append(bot, "Assistants__demo__LoginUrl=https://api.bank.example/login"), 401, "token_missing"},
		"OAuth connections":          {append(bot, "Assistants__demo__OAuthConnections=graph"), 401, "token_missing"},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, local(t, test.more...))
			for _, path := range []string{"/api/login/demo/start", "/api/backend/demo/accounts"} {
				answer := a.ask(t, http.MethodPost, path, "")
				if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.holds) {
					t.Errorf("%s: %d %s, want %d with %s", path, answer.Code, answer.Body, test.status, test.holds)
				}
			}
		})
	}
}

// In production every part is made of the app's own identity and the bot's.
func TestALoginInProduction(t *testing.T) {
	config, err := settings.Load([]string{
		"KEY_VAULT_URI=https://bank-vault.vault.azure.net",
		"ConversationStore__tableServiceUri=https://bankstore.table.core.windows.net",
		"Api__ClientId=" + apiID,
		"SealingKeySecretName=sealing-key",
		"Assistants__bankx__DirectLineSecretName=bankx-direct-line",
		"Assistants__bankx__AllowedOrigins=https://www.bankx.example",
		"Assistants__bankx__LoginUrl=https://api.bankx.example/login",
		"Assistants__bankx__LoginApiKeySecretName=login-key",
		"Assistants__bankx__OAuthConnections=graph",
		"Assistants__bankx__BackendUrl=https://api.bankx.example/v1",
		"Assistants__bankx__BotClientId=" + botID,
		"Assistants__bankx__BotTenantId=7d8b0d2f-1bf0-4dda-aec3-cb9272f09590",
		"Assistants__banky__DirectLineSecretName=banky-direct-line",
		"Assistants__banky__AllowedOrigins=https://www.banky.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, config)
	if a.login.service == nil || a.login.sweeper == nil || a.login.service.Backends["bankx"] == nil || len(a.login.service.Backends) != 1 {
		t.Errorf("login: %+v", a.login.service)
	}
	providers, err := newProviders(config, a.cache)
	if err != nil || len(providers) != 1 || len(providers["bankx"]) != 2 {
		t.Errorf("providers: %v, %v", providers, err)
	}
	// They are read before the first user logs in, and health tells of them.
	for _, name := range []string{"sealing-key", "login-key", "bankx-direct-line", "banky-direct-line"} {
		if !slices.Contains(a.secretNames, name) {
			t.Errorf("%s is not among %v", name, a.secretNames)
		}
	}
}

func TestTheStateOfLoginsIsBesideTheConversations(t *testing.T) {
	for _, store := range []settings.Store{
		{File: filepath.Join(t.TempDir(), "store.db")},
		{TableServiceURI: "https://bankstore.table.core.windows.net"},
	} {
		if attempts, err := newAttempts(store, nil); err != nil || attempts == nil {
			t.Errorf("%+v: %v", store, err)
		}
	}
}
