package handlers_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgate/internal/problem"
)

func TestEveryMethodIsForwarded(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	for i, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		response, body := w.forward(t, token, method, "/accounts/7?from=a%2Fb&to=x+y;z", "the body", "Content-Type", "text/plain", "If-Match", `"1"`)
		if response.StatusCode != 200 || response.Header.Get("X-Backend-Status") != "200" || method != http.MethodHead && string(body) != `{"balance":"12.50"}` {
			t.Fatalf("%s: %d %s", method, response.StatusCode, body)
		}
		got := w.bank.calls()[i]
		if got.Method != method || got.RequestURI != "/v1/accounts/7?from=a%2Fb&to=x+y;z" || w.bank.bodies[i] != "the body" ||
			got.Header.Get("Content-Type") != "text/plain" || got.Header.Get("If-Match") != `"1"` {
			t.Errorf("%s: the back end got %s %s %q %v", method, got.Method, got.RequestURI, w.bank.bodies[i], got.Header)
		}
	}
	for _, method := range []string{http.MethodTrace, "PROPFIND", "get"} {
		response, _ := w.forward(t, token, method, "/accounts", "")
		if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" {
			t.Errorf("%s: %d, Allow %q", method, response.StatusCode, response.Header.Get("Allow"))
		}
	}
}

func TestPathsToTheBackend(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	for path, want := range map[string]string{
		"":                    "/v1/",
		"/":                   "/v1/",
		"/accounts":           "/v1/accounts",
		"/accounts/":          "/v1/accounts/",
		"/Accounts/a%20b/%3F": "/v1/Accounts/a%20b/%3F",
		"/a;b=c/@:,+$&='()*!": "/v1/a;b=c/@:,+$&='()*!",
		"/%E2%82%AC":          "/v1/%E2%82%AC",
		"/a%2541":             "/v1/a%2541",
	} {
		before := len(w.bank.calls())
		response, body := w.forward(t, token, http.MethodGet, path, "")
		if response.StatusCode != 200 || len(w.bank.calls()) != before+1 || w.bank.calls()[before].RequestURI != want {
			t.Errorf("%q: %d %s", path, response.StatusCode, body)
		}
	}
	before := len(w.bank.calls())
	for _, path := range []string{
		"/..", "/../login/startLogin", "/a/../b", "/%2e%2e/login", "/.%2e", "/%252e%252e/x", "/a//b", "//evil.example/x", "/a/", "/./a",
		// Behind the host %2F arrives as %252F; neither is passed on.
		"/a%2Fb", "/a%2fb", "/a%252Fb", "/a%255C", `/a%5C..%5Cb`, "/a%00", "/a%250d%250a", "/%c0%ae%c0%ae/x%2f",
	} {
		if path == "/a/" {
			path = "/a//"
		}
		response, body := w.forward(t, token, http.MethodGet, path, "")
		if response.StatusCode != 400 || codeOf(t, body) != "path_not_allowed" {
			t.Errorf("%q: %d %s", path, response.StatusCode, body)
		}
	}
	for _, path := range []string{"/api%2Fbackend/bankx/a", "/api/backend%2Fbankx/a", "/api/backend", "/api/backend/", "/api%2Fbackend/backend/bankx/a"} {
		response, body := send(t, w.request(t, http.MethodGet, path, "", w.as(t, "bot of X")...))
		if response.StatusCode != 404 || codeOf(t, body) == "" {
			t.Errorf("%q: %d %s", path, response.StatusCode, body)
		}
	}
	if got := w.bank.calls()[before:]; len(got) > 0 {
		t.Errorf("the back end got %s", got[0].RequestURI)
	}
	for _, path := range []string{"//api/backend/BANKX/accounts", "/%61PI/Backend/bank%78/accounts"} {
		request := w.request(t, http.MethodGet, path, "", append(w.as(t, "bot of X"), "X-Login-Token", token, "X-Conversation-Id", "conversation-1")...)
		if response, body := send(t, request); response.StatusCode != 200 {
			t.Errorf("%q: %d %s", path, response.StatusCode, body)
		}
	}
}

func TestWhatABackendCallNeeds(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	ok := []string{"X-Login-Token", token, "X-Conversation-Id", "conversation-1"}
	for name, test := range map[string]struct {
		headers []string
		status  int
		code    problem.Code
	}{
		"all":                  {ok, 200, ""},
		"no token":             {ok[2:], 400, problem.BadRequest},
		"no conversation":      {ok[:2], 400, problem.BadRequest},
		"an empty token":       {[]string{"X-Login-Token", "", "X-Conversation-Id", "conversation-1"}, 400, problem.BadRequest},
		"two tokens":           {append(ok[:2:2], ok...), 400, problem.BadRequest},
		"two conversations":    {append(ok[2:4:4], ok...), 400, problem.BadRequest},
		"another conversation": {append(ok[:2:2], "X-Conversation-Id", "conversation-2"), 404, problem.LoginUnknown},
		"a token that is none": {append(ok[2:4:4], "X-Login-Token", "x"), 404, problem.LoginUnknown},
		"a token of 21 KiB":    {append(ok[2:4:4], "X-Login-Token", strings.Repeat("x", 21<<10)), 404, problem.LoginUnknown},
		"the bot's own token":  {append(ok[2:4:4], "X-Login-Token", w.tokens["bot of X"]), 404, problem.LoginUnknown},
	} {
		response, body := send(t, w.request(t, http.MethodGet, "/api/backend/bankx/accounts", "", append(w.as(t, "bot of X"), test.headers...)...))
		if response.StatusCode != test.status || test.code != "" && codeOf(t, body) != string(test.code) {
			t.Errorf("%s: %d %s, want %d %s", name, response.StatusCode, body, test.status, test.code)
		}
	}
	// Another assistant's bot with this one's token; it has no back end either.
	response, body := send(t, w.request(t, http.MethodGet, "/api/backend/banky/accounts", "", append(w.as(t, "bot of Y"), ok...)...))
	if response.StatusCode != 404 || codeOf(t, body) != "not_found" || !strings.Contains(string(body), "BackendUrl") {
		t.Errorf("without a back end: %d %s", response.StatusCode, body)
	}
	w.clock.Advance(10 * time.Minute)
	if response, body := w.forward(t, token, http.MethodGet, "/accounts", ""); response.StatusCode != 409 || codeOf(t, body) != "login_again" {
		t.Errorf("an expired token: %d %s", response.StatusCode, body)
	}
}

func TestBodiesToTheBackendAreBounded(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	most := strings.Repeat("x", 4<<20)
	if response, body := w.forward(t, token, http.MethodPut, "/file", most); response.StatusCode != 200 || w.bank.bodies[0] != most {
		t.Errorf("4 MiB: %d %.200s", response.StatusCode, body)
	}
	if response, body := w.forward(t, token, http.MethodPut, "/file", " \r\n"); response.StatusCode != 200 || w.bank.bodies[1] != " \r\n" {
		t.Errorf("white space: %d %s, the back end got %q", response.StatusCode, body, w.bank.bodies[1])
	}
	// With chunks, which tell no length beforehand, and with one.
	for _, body := range []io.Reader{io.MultiReader(strings.NewReader(most), strings.NewReader("x")), strings.NewReader(most + "x")} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.world.url+"/api/backend/bankx/file", body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+w.tokens["bot of X"])
		request.Header.Set("X-Login-Token", token)
		request.Header.Set("X-Conversation-Id", "conversation-1")
		response, text := send(t, request)
		if response.StatusCode != 413 || codeOf(t, text) != "too_large" || len(w.bank.calls()) != 2 {
			t.Errorf("one byte more: %d %.200s", response.StatusCode, text)
		}
	}
	// A stranger's body is not even read.
	request := w.request(t, http.MethodPut, "/api/backend/bankx/file", most+"x")
	if response, body := send(t, request); response.StatusCode != 401 {
		t.Errorf("a stranger: %d %.200s", response.StatusCode, body)
	}
}

// stallable remembers the bounds that were set on reading.
type stallable struct {
	*httptest.ResponseRecorder

	deadlines []time.Time
}

func (c *stallable) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

func TestAStallingBotIsDropped(t *testing.T) {
	w := startLogins(t)
	request := w.request(t, http.MethodPut, "/api/backend/bankx/file", "x", append(w.as(t, "bot of X"), "X-Login-Token", w.approved(t), "X-Conversation-Id", "conversation-1")...)
	client := &stallable{ResponseRecorder: httptest.NewRecorder()}
	w.handler.ServeHTTP(client, request)
	if client.Code != 200 || len(client.deadlines) != 2 || time.Until(client.deadlines[0]) > 30*time.Second || !client.deadlines[1].IsZero() {
		t.Errorf("%d %s, bounds on reading: %v, want one and then none", client.Code, client.Body, client.deadlines)
	}
}

// Should a browser ever be shown what a back end says, it does nothing with it.
func TestAnswersOfTheBackend(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	for _, test := range []struct {
		status      int
		contentType string
		body        string
	}{
		{200, "text/html", "<script>alert(1)</script>"},
		{201, "", "made"},
		{204, "", ""},
		{400, "application/problem+json", `{"code":"unknown_assistant"}`},
		{403, "application/json", `{}`},
		{404, "text/plain", "no"},
		{409, "application/json", `{"code":"login_again"}`},
		{429, "text/plain", "slow"},
		{500, "text/plain", "broken"},
		{503, "text/plain", ""},
	} {
		w.bank.set(func(b *bank) {
			b.answer = func(rw http.ResponseWriter, _ *http.Request) {
				h := rw.Header()
				h["Content-Type"] = nil
				if test.contentType != "" {
					h.Set("Content-Type", test.contentType)
				}
				h.Set("Set-Cookie", "canary=1")
				h.Set("Location", "https://evil.example/canary")
				h.Set("WWW-Authenticate", "Basic canary")
				h.Set("Access-Control-Allow-Origin", "*")
				h.Set("Cache-Control", "public, max-age=9999")
				h.Set("Content-Security-Policy", "script-src *")
				h.Set("Content-Disposition", "attachment")
				h.Set("X-Backend-Status", "299")
				h.Set("Retry-After", "7")
				h.Set("ETag", `"1"`)
				rw.WriteHeader(test.status)
				_, _ = io.WriteString(rw, test.body)
			}
		})
		response, body := w.forward(t, token, http.MethodGet, "/x", "")
		if response.StatusCode != test.status || string(body) != test.body {
			t.Errorf("%d %s, want %d %s", response.StatusCode, body, test.status, test.body)
		}
		contentType := test.contentType
		if contentType == "" && test.body != "" {
			contentType = "application/octet-stream"
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Content-Type": contentType, "Content-Disposition": "attachment", "Retry-After": "7",
			"Etag": `"1"`, "X-Backend-Status": strconv.Itoa(test.status),
			"Set-Cookie": "", "Location": "", "Www-Authenticate": "", "Access-Control-Allow-Origin": "",
		} {
			if got := strings.Join(response.Header.Values(name), "|"); got != want {
				t.Errorf("%d: %s: %q, want %q", test.status, name, got, want)
			}
		}
	}
}

func TestFailuresOfTheBackend(t *testing.T) {
	w := startLogins(t)
	token := w.approved(t)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		status int
		code   problem.Code
	}{
		"the token is refused": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, 409, problem.LoginAgain},
		"it redirects away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
		}, 502, problem.BackendUnsafe},
		"it says the token": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Header.Get("Authorization"))
		}, 502, problem.BackendUnsafe},
		"it says the token in base64": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, base64.StdEncoding.EncodeToString([]byte(plainToken)))
		}, 502, problem.BackendUnsafe},
		"it says the token in a header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"`+plainToken+`"`)
		}, 502, problem.BackendUnsafe},
		"it says too much": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 4<<20+1))
		}, 502, problem.BackendUnsafe},
		"it breaks off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, problem.BackendUnavailable},
		"a status that is none": {func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(connection, "HTTP/1.1 099 canary\r\nContent-Length: 0\r\n\r\n")
				_ = connection.Close()
			}
		}, 502, problem.BackendUnavailable},
	} {
		w.bank.set(func(b *bank) { b.answer = test.answer })
		response, body := w.forward(t, token, http.MethodGet, "/x", "")
		if response.StatusCode != test.status || codeOf(t, body) != string(test.code) || response.Header.Get("X-Backend-Status") != "" {
			t.Errorf("%s: %d %s, want %d %s", name, response.StatusCode, body, test.status, test.code)
		}
	}
}

// The client system's tokens are in no answer, no header and no line of the log,
// whatever happens; nor are they in the table.
func TestThePlainTokensAreNowhere(t *testing.T) {
	w := startLogins(t)
	started := w.tell(t, "bot of X", "bankx/start", startBody, http.StatusCreated)
	seen := &bytes.Buffer{}
	note := func(response *http.Response, body []byte) {
		_ = response.Header.Write(seen)
		seen.Write(body)
	}
	for _, decision := range []string{"pending", plainToken, "approved", "approved"} {
		w.clock.Advance(5 * time.Second)
		w.bank.set(func(b *bank) { b.decision = decision })
		note(w.ask(t, "bot of X", "bankx/poll", pollBody(started.Login)))
	}
	elsewhere := strings.Replace(startBody, "conversation-1", "conversation-2", 1)
	note(w.ask(t, "bot of X", "bankx/start", elsewhere))
	w.clock.Advance(time.Minute)
	token := strings.Replace(tokenBody(w.relogin(t)), "conversation-1", "conversation-9", 1)
	for _, status := range []int{200, 400, 500, 302} {
		w.bank.set(func(b *bank) { b.status = status })
		note(w.ask(t, "bot of X", "bankx/refresh", token))
	}
	note(w.ask(t, "bot of X", "bankx/signout", token))
	for _, secret := range []string{plainToken, plainRefresh, plainPolling, plainHint} {
		forms := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))}
		for _, form := range forms {
			if strings.Contains(seen.String(), form) {
				t.Errorf("an answer holds %s", form)
			}
			if strings.Contains(w.log.String(), form) {
				t.Errorf("the log holds %s: %s", form, w.log)
			}
		}
	}
	if seen.Len() == 0 || len(w.attempts.Rows()) == 0 {
		t.Fatal("nothing was looked at")
	}
	for key, row := range w.attempts.Rows() {
		if strings.Contains(key.Row+key.Partition+row.Attempt+string(row.State), "canary") {
			t.Errorf("the table holds %v: %v", key, row)
		}
	}
}

// relogin logs Rita in once more, in another conversation.
func (w *loginWorld) relogin(t *testing.T) string {
	t.Helper()
	const conversation = `"conversationId":"conversation-9","userId":"dl_rita"`
	w.bank.set(func(b *bank) { b.status, b.decision = 200, "approved" })
	started := w.tell(t, "bot of X", "bankx/start", `{`+conversation+`}`, http.StatusCreated)
	w.clock.Advance(5 * time.Second)
	return w.tell(t, "bot of X", "bankx/poll", `{"login":"`+started.Login+`",`+conversation+`}`, http.StatusOK).Token
}
