package handlers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/handlers"
	"chatgate/internal/backend"
	"chatgate/internal/consultant"
	"chatgate/internal/login"
	"chatgate/internal/login/attemptstest"
	"chatgate/internal/loginapi"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
	"chatgate/internal/testclock"
)

// What must be found nowhere but at the client's own system.
const (
	plainToken   = "canary-plain-token"
	plainRefresh = "canary-plain-refresh"
	plainPolling = "canary-plain-polling"
	plainHint    = "canary-hint"
)

// bank is a client's system: a Login API below /login, and what users can do with
// its token below /v1.
type bank struct {
	url string

	mu       sync.Mutex
	decision string // pending, approved, denied, expired
	status   int    // of the Login API, 200
	started  []map[string]string
	polls    int
	// received are the calls of the back end, and answer what it says to them.
	received []*http.Request
	bodies   []string
	answer   http.HandlerFunc
}

func newBank(t *testing.T) *bank {
	t.Helper()
	b := &bank{decision: "pending", status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login/startLogin", b.start)
	mux.HandleFunc("POST /login/pollLogin", b.progress)
	mux.HandleFunc("POST /login/refreshToken", b.progress)
	mux.HandleFunc("/v1/", b.serve)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *bank) start(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sent map[string]string
	_ = json.NewDecoder(r.Body).Decode(&sent)
	b.started = append(b.started, sent)
	b.say(w, map[string]any{"pollingToken": plainPolling, "expiresIn": 300, "interval": 5})
}

func (b *bank) progress(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.polls++
	said := map[string]any{"status": b.decision}
	if b.decision == "approved" {
		said["token"], said["refreshToken"], said["expiresIn"] = plainToken, plainRefresh, 600
	}
	b.say(w, said)
}

func (b *bank) say(w http.ResponseWriter, said map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(b.status)
	_ = json.NewEncoder(w).Encode(said)
}

func (b *bank) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received = append(b.received, r)
	b.bodies = append(b.bodies, string(body))
	if b.answer != nil {
		b.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"balance":"12.50"}`)
}

// client is what calls the bank's Login API.
func (b *bank) client(t *testing.T) *loginapi.Client {
	t.Helper()
	client, err := loginapi.New(b.url+"/login", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// set changes the bank under its lock.
func (b *bank) set(change func(*bank)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

// oauth is a provider that remembers what it was asked.
type oauth struct {
	starts   int
	started  login.StartRequest
	polled   login.PollRequest
	signOuts int
	decision login.Decision
	err      error
}

func (o *oauth) Start(_ context.Context, request login.StartRequest) (login.Begun, error) {
	o.starts++
	o.started = request
	return login.Begun{
		Polling: secretly.Bytes("directline"), SignInLink: "https://token.example/signin?x=1&y=2", HidesCode: true,
		ExpiresIn: 10 * time.Minute, Interval: 2500 * time.Millisecond,
	}, o.err
}

func (o *oauth) Poll(_ context.Context, request login.PollRequest) (login.Outcome, error) {
	o.polled = request
	return login.Outcome{Decision: o.decision, Token: secretly.Bytes(plainToken)}, o.err
}

func (o *oauth) Refresh(context.Context, login.RefreshRequest) (login.Outcome, error) {
	return login.Outcome{}, login.ErrLoginAgain
}

func (o *oauth) SignOut(context.Context, login.SignOutRequest) error {
	o.signOuts++
	return o.err
}

// vault holds one sealing key.
type vault struct{}

func (vault) Get(ctx context.Context, name string) (secrets.Secret, error) {
	return vault{}.Version(ctx, name, strings.Repeat("1", 32))
}

func (vault) Version(_ context.Context, name, version string) (secrets.Secret, error) {
	if version != strings.Repeat("1", 32) {
		return secrets.Secret{}, secrets.ErrNotFound
	}
	value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	return secrets.Secret{Name: name, Version: version, Value: redacted.New(value)}, nil
}

func (vault) Confirm(context.Context, string, string) error { return nil }

// loginWorld is a running server with a login for the assistants of Bank X and
// Bank Y. That of Bank Y has an OAuth connection and no back end; the third has
// no login.
type loginWorld struct {
	*world
	*offices

	service  *handlers.LoginService
	bank     *bank
	oauth    *oauth
	attempts *attemptstest.Memory

	clock *testclock.Clock
}

func startLogins(t *testing.T) *loginWorld {
	t.Helper()
	o, err := openOffices()
	if err != nil {
		t.Fatal(err)
	}
	w := &loginWorld{
		offices: o, bank: newBank(t), oauth: &oauth{decision: login.DecisionPending}, attempts: attemptstest.NewMemory(),
		clock: testclock.At(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)),
	}
	to, err := backend.New(w.bank.url + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	bankX, bankY := o.tenants["X"].ID(), o.tenants["Y"].ID()
	verifier, err := consultant.NewVerifier(consultant.Config{Authority: o.url, Audience: apiClient, Tenants: []string{bankX, bankY}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	providers := map[string]login.Providers{
		"bankx": {login.LoginAPI: w.bank.client(t)},
		"banky": {login.BotService: w.oauth},
	}
	w.service = &handlers.LoginService{
		Broker:   login.NewBroker(providers, sealed.New(vault{}, "sealing-key"), w.attempts, &login.Options{Now: w.clock.Now}),
		Callers:  login.NewCallers(map[string]login.Caller{"bankx": {TenantID: bankX, ClientID: botOf("X")}, "banky": {TenantID: bankY, ClientID: botOf("Y")}}),
		Verifier: verifier,
		Backends: map[string]*backend.Backend{"bankx": to},
	}
	w.world = start(t, func(c *handlers.Config) { c.Login = w.service })
	return w
}

// as is the header that somebody is known by; none for nobody.
func (w *loginWorld) as(t *testing.T, who string) []string {
	t.Helper()
	if who == "" {
		return nil
	}
	token, known := w.tokens[who]
	if !known {
		t.Fatalf("nobody is called %q", who)
	}
	return []string{"Authorization", "Bearer " + token}
}

// ask sends a request to the login.
func (w *loginWorld) ask(t *testing.T, who, path, body string) (*http.Response, []byte) {
	t.Helper()
	return send(t, w.request(t, http.MethodPost, "/api/login/"+path, body, w.as(t, who)...))
}

// told is what the login answers with.
type told struct {
	Login       string
	BindingCode string
	SignInLink  string
	Status      string
	Token       string
	Interval    int
	ExpiresIn   int `json:"expires_in"`
}

// tell reads an answer that must have a status.
func (w *loginWorld) tell(t *testing.T, who, path, body string, status int) told {
	t.Helper()
	response, text := w.ask(t, who, path, body)
	var answer told
	if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode != status {
		t.Fatalf("%s: %d %s, %v, want %d", path, response.StatusCode, text, err, status)
	}
	return answer
}

// fails holds an answer to a failure.
func (w *loginWorld) fails(t *testing.T, who, path, body string, status int, code problem.Code) {
	t.Helper()
	response, text := w.ask(t, who, path, body)
	if response.StatusCode != status || codeOf(t, text) != string(code) {
		t.Errorf("%s to %s: %d %s, want %d %s", who, path, response.StatusCode, text, status, code)
	}
}

const (
	rita      = `"conversationId":"conversation-1","userId":"dl_rita"`
	startBody = `{` + rita + `,"hint":"` + plainHint + `"}`
)

func pollBody(handle string) string {
	return `{"login":"` + handle + `",` + rita + `}`
}

func tokenBody(token string) string {
	return `{"token":"` + token + `","conversationId":"conversation-1"}`
}

// approved logs Rita in and returns her sealed token.
func (w *loginWorld) approved(t *testing.T) string {
	t.Helper()
	started := w.tell(t, "bot of X", "bankx/start", startBody, http.StatusCreated)
	w.bank.set(func(b *bank) { b.decision = "approved" })
	w.clock.Advance(5 * time.Second)
	return w.tell(t, "bot of X", "bankx/poll", pollBody(started.Login), http.StatusOK).Token
}

// forward calls the back end of Bank X for Rita.
func (w *loginWorld) forward(t *testing.T, token, method, path, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	headers = append(headers, "X-Login-Token", token, "X-Conversation-Id", "conversation-1")
	request := w.request(t, method, "/api/backend/bankx"+path, body, append(headers, w.as(t, "bot of X")...)...)
	return send(t, request)
}

// calls are the requests that the bank's system got.
func (b *bank) calls() []*http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received
}

// touched counts what reached the clients' systems and the table.
func (w *loginWorld) touched() int {
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	return len(w.bank.started) + w.bank.polls + len(w.bank.received) + w.oauth.starts + len(w.attempts.Rows())
}
