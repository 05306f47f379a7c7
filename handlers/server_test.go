package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/handlers"
	"chatgate/internal/handshake"
	"chatgate/internal/problem"
	"chatgate/internal/ratelimit"
	"chatgate/internal/redacted"
	"chatgate/internal/transcript"
)

const (
	origin  = "https://www.bankx.example"
	foreign = "https://evil.example"
)

// issuer answers as told and remembers what it was asked.
type issuer struct {
	mu      sync.Mutex
	asked   []string // assistant, visitor or token, by call
	failure error
}

var expiry = time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)

func (i *issuer) Issue(_ context.Context, assistant string, visitor redacted.Text) (handshake.Grant, error) {
	return i.answer("issue", assistant, visitor)
}

func (i *issuer) Refresh(_ context.Context, assistant string, token redacted.Text) (handshake.Grant, error) {
	grant, err := i.answer("refresh", assistant, token)
	grant.Visitor = redacted.Text{}
	return grant, err
}

func (i *issuer) answer(call, assistant string, given redacted.Text) (handshake.Grant, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, strings.Join([]string{call, assistant, given.Reveal()}, " "))
	if i.failure != nil {
		return handshake.Grant{}, i.failure
	}
	return handshake.Grant{
		Token:          redacted.New("canary-token"),
		ExpiresIn:      3600,
		ExpiresAt:      expiry,
		ConversationID: "conv1",
		UserID:         "dl_user",
		Domain:         "https://directline.botframework.com/v3/directline",
		Visitor:        redacted.New("canary-visitor"),
	}, nil
}

// recorder answers as told.
type recorder struct {
	received []transcript.Message
	result   transcript.Result
	failure  error
}

func (r *recorder) Record(_ context.Context, messages []transcript.Message) (transcript.Result, error) {
	r.received = append(r.received, messages...)
	return r.result, r.failure
}

// world is a running server and what stands behind it.
type world struct {
	url      string
	handler  http.Handler
	issuer   *issuer
	recorder *recorder
	log      *lockedBuffer
	ready    bool
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func start(t *testing.T, change func(*handlers.Config)) *world {
	t.Helper()
	w := &world{issuer: &issuer{}, recorder: &recorder{}, log: &lockedBuffer{}, ready: true}
	config := handlers.Config{
		Assistants:   []handlers.Assistant{{ID: "bankx", AllowedOrigins: []string{origin}}},
		Issuer:       w.issuer,
		Recorder:     w.recorder,
		SecretsReady: func() bool { return w.ready },
		Version:      "1.2.3",
		Logger:       slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	if change != nil {
		change(&config)
	}
	w.handler = handlers.New(config)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) request(t *testing.T, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return request
}

// post sends a POST from the allowed origin.
func (w *world) post(t *testing.T, path, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	return send(t, w.request(t, http.MethodPost, path, body, append([]string{"Origin", origin}, headers...)...))
}

func codeOf(t *testing.T, body []byte) string {
	t.Helper()
	var document struct{ Code string }
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatalf("the answer is no problem document: %v\n%s", err, body)
	}
	return document.Code
}

func TestGetNewToken(t *testing.T) {
	w := start(t, nil)
	response, body := w.post(t, "/api/GetNewToken/bankx", `{"visitor":"earlier"}`)
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	for name, want := range map[string]any{
		"token": "canary-token", "expires_in": 3600.0, "expiresAt": "2026-11-21T21:00:00Z", "conversationId": "conv1", "userId": "dl_user",
		"domain": "https://directline.botframework.com/v3/directline", "visitor": "canary-visitor",
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Cache-Control": "no-store", "Pragma": "no-cache",
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if asked := w.issuer.asked[0]; asked != "issue bankx earlier" {
		t.Errorf("the issuer was asked %q", asked)
	}
}

func TestRefreshTokenReadsTheTokenFromHeaderOrBody(t *testing.T) {
	for name, test := range map[string]struct{ body, authorization, want string }{
		"header":                        {"", "Bearer abc", "refresh bankx abc"},
		"the scheme ignores case":       {"", "bearer abc", "refresh bankx abc"},
		"body":                          {`{"token":"abc"}`, "", "refresh bankx abc"},
		"header before body":            {`{"token":"abc"}`, "Bearer def", "refresh bankx def"},
		"another scheme is no token":    {"", "Basic abc", "refresh bankx "},
		"the word alone is no token":    {"", "Bearer", "refresh bankx "},
		"Bearerabc is not Bearer abc":   {"", "Bearerabc", "refresh bankx "},
		"nothing: the issuer decides":   {"", "", "refresh bankx "},
		"spaces within are passed on":   {"", "Bearer a b", "refresh bankx a b"},
		"a token without visitor comes": {"", "Bearer abc", "refresh bankx abc"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			headers := []string{}
			if test.authorization != "" {
				headers = append(headers, "Authorization", test.authorization)
			}
			response, body := w.post(t, "/api/RefreshToken", test.body, headers...)
			if response.StatusCode != http.StatusOK || bytes.Contains(body, []byte("visitor")) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			if got := w.issuer.asked[0]; got != test.want {
				t.Errorf("the issuer was asked %q, want %q", got, test.want)
			}
		})
	}
}

// The host matches routes ignoring case and a trailing slash, and forwards the
// path as the client wrote it (functions-host: HTTP functions).
func TestPathsIgnoreCaseAndATrailingSlash(t *testing.T) {
	w := start(t, nil)
	for _, path := range []string{"/api/GetNewToken", "/api/getnewtoken/", "/API/GETNEWTOKEN/BankX", "/api/GetNewToken/bankx/"} {
		if response, body := w.post(t, path, ""); response.StatusCode != http.StatusOK {
			t.Errorf("POST %s = %d %s", path, response.StatusCode, body)
		}
	}
}

// The host's client follows redirects, so a POST must never meet one.
func TestNoPostIsRedirected(t *testing.T) {
	w := start(t, nil)
	for _, path := range []string{"//api/GetNewToken", "/api//GetNewToken", "/api/./GetNewToken", "/api/x/../GetNewToken", "/api/site/chat", "//PersistConversation"} {
		if response, _ := w.post(t, path, ""); response.StatusCode/100 == 3 {
			t.Errorf("POST %s is redirected to %s", path, response.Header.Get("Location"))
		}
	}
}

func TestUnknownAssistants(t *testing.T) {
	two := func(c *handlers.Config) {
		c.Assistants = append(c.Assistants, handlers.Assistant{ID: "banky", AllowedOrigins: []string{origin}})
	}
	for name, test := range map[string]struct {
		change func(*handlers.Config)
		path   string
		code   string
	}{
		"no such assistant":         {nil, "/api/GetNewToken/nobody", "unknown_assistant"},
		"several, and none named":   {two, "/api/GetNewToken", "unknown_assistant"},
		"path characters in the id": {nil, "/api/GetNewToken/%2e%2e", "unknown_assistant"},
		"an escaped slash in it":    {nil, "/api/GetNewToken/a%2fb", "unknown_assistant"},
		"an escaped slash before":   {nil, "/api%2FGetNewToken/bankx", "not_found"},
		"more segments":             {nil, "/api/GetNewToken/bankx/more", "not_found"},
		"no such function":          {nil, "/api/GetOldToken", "not_found"},
		"outside the prefix":        {nil, "/GetNewToken", "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, test.change)
			response, body := w.post(t, test.path, "")
			if response.StatusCode != http.StatusNotFound || codeOf(t, body) != test.code {
				t.Errorf("%d %s, want 404 %s", response.StatusCode, body, test.code)
			}
			if len(w.issuer.asked) > 0 {
				t.Error("a token was asked for")
			}
		})
	}
}

// Every row of the contract's error table that the packages below decide.
func TestFailuresOfTheIssuer(t *testing.T) {
	for code, status := range map[problem.Code]int{
		problem.TokenMalformed: 400, problem.TokenMissing: 401, problem.TokenExpired: 401, problem.TokenInvalid: 401,
		problem.DirectLineRefused: 502, problem.DirectLineUnavailable: 502,
		problem.DirectLineThrottled: 503, problem.SecretUnavailable: 503,
	} {
		t.Run(string(code), func(t *testing.T) {
			w := start(t, nil)
			w.issuer.failure = problem.New(code, "Try again.").After(1500 * time.Millisecond).Because(errors.New("internal-cause"))
			response, body := w.post(t, "/api/RefreshToken", "")
			if response.StatusCode != status || codeOf(t, body) != string(code) {
				t.Errorf("%d %s, want %d %s", response.StatusCode, body, status, code)
			}
			if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type: %q", got)
			}
			challenge := response.Header.Get("WWW-Authenticate")
			if (status == 401) != strings.HasPrefix(challenge, "Bearer") {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if retry := response.Header.Get("Retry-After"); (status == 503) != (retry == "2") {
				t.Errorf("Retry-After: %q, want the delay rounded up on 503 only", retry)
			}
			if response.Header.Get("Access-Control-Allow-Origin") != origin {
				t.Error("the page cannot read the refusal")
			}
			if bytes.Contains(body, []byte("internal-cause")) {
				t.Errorf("the cause leaves the process: %s", body)
			}
			if !strings.Contains(w.log.String(), "internal-cause") {
				t.Errorf("the cause is not logged: %s", w.log)
			}
		})
	}
}

// Where nobody can say when to come again, a client is told to wait all the same.
func TestARefusalForNowAlwaysSaysWhenToComeAgain(t *testing.T) {
	w := start(t, nil)
	w.issuer.failure = problem.New(problem.DirectLineThrottled, "Try again.")
	if response, body := w.post(t, "/api/GetNewToken", ""); response.StatusCode != 503 || response.Header.Get("Retry-After") != "5" {
		t.Errorf("%d %s, Retry-After %q", response.StatusCode, body, response.Header.Get("Retry-After"))
	}
}

func TestUnknownErrorsAndPanicsAreInternal(t *testing.T) {
	for name, change := range map[string]func(*handlers.Config){
		"error": func(*handlers.Config) {},
		"panic": func(c *handlers.Config) { c.Issuer = nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, change)
			w.issuer.failure = errors.New("disk is on fire")
			response, body := w.post(t, "/api/GetNewToken", "")
			if response.StatusCode != 500 || codeOf(t, body) != "internal" || bytes.Contains(body, []byte("fire")) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
}

func TestClientLimit(t *testing.T) {
	w := start(t, func(c *handlers.Config) {
		c.ClientLimit = ratelimit.New(2, time.Hour, nil)
	})
	ask := func(address string) (*http.Response, []byte) {
		return w.post(t, "/api/GetNewToken", "", "X-Forwarded-For", "198.51.100.9, "+address)
	}
	for range 2 {
		if response, body := ask("203.0.113.7:1000"); response.StatusCode != 200 {
			t.Fatalf("%d %s", response.StatusCode, body)
		}
	}
	response, body := ask("203.0.113.7:2000") // the port is not part of the client
	if response.StatusCode != 429 || codeOf(t, body) != "rate_limited" || response.Header.Get("Retry-After") != "1800" {
		t.Errorf("%d %s, Retry-After %q", response.StatusCode, body, response.Header.Get("Retry-After"))
	}
	if response, _ := ask("203.0.113.8:1000"); response.StatusCode != 200 {
		t.Errorf("another client is refused with %d", response.StatusCode)
	}
	if len(w.issuer.asked) != 3 {
		t.Errorf("the issuer was asked %d times, want 3", len(w.issuer.asked))
	}
	if strings.Contains(w.log.String(), "203.0.113") {
		t.Errorf("a raw address is in the log: %s", w.log)
	}
}

func TestAssistantLimitBoundsIssuesOnly(t *testing.T) {
	w := start(t, func(c *handlers.Config) {
		c.AssistantLimit = ratelimit.New(1, time.Hour, nil)
	})
	w.post(t, "/api/GetNewToken", "")
	if response, body := w.post(t, "/api/GetNewToken", ""); response.StatusCode != 429 || codeOf(t, body) != "rate_limited" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	if response, _ := w.post(t, "/api/RefreshToken", "", "Authorization", "Bearer abc"); response.StatusCode != 200 {
		t.Errorf("a refresh is refused with %d", response.StatusCode)
	}
}

func TestMalformedBodiesDoNotSpendTheAssistantsLimit(t *testing.T) {
	w := start(t, func(c *handlers.Config) {
		c.AssistantLimit = ratelimit.New(1, time.Hour, nil)
	})
	w.post(t, "/api/GetNewToken", "rubbish")
	if response, body := w.post(t, "/api/GetNewToken", ""); response.StatusCode != 200 {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}

func TestEveryInvocationLeavesALineWhateverTheLevel(t *testing.T) {
	log := &lockedBuffer{}
	w := start(t, func(c *handlers.Config) {
		c.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
	})
	w.post(t, "/api/GetNewToken", "")
	if !strings.Contains(log.String(), "invocationId") {
		t.Errorf("log: %q", log)
	}
}

func TestHealth(t *testing.T) {
	w := start(t, nil)
	health := func() (int, string) {
		response, body := send(t, w.request(t, http.MethodGet, "/api/Health", ""))
		return response.StatusCode, string(body)
	}
	if status, body := health(); status != 200 || body != `{"status":"ok","version":"1.2.3"}` {
		t.Errorf("%d %s", status, body)
	}
	w.ready = false
	if status, body := health(); status != 503 || !strings.Contains(body, "key_vault") {
		t.Errorf("%d %s", status, body)
	}
	if len(w.issuer.asked) > 0 {
		t.Error("health minted a token")
	}
	response, body := send(t, w.request(t, http.MethodPost, "/api/Health", ""))
	if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" || codeOf(t, body) != "method_not_allowed" {
		t.Errorf("POST: %d %s", response.StatusCode, body)
	}
}

// Any answer means ready to the host; ours is a plain 200 without a log line,
// since the host asks every 25 ms.
func TestReady(t *testing.T) {
	w := start(t, nil)
	response, _ := send(t, w.request(t, http.MethodGet, "/", ""))
	if response.StatusCode != 200 || w.log.String() != "" {
		t.Errorf("%d, log %q", response.StatusCode, w.log)
	}
}

func TestOneLineAnInvocation(t *testing.T) {
	w := start(t, nil)
	const id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
	w.post(t, "/api/GetNewToken/bankx?code=canary-key", `{"visitor":"canary-earlier"}`,
		"X-Azure-Functions-InvocationId", id, "Authorization", "Bearer canary-auth", "x-functions-key", "canary-function-key")
	var line map[string]any
	if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
		t.Fatalf("not one JSON object: %v\n%s", err, w.log)
	}
	if line["invocationId"] != id || line["msg"] != "GetNewToken" || line["assistant"] != "bankx" || line["status"] != 200.0 {
		t.Errorf("log: %s", w.log)
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Errorf("the log gives something away: %s", w.log)
	}
}

// A client may send an invocation id of its own; it goes nowhere unless it has
// the form of one.
func TestForgedInvocationID(t *testing.T) {
	w := start(t, nil)
	_, body := w.post(t, "/api/GetNewToken/nobody", "", "X-Azure-Functions-InvocationId", `forged"}<script>`)
	if strings.Contains(w.log.String(), "forged") || bytes.Contains(body, []byte("forged")) {
		t.Errorf("%s\n%s", body, w.log)
	}
}
