package login_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/login/attemptstest"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
	"chatgate/internal/testclock"
)

const (
	canaryToken   = "canary-token-5e"
	canaryRefresh = "canary-refresh-5e"
	canaryPolling = "canary-polling-5e"
	hint          = "+49 151 1234567"
)

func rita() login.Binding {
	return login.Binding{Assistant: "bankx", ConversationID: "conversation-1", UserID: "dl_rita"}
}

// phone is a provider whose user decides when a test says so.
type phone struct {
	mu       sync.Mutex
	decision login.Decision
	err      error
	begun    login.Begun
	started  []login.StartRequest
	polls    int
	polled   []string
	refresh  string
	token    string
	signOuts int
	// during runs while a poll is answered.
	during func()
}

func newPhone() *phone {
	return &phone{
		decision: login.DecisionPending, token: canaryToken, refresh: canaryRefresh,
		begun: login.Begun{ExpiresIn: 5 * time.Minute, Interval: 5 * time.Second},
	}
}

func (p *phone) decide(decision login.Decision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decision = decision
}

func (p *phone) Start(_ context.Context, request login.StartRequest) (login.Begun, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = append(p.started, request)
	begun := p.begun
	begun.Polling = secretly.Bytes(canaryPolling)
	return begun, p.err
}

func (p *phone) Poll(_ context.Context, request login.PollRequest) (login.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polls++
	p.polled = append(p.polled, string(request.Polling)+" "+request.Code)
	if p.during != nil {
		p.during()
	}
	return p.outcome(), p.err
}

func (p *phone) Refresh(_ context.Context, request login.RefreshRequest) (login.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polled = append(p.polled, string(request.Refresh))
	return p.outcome(), p.err
}

func (p *phone) SignOut(context.Context, login.SignOutRequest) error {
	p.signOuts++
	return p.err
}

func (p *phone) outcome() login.Outcome {
	if p.decision != login.DecisionApproved {
		return login.Outcome{Decision: p.decision}
	}
	return login.Outcome{
		Decision: login.DecisionApproved, ExpiresIn: 10 * time.Minute,
		Token: secretly.Bytes(p.token), Refresh: secretly.Bytes(p.refresh),
	}
}

// keys is a vault with sealing keys that are all the same.
type keys struct {
	away      bool
	current   byte  // the digit of the current version; 0 is 1
	confirmed error // of older ones
}

func (k *keys) Get(ctx context.Context, name string) (secrets.Secret, error) {
	return k.Version(ctx, name, strings.Repeat(string(cmp.Or(k.current, '1')), 32))
}

func (k *keys) Confirm(context.Context, string, string) error { return k.confirmed }

func (k *keys) Version(_ context.Context, name, version string) (secrets.Secret, error) {
	if k.away {
		return secrets.Secret{}, problem.New(problem.SecretUnavailable, "away")
	}
	value := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	return secrets.Secret{Name: name, Version: version, Value: redacted.New(value)}, nil
}

// world is one broker, and another that shares its table and key.
type world struct {
	t        *testing.T
	phone    *phone
	attempts *attemptstest.Memory
	keys     *keys
	broker   *login.Broker
	other    *login.Broker

	clock *testclock.Clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, phone: newPhone(), attempts: attemptstest.NewMemory(), keys: &keys{},
		clock: testclock.At(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)),
	}
	w.broker, w.other = w.newBroker(), w.newBroker()
	return w
}

func (w *world) newBroker() *login.Broker {
	providers := map[string]login.Providers{
		"bankx": {login.LoginAPI: w.phone},
		"banky": {login.LoginAPI: w.phone},
		"bankz": {login.LoginAPI: newPhone(), login.BotService: w.phone},
	}
	return login.NewBroker(providers, sealed.New(w.keys, "sealing-key"), w.attempts, &login.Options{Now: w.clock.Now})
}

func (w *world) start(binding login.Binding) login.Started {
	w.t.Helper()
	started, err := w.broker.Start(w.t.Context(), login.StartRequest{Binding: binding, Hint: hint})
	if err != nil {
		w.t.Fatalf("Start: %v", err)
	}
	return started
}

func (w *world) startFails(binding login.Binding, want problem.Code, wait time.Duration) {
	w.t.Helper()
	_, err := w.broker.Start(w.t.Context(), login.StartRequest{Binding: binding, Hint: hint})
	wantProblem(w.t, err, want, wait)
}

func (w *world) poll(started login.Started) login.Progress {
	w.t.Helper()
	progress, err := w.broker.Poll(w.t.Context(), rita(), started.Login, "")
	if err != nil {
		w.t.Fatalf("Poll: %v", err)
	}
	return progress
}

func (w *world) pollIs(started login.Started, want login.Status) login.Progress {
	w.t.Helper()
	progress := w.poll(started)
	if progress.Status != want {
		w.t.Errorf("status = %s, want %s", progress.Status, want)
	}
	return progress
}

// approved starts a login and lets the user approve it.
func (w *world) approved() login.Issued {
	w.t.Helper()
	return w.approvedIn(rita())
}

func (w *world) approvedIn(binding login.Binding) login.Issued {
	w.t.Helper()
	started := w.start(binding)
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	progress, err := w.broker.Poll(w.t.Context(), binding, started.Login, "")
	if err != nil || progress.Status != login.StatusApproved {
		w.t.Fatalf("Poll: %+v, %v", progress, err)
	}
	return progress.Issued
}

// used is the plain token as the forwarder sees it.
func (w *world) used(binding login.Binding, token redacted.Text) (string, error) {
	var plain string
	err := w.other.Use(w.t.Context(), binding.Assistant, binding.ConversationID, token, func(b secretly.Bytes) error {
		plain = string(b)
		return nil
	})
	return plain, err
}

func wantProblem(t *testing.T, err error, want problem.Code, wait time.Duration) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	got := problem.From(err)
	if got.Code != want || got.RetryAfter != wait {
		t.Errorf("err = %v after %s, want %s after %s", err, got.RetryAfter, want, wait)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error holds a secret: %v", err)
	}
}
