package handlers_test

import (
	"net/http"
	"testing"

	"chatgate/handlers"
	"chatgate/internal/transcript"
	"chatgate/web"
)

// startAll is a server of everything: tokens, desk, login and site.
func startAll(t *testing.T) (*deskWorld, *loginWorld) {
	t.Helper()
	atDesk, atLogin := startDesk(t), startLogins(t)
	pages, err := web.Pages(web.PageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := start(t, func(c *handlers.Config) {
		c.Desk, c.Pages = atDesk.service(t, atDesk.offices.url), pages
		c.Login = atLogin.service
	})
	atDesk.world, atLogin.world = all, all
	return atDesk, atLogin
}

// A browser must not take an answer for anything but what it is, show it in
// another's frame, tell others' servers the address, or ask for it again without
// TLS: "All JSON answers: nosniff, Content-Security-Policy, Referrer-Policy, HSTS"
// (storage-bus-identity: An anonymous token endpoint).
func TestEveryAnswerTellsBrowsersWhatNotToMakeOfIt(t *testing.T) {
	d, l := startAll(t)
	d.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", "hello")
	const nothing = "default-src 'none'; frame-ancestors 'none'"
	conversations := "/api/desk/assistants/bankx/conversations"
	conversation := conversations + "/" + transcript.ConversationRow("c1")
	reader := append([]string{"Origin", origin}, "Authorization", "Bearer "+d.tokens["reader of X"])
	eraser := []string{"Authorization", "Bearer " + d.tokens["eraser of X"]}
	bot := l.as(t, "bot of X")
	for name, test := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		policy, referrer   string // "" where other tests say or there is nothing to show
	}{
		"a token":             {http.MethodPost, "/api/GetNewToken", "", []string{"Origin", origin}, 200, nothing, "no-referrer"},
		"a fresh token":       {http.MethodPost, "/api/RefreshToken", `{"token":"x"}`, []string{"Origin", origin}, 200, nothing, "no-referrer"},
		"a preflight":         {http.MethodOptions, "/api/GetNewToken", "", []string{"Origin", origin}, 204, "", ""},
		"a stranger's origin": {http.MethodPost, "/api/GetNewToken", "", []string{"Origin", foreign}, 403, nothing, "no-referrer"},
		"health":              {http.MethodGet, "/api/Health", "", nil, 200, nothing, "no-referrer"},
		"a wrong method":      {http.MethodPut, "/api/Health", "", nil, 405, nothing, "no-referrer"},
		"nothing there":       {http.MethodGet, "/api/nothing", "", nil, 404, nothing, "no-referrer"},
		"a trigger's path":    {http.MethodGet, "/PersistConversation", "", nil, 404, nothing, "no-referrer"},
		"the desk's settings": {http.MethodGet, "/api/desk/config", "", nil, 200, nothing, "no-referrer"},
		"nobody at the desk":  {http.MethodGet, conversations, "", nil, 401, nothing, "no-referrer"},
		"a list":              {http.MethodGet, conversations, "", reader, 200, nothing, "no-referrer"},
		"a conversation":      {http.MethodGet, conversation, "", reader, 200, nothing, "no-referrer"},
		"a file":              {http.MethodGet, conversation + "?format=transcript", "", reader, 200, nothing, "no-referrer"},
		"an erasure":          {http.MethodDelete, conversations + "/none", "", eraser, 204, "", ""},
		"a login":             {http.MethodPost, "/api/login/bankx/start", startBody, bot, 201, nothing, "no-referrer"},
		"a login refused":     {http.MethodPost, "/api/login/bankx/start", "{}", bot, 400, nothing, "no-referrer"},
		"the desk's page":     {http.MethodGet, "/api/site/desk/", "", nil, 200, "", "no-referrer"},
		"the desk's script":   {http.MethodGet, "/api/site/desk/desk.js", "", nil, 200, "", "strict-origin-when-cross-origin"},
		"the widget":          {http.MethodGet, "/api/site/widget.js", "", nil, 200, "", "strict-origin-when-cross-origin"},
		"a folder":            {http.MethodGet, "/api/site/chat", "", nil, 308, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := send(t, d.request(t, test.method, test.path, test.body, test.headers...))
			if response.StatusCode != test.status {
				t.Fatalf("%d %.300s, want %d", response.StatusCode, body, test.status)
			}
			for header, want := range map[string]string{
				"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff",
				"Content-Security-Policy": test.policy, "Referrer-Policy": test.referrer,
			} {
				if got := response.Header.Get(header); want != "" && got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}
