package handlers_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"chatgate/handlers"
	"chatgate/internal/standin/entra"
	"chatgate/internal/transcript"
)

func TestDeskConfigNeedsNoToken(t *testing.T) {
	w := startDesk(t)
	var got map[string]string
	response := w.get(t, "", "config", &got)
	if got["authority"] != w.offices.url || got["clientId"] != apiClient || got["scope"] != "api://"+apiClient+"/Desk.Access" || len(got) != 3 {
		t.Errorf("config = %v", got)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Referrer-Policy": "no-referrer",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestWithoutItsSettingThereIsNoDesk(t *testing.T) {
	w := start(t, nil)
	for _, path := range []string{"config", "assistants", "assistants/bankx/conversations", "anything"} {
		response, body := send(t, w.request(t, http.MethodGet, "/api/desk/"+path, ""))
		if response.StatusCode != 404 || codeOf(t, body) != "not_found" || !strings.Contains(string(body), "Api__ClientId") {
			t.Errorf("GET %s: %d %s, want 404 that names the setting", path, response.StatusCode, body)
		}
	}
}

func TestDeskAssistants(t *testing.T) {
	w := startDesk(t)
	for person, want := range map[string]string{
		"reader of X": `{"items":[{"id":"bankx"}],"roles":["Desk.Read"]}`,
		"eraser of X": `{"items":[{"id":"bankx"}],"roles":["Desk.Erase"]}`,
		"both of Y":   `{"items":[{"id":"banky"}],"roles":["Desk.Read","Desk.Erase"]}`,
	} {
		if _, body := w.ask(t, person, http.MethodGet, "assistants"); string(body) != want {
			t.Errorf("%s: %s, want %s", person, body, want)
		}
	}
	if entries := w.audited(t); len(entries) > 0 {
		t.Errorf("the audit holds %v, though no conversation was read", entries)
	}
}

// deskAction is something to do at the desk, and the role that lets one.
type deskAction struct {
	method, path string
	role         string // of rolesOf's values
	status       int    // where all is well
}

func deskActions(key string) []deskAction {
	conversations := "assistants/{assistant}/conversations"
	return []deskAction{
		{http.MethodGet, conversations, "Desk.Read", 200},
		{http.MethodGet, conversations + "/" + key, "Desk.Read", 200},
		{http.MethodGet, conversations + "/" + key + "?format=transcript", "Desk.Read", 200},
		{http.MethodDelete, conversations + "/none", "Desk.Erase", 204},
		{http.MethodDelete, "assistants/{assistant}/users/nobody", "Desk.Erase", 204},
		{http.MethodDelete, "assistants/{assistant}/users?userId=nobody", "Desk.Erase", 204},
		{http.MethodGet, "assistants/{assistant}/audit", "Desk.Erase", 200},
		// What is wrong with the input is said only to those who may send it.
		{http.MethodGet, conversations + "?limit=0", "Desk.Read", 400},
		{http.MethodGet, conversations + "/" + key + "?limit=0", "Desk.Read", 400},
		{http.MethodGet, conversations + "/" + key + "?format=pdf", "Desk.Read", 400},
		{http.MethodGet, conversations + "/~", "Desk.Read", 404},
		{http.MethodDelete, conversations + "/~", "Desk.Erase", 404},
		{http.MethodDelete, conversations + "/none?x=1", "Desk.Erase", 400},
		{http.MethodDelete, "assistants/{assistant}/users/nobody?x=1", "Desk.Erase", 400},
		{http.MethodDelete, "assistants/{assistant}/users", "Desk.Erase", 400},
		{http.MethodGet, "assistants/{assistant}/audit?limit=0", "Desk.Erase", 400},
	}
}

// The whole table of who, whose assistant, which address and which role: tenant
// A's token on tenant B's path, an app role that is missing, an ID token in place
// of an access token, a tenant that is not allowed (storage-bus-identity: Entra
// ID tokens).
func TestWhoMayDoWhatAtTheDesk(t *testing.T) {
	w := startDesk(t)
	for _, assistant := range []string{"bankx", "banky", "silent"} {
		w.say(t, assistant, "c1", "a1", "2026-11-21T21:00:00Z", "hello")
	}
	key := transcript.ConversationRow("c1")
	people := []string{"", "reader of Z", "both of Z", "an ID token of X", "expired of X", "an ID token of Z", "expired of Z"}
	for kind := range rolesOf {
		people = append(people, kind+" of X", kind+" of Y")
	}
	for _, person := range people {
		kind, tenant := person, ""
		if at := strings.LastIndex(person, " of "); at > 0 {
			kind, tenant = person[:at], person[at+len(" of "):]
		}
		for _, assistant := range []string{"bankx", "BANKY", "silent", "nobody"} {
			for _, action := range deskActions(key) {
				status, code := action.status, ""
				switch {
				case person == "":
					status, code = 401, "token_missing"
				case tenant == "Z" || strings.HasPrefix(person, "an ID token"):
					status, code = 401, "token_invalid"
				case kind == "expired":
					status, code = 401, "token_expired"
				case !strings.EqualFold(assistant, "bank"+tenant):
					status, code = 404, "unknown_assistant"
				case !slices.Contains(rolesOf[kind], action.role):
					status, code = 403, "role_missing"
				case status == 400:
					code = "bad_request"
				case status == 404:
					code = "not_found"
				}
				w.want(t, person, action.method, strings.Replace(action.path, "{assistant}", assistant, 1), status, code)
			}
		}
	}
}

// Whether another client's assistant exists is nobody's business.
func TestAnothersAssistantAnswersAsAnUnknownOneDoes(t *testing.T) {
	w := startDesk(t)
	w.say(t, "banky", "c1", "a1", "2026-11-21T21:00:00Z", "hello")
	invocation := regexp.MustCompile(`"invocationId":"[^"]*"`)
	for _, action := range deskActions(transcript.ConversationRow("c1")) {
		answers := map[string]int{}
		for _, assistant := range []string{"banky", "silent", "nobody", "%2E%2E%2Fbanky"} {
			response, body := w.ask(t, "both of X", action.method, strings.Replace(action.path, "{assistant}", assistant, 1))
			headers := response.Header.Clone()
			headers.Del("Date")
			encoded, err := json.Marshal(headers)
			if err != nil {
				t.Fatal(err)
			}
			answers[response.Status+string(encoded)+string(invocation.ReplaceAll(body, nil))]++
		}
		if len(answers) != 1 {
			t.Errorf("%s %s: the answers differ: %v", action.method, action.path, answers)
		}
	}
	if strings.Contains(w.log.String(), `"assistant"`) {
		t.Errorf("the log names an assistant that nobody was let to: %s", w.log)
	}
}

func TestDeskMethods(t *testing.T) {
	w := startDesk(t)
	for path, allow := range map[string]string{
		"config":                             "GET",
		"assistants":                         "GET",
		"assistants/bankx/conversations":     "GET",
		"assistants/bankx/conversations/one": "GET, DELETE",
		"assistants/bankx/users":             "DELETE",
		"assistants/bankx/users/one":         "DELETE",
		"assistants/bankx/audit":             "GET",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			request := w.request(t, method, "/api/desk/"+path, "", "Origin", foreign, "Access-Control-Request-Method", "GET")
			response, _ := send(t, request)
			if response.StatusCode != 405 || response.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q; want 405, %q", method, path, response.StatusCode, response.Header.Get("Allow"), allow)
			}
		}
	}
	for _, path := range []string{"", "/", "nothing", "assistants/bankx", "assistants//conversations", "assistants/bankx/conversations/a/b", "assistants/bankx/users/a/b", "../desk/config"} {
		w.want(t, "both of X", http.MethodGet, path, 404, "not_found")
	}
}

// Only a page of the same origin reads the desk's answers.
func TestTheDeskHasNoCORS(t *testing.T) {
	w := startDesk(t)
	for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodDelete} {
		for _, from := range []string{origin, foreign, "null"} {
			request := w.request(t, method, "/api/desk/assistants", "", "Origin", from, "Authorization", "Bearer "+w.tokens["both of X"])
			response, _ := send(t, request)
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s from %s: %s: %s", method, from, name, response.Header.Get(name))
				}
			}
		}
	}
}

// The host matches routes ignoring case and a trailing slash, and forwards the
// path as the client wrote it (functions-host: HTTP functions).
func TestDeskPathsIgnoreCaseAndATrailingSlash(t *testing.T) {
	w := startDesk(t)
	for _, path := range []string{"/api/desk/assistants/", "/API/Desk/ASSISTANTS", "/api/desk/Assistants/BankX/Conversations/", "/%61pi/%64esk/%61ssistants"} {
		response, body := send(t, w.request(t, http.MethodGet, path, "", "Authorization", "bearer "+w.tokens["reader of X"]))
		if response.StatusCode != 200 {
			t.Errorf("GET %s: %d %s", path, response.StatusCode, body)
		}
	}
	for _, path := range []string{"/api%2Fdesk/config", "/api/desk%2Fconfig", "/api/desk%2Fassistants/config", "/api%2Fdesk/desk/config", "/api/desk/assistants%2Fbankx%2Fconversations"} {
		response, body := send(t, w.request(t, http.MethodGet, path, "", "Authorization", "Bearer "+w.tokens["reader of X"]))
		if response.StatusCode != 404 || codeOf(t, body) != "not_found" {
			t.Errorf("GET %s: %d %s", path, response.StatusCode, body)
		}
	}
}

func TestDeskTokens(t *testing.T) {
	w := startDesk(t)
	good := w.tokens["reader of X"]
	for name, test := range map[string]struct {
		authorization []string
		status        int
		code          string
		challenge     string
	}{
		"none":                  {nil, 401, "token_missing", "Bearer"},
		"the word alone":        {[]string{"Bearer"}, 401, "token_missing", "Bearer"},
		"the word and a space":  {[]string{"Bearer "}, 401, "token_missing", "Bearer"},
		"another scheme":        {[]string{"Basic " + good}, 401, "token_missing", "Bearer"},
		"no scheme":             {[]string{good}, 401, "token_missing", "Bearer"},
		"no space":              {[]string{"Bearer" + good}, 401, "token_missing", "Bearer"},
		"two headers":           {[]string{"Bearer " + good, "Bearer " + good}, 400, "bad_request", ""},
		"two tokens":            {[]string{"Bearer " + good + ", Bearer " + good}, 401, "token_invalid", `Bearer error="invalid_token"`},
		"rubbish":               {[]string{"Bearer a.b.c"}, 401, "token_invalid", `Bearer error="invalid_token"`},
		"far too long":          {[]string{"Bearer " + strings.Repeat("a", 40<<10)}, 401, "token_invalid", `Bearer error="invalid_token"`},
		"expired":               {[]string{"Bearer " + w.tokens["expired of X"]}, 401, "token_expired", `Bearer error="invalid_token"`},
		"good":                  {[]string{"Bearer " + good}, 200, "", ""},
		"the scheme has a case": {[]string{"bEARER " + good}, 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			request := w.request(t, http.MethodGet, "/api/desk/assistants", "")
			request.Header["Authorization"] = test.authorization
			response, body := send(t, request)
			if response.StatusCode != test.status || test.code != "" && codeOf(t, body) != test.code {
				t.Errorf("%d %s, want %d %s", response.StatusCode, body, test.status, test.code)
			}
			if got := response.Header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate: %q, want %q", got, test.challenge)
			}
		})
	}
	request := w.request(t, http.MethodGet, "/api/desk/assistants?access_token="+good, "")
	if response, body := send(t, request); response.StatusCode != 401 || codeOf(t, body) != "token_missing" {
		t.Errorf("a token in the query: %d %s", response.StatusCode, body)
	}
}

func TestTheDeskWithoutEntraID(t *testing.T) {
	w := startDesk(t)
	const nowhere = "http://127.0.0.1:1"
	away := start(t, func(c *handlers.Config) { c.Desk = w.service(t, nowhere) })
	token, err := w.tenants["X"].PersonToken(apiClient, w.people["reader of X"], func(d *entra.Draft) {
		d.Claims["iss"] = nowhere + "/" + w.tenants["X"].ID() + "/v2.0"
	})
	if err != nil {
		t.Fatal(err)
	}
	response, body := send(t, away.request(t, http.MethodGet, "/api/desk/assistants", "", "Authorization", "Bearer "+token.Reveal()))
	if response.StatusCode != 503 || codeOf(t, body) != "directory_unavailable" || response.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s, Retry-After %q", response.StatusCode, body, response.Header.Get("Retry-After"))
	}
}

// The log says what was done and how much, and nothing of whom or what: that is
// in the audit.
func TestTheLogNamesNeitherConsultantsNorConversations(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "canary-conversation", "canary-activity", "2026-11-21T21:00:00Z", "canary-text", "canary-user")
	key := transcript.ConversationRow("canary-conversation")
	for _, request := range [][2]string{
		{http.MethodGet, "assistants/bankx/conversations?from=2026-11-21"},
		{http.MethodGet, "assistants/bankx/conversations/" + key},
		{http.MethodGet, "assistants/bankx/conversations/" + key + "?format=transcript"},
		{http.MethodDelete, "assistants/bankx/users/canary-user"},
		{http.MethodDelete, "assistants/bankx/conversations/" + key},
		{http.MethodGet, "assistants/bankx/audit"},
		{http.MethodGet, "assistants/bankx/conversations/canary?canary=canary"},
	} {
		w.ask(t, "both of X", request[0], request[1])
	}
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	for i, action := range []string{"list", "read", "export", "erase_user", "erase_conversation", "read_audit"} {
		if !strings.Contains(lines[i], `"action":"`+action+`","count":`) || !strings.Contains(lines[i], `"assistant":"bankx"`) || !strings.Contains(lines[i], `"msg":"Desk"`) {
			t.Errorf("line %d does not tell of %s: %s", i, action, lines[i])
		}
	}
	who := w.people["both of X"]
	for _, secret := range []string{"canary", key, who.ObjectID, w.tenants["X"].ID(), w.tokens["both of X"]} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log holds %q: %s", secret, w.log)
		}
	}
}

func TestAFailingStoreTellsNothing(t *testing.T) {
	key := transcript.ConversationRow("c1")
	for _, test := range [][3]string{
		{"Recent", http.MethodGet, "assistants/bankx/conversations"},
		{"Excerpt", http.MethodGet, "assistants/bankx/conversations/" + key},
		{"Excerpt", http.MethodGet, "assistants/bankx/conversations/" + key + "?format=transcript"},
		{"Erase", http.MethodDelete, "assistants/bankx/conversations/" + key},
		{"Erase", http.MethodDelete, "assistants/bankx/users/dl_1"},
		{"Page", http.MethodGet, "assistants/bankx/audit"},
		// Without the audit nobody reads and nothing is erased.
		{"Append", http.MethodGet, "assistants/bankx/conversations"},
		{"Append", http.MethodGet, "assistants/bankx/conversations/" + key},
		{"Append", http.MethodGet, "assistants/bankx/conversations/" + key + "?format=transcript"},
		{"Append", http.MethodDelete, "assistants/bankx/conversations/" + key},
		{"Append", http.MethodDelete, "assistants/bankx/users/dl_1"},
		{"Append", http.MethodGet, "assistants/bankx/audit"},
	} {
		w := startDesk(t)
		w.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", "a text that must not leave")
		w.store.fail(test[0])
		response, body := w.ask(t, "both of X", test[1], test[2])
		if response.StatusCode != 503 || codeOf(t, body) != "store_unavailable" || response.Header.Get("Retry-After") == "" {
			t.Errorf("%v: %d %s", test, response.StatusCode, body)
		}
		if bytes.Contains(body, []byte("canary")) || bytes.Contains(body, []byte("must not leave")) {
			t.Errorf("%v: the answer tells %s", test, body)
		}
		if response.Header.Get("Content-Disposition") != "" {
			t.Errorf("%v: a refusal is offered as a file", test)
		}
		if !strings.Contains(w.log.String(), "canary store") {
			t.Errorf("%v: the log lacks the cause: %s", test, w.log)
		}
		if _, err := w.store.Conversation(t.Context(), "bankx", key); err != nil {
			t.Errorf("%v: the conversation is gone: %v", test, err)
		}
	}
}
