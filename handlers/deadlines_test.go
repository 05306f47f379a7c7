package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/handlers"
	"chatgate/internal/audit"
	"chatgate/internal/consultant"
	"chatgate/internal/desk"
	"chatgate/internal/directline"
	"chatgate/internal/handshake"
	"chatgate/internal/login"
	"chatgate/internal/redacted"
	"chatgate/internal/retention"
	"chatgate/internal/rotation"
	"chatgate/internal/sealed"
	"chatgate/internal/secrets"
	"chatgate/internal/transcript"
)

// stages notes how long each stage of an invocation may take: reading what was
// sent, telling who sent it, the work.
type stages struct {
	mu     sync.Mutex
	bounds map[string]time.Duration
}

// forEver stands for a stage without a bound.
const forEver = 365 * 24 * time.Hour

// note keeps the longest time that a stage may still take.
func (s *stages) note(stage string, left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bounds[stage] = max(left, s.bounds[stage])
}

func (s *stages) saw(ctx context.Context, stage string) {
	left := forEver
	if deadline, isBound := ctx.Deadline(); isBound {
		left = time.Until(deadline)
	}
	s.note(stage, left)
}

// total is how long an invocation may take, stage after stage.
func (s *stages) total() (total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, bound := range s.bounds {
		total += bound
	}
	return total
}

// timed is a connection whose deadlines are noted.
type timed struct {
	*httptest.ResponseRecorder
	*stages
}

func (w timed) SetReadDeadline(deadline time.Time) error {
	if !deadline.IsZero() {
		w.note("read", time.Until(deadline))
	}
	return nil
}

func (w timed) SetWriteDeadline(deadline time.Time) error {
	if !deadline.IsZero() {
		w.note("work", time.Until(deadline))
	}
	return nil
}

// What follows stands behind the handlers, or before what does.

type timedVerifier struct {
	handlers.Verifier
	handlers.BotVerifier
	*stages
}

func (v timedVerifier) Consultant(ctx context.Context, token redacted.Text) (consultant.Consultant, error) {
	v.saw(ctx, "who")
	return v.Verifier.Consultant(ctx, token)
}

func (v timedVerifier) Bot(ctx context.Context, token redacted.Text) (consultant.Bot, error) {
	v.saw(ctx, "who")
	return v.BotVerifier.Bot(ctx, token)
}

type timedLedger struct {
	audit.Ledger
	*stages
}

func (l timedLedger) Append(ctx context.Context, entry audit.Entry) error {
	l.saw(ctx, "work")
	return l.Ledger.Append(ctx, entry)
}

// timedKeys are those of the sealer, and the secrets of Direct Line.
type timedKeys struct {
	vault
	*stages
}

func (k timedKeys) Get(ctx context.Context, name string) (secrets.Secret, error) {
	k.saw(ctx, "work")
	return k.vault.Get(ctx, name)
}

func (k timedKeys) Renew(ctx context.Context, name, _ string) (secrets.Secret, error) {
	return k.Get(ctx, name)
}

// Do refuses a call of Direct Line.
func (s *stages) Do(request *http.Request) (*http.Response, error) {
	s.saw(request.Context(), "work")
	return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader("")), Request: request}, nil
}

var errSeen = errors.New("seen")

func (s *stages) Record(ctx context.Context, _ []transcript.Message) (transcript.Result, error) {
	s.saw(ctx, "work")
	return transcript.Result{}, errSeen
}

func (s *stages) Handle(ctx context.Context, _ []byte) ([]rotation.Outcome, error) {
	s.saw(ctx, "work")
	return nil, errSeen
}

// Run is what PurgeExpired does at last; Sweep is within its time.
func (s *stages) Run(ctx context.Context, _ string) (retention.Report, error) {
	s.saw(ctx, "work")
	return retention.Report{}, errSeen
}

// startTimed is a server of everything that notes the time it gives to what. The
// worlds are of other servers with the same keys, tokens and conversations.
func startTimed(t *testing.T, noted *stages) (http.Handler, *deskWorld, *loginWorld) {
	t.Helper()
	atDesk, atLogin := startDesk(t), startLogins(t)
	verifier := timedVerifier{atDesk.service(t, atDesk.offices.url).Verifier, atLogin.service.Verifier, noted}
	service := atDesk.service(t, atDesk.offices.url)
	service.Verifier = verifier
	service.Desk = desk.New([]desk.Assistant{{ID: "bankx", TenantID: atDesk.tenants["X"].ID()}}, atDesk.store, timedLedger{atDesk.store.Ledger(), noted}, nil)
	providers := map[string]login.Providers{"bankx": {login.LoginAPI: atLogin.bank.client(t)}}
	logins := &handlers.LoginService{
		Broker:   login.NewBroker(providers, sealed.New(timedKeys{vault{}, noted}, "sealing-key"), atLogin.attempts, &login.Options{Now: atLogin.clock.Now}),
		Callers:  atLogin.service.Callers,
		Verifier: verifier,
		Backends: atLogin.service.Backends,
	}
	options := &directline.ClientOptions{}
	options.Transport = noted
	client, err := directline.NewClient("https://directline.botframework.com/v3/directline", options)
	if err != nil {
		t.Fatal(err)
	}
	issuer := handshake.NewIssuer([]handshake.Assistant{{ID: "bankx", Client: client}}, timedKeys{vault{}, noted}, nil)
	var handler http.Handler
	start(t, func(c *handlers.Config) {
		c.Issuer, c.Recorder, c.Rotator, c.Purger = issuer, noted, noted, noted
		c.Desk, c.Login = service, logins
		handler = handlers.New(*c)
	})
	return handler, atDesk, atLogin
}

// functionTimeout is after what time the host kills the handler: as in host.json,
// or else the 5 minutes of a Consumption plan.
func functionTimeout(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("../host.json")
	if err != nil {
		t.Fatal(err)
	}
	host := struct{ FunctionTimeout string }{"00:05:00"}
	if err := json.Unmarshal(text, &host); err != nil {
		t.Fatal(err)
	}
	after, err := time.Parse(time.TimeOnly, host.FunctionTimeout)
	if err != nil {
		t.Fatal(err)
	}
	return after.Sub(after.Truncate(24 * time.Hour))
}

// "On expiry the whole handler is killed, with every other call in flight. Keep a
// deadline of your own on each invocation, well below it" (functions-host: Life of
// the process). For each function this is what its stages may take together.
func TestEveryInvocationEndsWellBeforeTheHostKillsTheHandler(t *testing.T) {
	noted := &stages{}
	handler, d, l := startTimed(t, noted)
	d.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", "hello")
	page := []string{"Origin", origin}
	reader, eraser := []string{"Authorization", "Bearer " + d.tokens["reader of X"]}, []string{"Authorization", "Bearer " + d.tokens["eraser of X"]}
	bot := l.as(t, "bot of X")
	user := append([]string{"X-Login-Token", l.approved(t), "X-Conversation-Id", "conversation-1"}, bot...)
	host := []string{"Content-Type", "application/json"}
	conversation := "/api/desk/assistants/bankx/conversations/" + transcript.ConversationRow("c1")
	functions := map[string]struct {
		stages   string // those that there are
		requests []*http.Request
	}{
		"GetNewToken":  {"read work", []*http.Request{l.request(t, http.MethodPost, "/api/GetNewToken", "", page...)}},
		"RefreshToken": {"read work", []*http.Request{l.request(t, http.MethodPost, "/api/RefreshToken", `{"token":"x"}`, page...)}},
		"Health":       {"", []*http.Request{l.request(t, http.MethodGet, "/api/Health", "")}},
		"Site":         {"", []*http.Request{l.request(t, http.MethodGet, "/api/site/widget.js", "")}},
		"Desk": {"who work", []*http.Request{
			l.request(t, http.MethodGet, "/api/desk/assistants/bankx/conversations", "", reader...),
			l.request(t, http.MethodGet, conversation, "", reader...),
			l.request(t, http.MethodGet, conversation+"?format=transcript", "", reader...),
			l.request(t, http.MethodGet, "/api/desk/assistants/bankx/audit", "", eraser...),
			l.request(t, http.MethodDelete, conversation, "", eraser...),
			l.request(t, http.MethodDelete, "/api/desk/assistants/bankx/users/dl_1", "", eraser...),
		}},
		"Login": {"read who work", []*http.Request{
			l.request(t, http.MethodPost, "/api/login/bankx/refresh", tokenBody(user[1]), bot...),
			l.request(t, http.MethodPost, "/api/login/bankx/signout", tokenBody(user[1]), bot...),
			l.request(t, http.MethodPost, "/api/login/bankx/start", strings.ReplaceAll(startBody, "conversation-1", "conversation-2"), bot...),
			l.request(t, http.MethodPost, "/api/login/bankx/poll", pollBody("x.x.x.x.x"), bot...),
		}},
		"Backend":             {"read who work", []*http.Request{l.request(t, http.MethodGet, "/api/backend/bankx/accounts", "", user...)}},
		"PersistConversation": {"read work", []*http.Request{l.request(t, http.MethodPost, "/PersistConversation", envelope(t, "{}"), host...)}},
		"RotateDirectLineKey": {"read work", []*http.Request{l.request(t, http.MethodPost, "/RotateDirectLineKey", strings.Replace(envelope(t, "{}"), "activities", "events", 1), host...)}},
		"PurgeExpired":        {"read work", []*http.Request{l.request(t, http.MethodPost, "/PurgeExpired", `{"Data":{"timer":{}}}`, host...)}},
	}
	most := functionTimeout(t) - 45*time.Second
	folders, err := filepath.Glob("../functions/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			of, known := functions[filepath.Base(folder)]
			if !known {
				t.Fatal("this test does not know the function")
			}
			noted.bounds = map[string]time.Duration{}
			for _, request := range of.requests {
				handler.ServeHTTP(timed{httptest.NewRecorder(), noted}, request)
			}
			for _, stage := range []string{"read", "who", "work"} {
				if _, found := noted.bounds[stage]; found != strings.Contains(of.stages, stage) {
					t.Errorf("stage %q is there: %t", stage, found)
				}
			}
			if total := noted.total(); total > most {
				t.Errorf("an invocation may take %v, more than %v: %v", total, most, noted.bounds)
			}
		})
	}
}
