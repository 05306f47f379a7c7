package handlers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/problem"
)

func TestALoginFromStartToSignOut(t *testing.T) {
	w := startLogins(t)
	started := w.tell(t, "bot of X", "bankx/start", startBody, http.StatusCreated)
	if started.ExpiresIn != 300 || started.Interval != 5 || started.SignInLink != "" {
		t.Errorf("started: %+v", started)
	}
	if sent := w.bank.started[0]; sent["bindingCode"] != started.BindingCode || sent["hint"] != plainHint {
		t.Errorf("the phone shows %v, the chat %q", sent, started.BindingCode)
	}
	w.clock.Advance(5 * time.Second)
	if got := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200); got.Status != "authorization_pending" || got.Interval != 5 {
		t.Errorf("before the user has decided: %+v", got)
	}
	w.clock.Advance(time.Second)
	if got := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200); got.Status != "slow_down" || got.Interval != 10 {
		t.Errorf("too early: %+v", got)
	}
	w.bank.set(func(b *bank) { b.decision = "approved" })
	w.clock.Advance(10 * time.Second)
	approved := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200)
	if approved.Status != "approved" || approved.ExpiresIn != 600 || approved.Token == "" {
		t.Fatalf("approved: %+v", approved)
	}
	if got := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200); got.Status != "expired_token" || got.Token != "" {
		t.Errorf("a second time: %+v", got)
	}
	refreshed := w.tell(t, "bot of X", "bankx/refresh", tokenBody(approved.Token), 200)
	if refreshed.Token == "" || refreshed.Token == approved.Token || refreshed.ExpiresIn != 600 {
		t.Errorf("refreshed: %+v", refreshed)
	}
	response, body := w.forward(t, refreshed.Token, http.MethodGet, "/accounts/7", "")
	if response.StatusCode != 200 || string(body) != `{"balance":"12.50"}` {
		t.Errorf("the back end: %d %s", response.StatusCode, body)
	}
	if got := w.bank.calls()[0].Header.Get("Authorization"); got != "Bearer "+plainToken {
		t.Errorf("the back end was sent %q", got)
	}
	response, body = w.ask(t, "bot of X", "bankx/signout", tokenBody(refreshed.Token))
	if response.StatusCode != http.StatusNoContent || len(body) > 0 {
		t.Errorf("signing out: %d %s", response.StatusCode, body)
	}
}

func TestALoginByASignInLink(t *testing.T) {
	w := startLogins(t)
	body := `{` + rita + `,"provider":"botservice","connection":"graph","channelId":"webchat","serviceUrl":"https://smba.example/","hint":null}`
	started := w.tell(t, "bot of Y", "BankY/Start/", body, http.StatusCreated)
	if started.BindingCode != "" || started.SignInLink != "https://token.example/signin?x=1&y=2" || started.ExpiresIn != 600 || started.Interval != 3 {
		t.Errorf("started: %+v", started)
	}
	want := login.StartRequest{
		Binding:  login.Binding{Assistant: "banky", ConversationID: "conversation-1", UserID: "dl_rita"},
		Provider: login.BotService, Connection: "graph", ChannelID: "webchat", ServiceURL: "https://smba.example/",
		BindingCode: w.oauth.started.BindingCode,
	}
	if w.oauth.started != want {
		t.Errorf("the provider was asked %+v, want %+v", w.oauth.started, want)
	}
	w.oauth.decision = login.DecisionApproved
	w.clock.Advance(3 * time.Second)
	poll := strings.Replace(pollBody(started.Login), "{", `{"code":"123456",`, 1)
	token := w.tell(t, "bot of Y", "banky/poll", poll, 200).Token
	if w.oauth.polled.Code != "123456" || token == "" {
		t.Errorf("polled with %+v, token %q", w.oauth.polled, token)
	}
	w.fails(t, "bot of Y", "banky/refresh", tokenBody(token), 409, problem.LoginAgain)
	if response, text := w.ask(t, "bot of Y", "banky/signout", tokenBody(token)); response.StatusCode != 204 || w.oauth.signOuts != 1 {
		t.Errorf("signing out: %d %s, %d at the provider", response.StatusCode, text, w.oauth.signOuts)
	}
	w.oauth.err = errors.New("away")
	w.fails(t, "bot of Y", "banky/signout", tokenBody(token), 503, problem.LoginUnavailable)
}

// loginAddresses are all that bots call, with bodies that no assistant would take
// without a login.
func loginAddresses() [][3]string {
	return [][3]string{
		{http.MethodPost, "/api/login/{assistant}/start", startBody},
		{http.MethodPost, "/api/login/{assistant}/poll", pollBody("x")},
		{http.MethodPost, "/api/login/{assistant}/refresh", tokenBody("x")},
		{http.MethodPost, "/api/login/{assistant}/signout", tokenBody("x")},
		{http.MethodPost, "/api/login/{assistant}/start", "what is wrong with a body is said to the bot only"},
		{http.MethodGet, "/api/backend/{assistant}/accounts", ""},
		{http.MethodDelete, "/api/backend/{assistant}/../accounts", ""},
		{http.MethodOptions, "/api/backend/{assistant}", ""},
	}
}

// The whole table of who, whose assistant and which role: a consultant's token,
// even one with the bot's role, an ID token, a token for Microsoft Graph, another
// tenant's bot of the same client id, a bot that can show no role
// (storage-bus-identity: Entra ID tokens).
func TestWhoMayUseTheLogin(t *testing.T) {
	w := startLogins(t)
	isBot := regexp.MustCompile(`\bbot\b`)
	people := []string{""}
	for name := range w.tokens {
		people = append(people, name)
	}
	for _, who := range people {
		kind, bank := who, ""
		if at := strings.LastIndex(who, " of "); at > 0 {
			kind, bank = who[:at], who[at+len(" of "):]
		}
		for _, assistant := range []string{"bankx", "BANKY", "silent", "nobody"} {
			status, code := 0, problem.Code("")
			own := strings.EqualFold(assistant, "bank"+bank)
			switch {
			case who == "":
				status, code = 401, problem.TokenMissing
			case bank == "Z":
				status, code = 401, problem.TokenInvalid
			case kind == "bot with an old token":
				status, code = 401, problem.TokenExpired
			case !isBot.MatchString(kind) || kind == "bot that proves nothing" || kind == "bot with a token elsewhere":
				status, code = 401, problem.TokenInvalid
			case !own || kind == "another bot" || kind == "another tenant's bot":
				status, code = 404, problem.UnknownAssistant
			case kind == "bot without the role" || kind == "bot with a desk's role":
				status, code = 403, problem.RoleMissing
			case kind == "bot":
			default:
				t.Fatalf("what may %q do?", who)
			}
			if status == 401 && assistant != "bankx" {
				continue // a token that is none is refused before anybody asks for whom
			}
			for _, address := range loginAddresses() {
				path, before := strings.Replace(address[1], "{assistant}", assistant, 1), w.touched()
				response, body := send(t, w.request(t, address[0], path, address[2], w.as(t, who)...))
				if code == "" {
					if response.StatusCode == 401 || response.StatusCode == 403 || bytes.Contains(body, []byte("unknown_assistant")) {
						t.Errorf("%q at %s: %d %s, want to be let in", who, path, response.StatusCode, body)
					}
					continue
				}
				if response.StatusCode != status || codeOf(t, body) != string(code) {
					t.Errorf("%q at %s: %d %s, want %d %s", who, path, response.StatusCode, body, status, code)
				}
				if w.touched() != before {
					t.Fatalf("%q at %s got through", who, path)
				}
			}
		}
	}
}

// Whether another client's assistant exists, and has a login, is nobody's
// business.
func TestAnothersLoginAnswersAsAnUnknownOneDoes(t *testing.T) {
	w := startLogins(t)
	invocation := regexp.MustCompile(`"invocationId":"[^"]*"`)
	for _, address := range loginAddresses() {
		answers := map[string]int{}
		for _, assistant := range []string{"banky", "silent", "nobody", "%2E%2E%2Fbankx"} {
			response, body := send(t, w.request(t, address[0], strings.Replace(address[1], "{assistant}", assistant, 1), address[2], w.as(t, "bot of X")...))
			headers := response.Header.Clone()
			headers.Del("Date")
			encoded, err := json.Marshal(headers)
			if err != nil {
				t.Fatal(err)
			}
			answers[response.Status+string(encoded)+string(invocation.ReplaceAll(body, nil))]++
		}
		if len(answers) != 1 {
			t.Errorf("%v: the answers differ: %v", address, answers)
		}
	}
}

func TestWithoutItsSettingThereIsNoLogin(t *testing.T) {
	w := start(t, nil)
	for _, address := range loginAddresses() {
		response, body := send(t, w.request(t, address[0], strings.Replace(address[1], "{assistant}", "bankx", 1), address[2]))
		if response.StatusCode != 404 || codeOf(t, body) != "not_found" || !strings.Contains(string(body), "LoginUrl") {
			t.Errorf("%v: %d %s, want 404 that names the setting", address, response.StatusCode, body)
		}
	}
}

func TestLoginBodies(t *testing.T) {
	w := startLogins(t)
	long := strings.Repeat("x", 33<<10)
	for name, body := range map[string]string{
		"nothing":                   "",
		"an empty object":           `{}`,
		"not JSON":                  `conversationId=1`,
		"an array":                  `[` + startBody + `]`,
		"cut short":                 startBody[:len(startBody)-1],
		"trailing data":             startBody + `{}`,
		"trailing comma":            `{` + rita + `,}`,
		"an unknown member":         `{` + rita + `,"canary":"x"}`,
		"another letter case":       `{"ConversationId":"1","userId":"dl_rita"}`,
		"no user":                   `{"conversationId":"1"}`,
		"no conversation":           `{"userId":"dl_rita"}`,
		"an empty user":             `{"conversationId":"1","userId":""}`,
		"null for a user":           `{"conversationId":"1","userId":null}`,
		"a number":                  `{"conversationId":1,"userId":"dl_rita"}`,
		"an object":                 `{"conversationId":{"canary":"x"},"userId":"dl_rita"}`,
		"a list":                    `{` + rita + `,"hint":["` + plainHint + `"]}`,
		"a boolean":                 `{` + rita + `,"hint":true}`,
		"the same member twice":     `{` + rita + `,"userId":"dl_eve"}`,
		"twice by an escape":        `{` + rita + `,"user\u0049d":"dl_eve"}`,
		"twice the same":            `{` + rita + `,"userId":"dl_rita"}`,
		"twice null":                `{` + rita + `,"hint":null,"hint":null}`,
		"not UTF-8":                 "{\"conversationId\":\"\xff\",\"userId\":\"dl_rita\"}",
		"the handle of a poll":      pollBody("x"),
		"a provider that is none":   `{` + rita + `,"provider":"canary"}`,
		"a provider it has not":     `{` + rita + `,"provider":"botservice"}`,
		"a hint that is too long":   `{` + rita + `,"hint":"` + strings.Repeat("x", 257) + `"}`,
		"a conversation's whole id": `{"conversationId":"` + strings.Repeat("x", 1025) + `","userId":"dl_rita"}`,
	} {
		response, text := w.ask(t, "bot of X", "bankx/start", body)
		if response.StatusCode != 400 || codeOf(t, text) != "bad_request" || bytes.Contains(text, []byte("canary")) {
			t.Errorf("%s: %d %s", name, response.StatusCode, text)
		}
	}
	for action, body := range map[string]string{"poll": pollBody(long), "refresh": tokenBody(long), "signout": tokenBody(long), "start": `{"hint":"` + long + `"}`} {
		w.fails(t, "bot of X", "bankx/"+action, body, 413, problem.TooLarge)
		w.fails(t, "bot of X", "bankx/"+action, "{}", 400, problem.BadRequest)
	}
	// As long as a sealed token may be, beside the longest ids, and not longer.
	atMost := `{"login":"` + strings.Repeat("x", 20<<10) + `","conversationId":"` + strings.Repeat("x", 1<<10) + `","userId":"` + strings.Repeat("x", 1<<10) + `"}`
	w.fails(t, "bot of X", "bankx/poll", atMost, 404, problem.LoginUnknown)
	if len(w.bank.started) > 0 {
		t.Errorf("the Login API was asked: %v", w.bank.started)
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Errorf("the log quotes a body: %s", w.log)
	}
}

func TestLoginPathsAndMethods(t *testing.T) {
	w := startLogins(t)
	for _, path := range []string{"/api/login/bankx/poll/", "/API/Login/BANKX/Poll", "//%61pi/login/bankx/%70oll"} {
		response, body := send(t, w.request(t, http.MethodPost, path, pollBody("x"), w.as(t, "bot of X")...))
		if response.StatusCode != 404 || codeOf(t, body) != "login_unknown" {
			t.Errorf("POST %s: %d %s", path, response.StatusCode, body)
		}
	}
	for _, path := range []string{"", "/", "/bankx", "/bankx/", "/start", "/bankx/start/again", "/bankx//start", "/bankx%2Fstart", "/bankx/stop", "/bankx/../start/x"} {
		response, body := send(t, w.request(t, http.MethodPost, "/api/login"+path, startBody, w.as(t, "bot of X")...))
		if response.StatusCode != 404 || codeOf(t, body) != "not_found" {
			t.Errorf("POST /api/login%s: %d %s", path, response.StatusCode, body)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PROPFIND"} {
		response, _ := send(t, w.request(t, method, "/api/login/bankx/start", startBody, w.as(t, "bot of X")...))
		if response.StatusCode != 405 || response.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
	}
	if len(w.bank.started) > 0 {
		t.Errorf("the Login API was asked: %v", w.bank.started)
	}
}

// What keeps people from being worn down by prompts, and what the client's system
// may do wrong, as a bot sees it.
func TestFailuresOfALogin(t *testing.T) {
	w := startLogins(t)
	retries := func(body string, status int, code problem.Code, after string) {
		t.Helper()
		response, text := w.ask(t, "bot of X", "bankx/start", body)
		if response.StatusCode != status || codeOf(t, text) != string(code) || response.Header.Get("Retry-After") != after {
			t.Errorf("%d %s, Retry-After %q, want %d %s after %q", response.StatusCode, text, response.Header.Get("Retry-After"), status, code, after)
		}
	}
	started := w.tell(t, "bot of X", "bankx/start", startBody, 201)
	retries(startBody, 409, problem.LoginPending, "300")
	for name, body := range map[string]string{
		"another conversation": strings.Replace(pollBody(started.Login), "conversation-1", "conversation-2", 1),
		"another user":         strings.Replace(pollBody(started.Login), "dl_rita", "dl_eve", 1),
		"changed":              strings.Replace(pollBody(started.Login), started.Login, started.Login[:len(started.Login)-2]+"AA", 1),
		"a token":              tokenBody(started.Login),
	} {
		action, code, status := "poll", problem.LoginUnknown, 404
		if name == "a token" {
			action = "refresh"
		}
		w.fails(t, "bot of X", "bankx/"+action, body, status, code)
	}
	w.clock.Advance(5 * time.Second)
	w.bank.set(func(b *bank) { b.status = 500 })
	w.fails(t, "bot of X", "bankx/poll", pollBody(started.Login), 503, problem.LoginUnavailable)
	w.bank.set(func(b *bank) { b.status, b.decision = 200, "canary" })
	w.clock.Advance(5 * time.Second)
	w.fails(t, "bot of X", "bankx/poll", pollBody(started.Login), 502, problem.LoginRefused)
	w.bank.set(func(b *bank) { b.decision = "pending" })
	if got := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200); got.Status != "expired_token" {
		t.Errorf("after a refusal: %+v", got)
	}
	started = w.tell(t, "bot of X", "bankx/start", startBody, 201)
	w.bank.set(func(b *bank) { b.decision = "denied" })
	w.clock.Advance(5 * time.Second)
	if got := w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), 200); got.Status != "access_denied" {
		t.Errorf("denied: %+v", got)
	}
	retries(startBody, 429, problem.LoginCoolDown, "60")
	// One person is not asked from many conversations.
	body := func(conversation int) string {
		return fmt.Sprintf(`{"conversationId":"another-%d","userId":"dl_rita","hint":"somebody else"}`, conversation)
	}
	for i := range 5 {
		w.tell(t, "bot of X", "bankx/start", body(i), 201)
		w.clock.Advance(time.Minute)
	}
	retries(body(5), 429, problem.RateLimited, "300")
}

func TestAFailingTableOfLoginsTellsNothing(t *testing.T) {
	w := startLogins(t)
	w.attempts.Fail = func(string) error { return errors.New("the canary table is away") }
	response, body := w.ask(t, "bot of X", "bankx/start", startBody)
	if response.StatusCode != 503 || codeOf(t, body) != "login_unavailable" || response.Header.Get("Retry-After") == "" || bytes.Contains(body, []byte("canary")) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	if !strings.Contains(w.log.String(), "canary table") {
		t.Errorf("the log lacks the cause: %s", w.log)
	}
	if len(w.bank.started) > 0 {
		t.Error("the user was asked all the same")
	}
}

// The answers hold tokens, if sealed ones, and are for bots: no cache keeps them
// and no page reads them.
func TestLoginAnswersAreForTheBotAlone(t *testing.T) {
	w := startLogins(t)
	for _, path := range []string{"/api/login/bankx/start", "/api/login/bankx/poll", "/api/login/bankx/refresh", "/api/backend/bankx/accounts"} {
		for _, who := range []string{"bot of X", "another bot of X", ""} {
			for _, method := range []string{http.MethodPost, http.MethodOptions, http.MethodGet} {
				headers := append([]string{"Origin", origin, "Access-Control-Request-Method", "POST"}, w.as(t, who)...)
				response, _ := send(t, w.request(t, method, path, startBody, headers...))
				if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Content-Type-Options") != "nosniff" && response.StatusCode != 204 {
					t.Errorf("%s %s as %q: %v", method, path, who, response.Header)
				}
				for name := range response.Header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s as %q: %s", method, path, who, name)
					}
				}
			}
		}
	}
}

// The log says how far a login is, and nothing of whose.
func TestTheLogOfALoginNamesNobody(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	w.forward(t, token, http.MethodGet, "/accounts/canary-number?canary=1", "")
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	for i, want := range [][]string{
		{`"msg":"Login"`, `"assistant":"bankx"`, `"status":201`},
		{`"msg":"Login"`, `"assistant":"bankx"`, `"status":200`, `"login":"approved"`},
		{`"msg":"Backend"`, `"assistant":"bankx"`, `"status":200`, `"backend":200`},
	} {
		for _, part := range want {
			if !strings.Contains(lines[i], part) {
				t.Errorf("line %d lacks %s: %s", i, part, lines[i])
			}
		}
	}
	for _, secret := range []string{"canary", "accounts", "conversation-1", "dl_rita", token, botOf("X"), w.tenants["X"].ID(), w.tokens["bot of X"]} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %.40q: %s", secret, w.log)
		}
	}
}
