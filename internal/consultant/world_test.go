package consultant_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/consultant"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/testclock"
)

const (
	audience = "5d3c1f6e-8a0b-4b6d-9d58-3d6f0a7c2e11"
	tenantA  = "aaaaaaaa-0000-4000-8000-00000000000a"
	tenantB  = "bbbbbbbb-0000-4000-8000-00000000000b"
	stranger = "cccccccc-0000-4000-8000-00000000000c" // never in the settings
	personID = "0e6f1c52-7b1d-4d6e-a0a4-51f2b3c4d5e6"
	botID    = "7f0a9b1c-2d3e-4f50-8162-738495a6b7c8"
	pageID   = "91b2c3d4-e5f6-4708-9a1b-2c3d4e5f6071"

	// canary stands in tokens and in answers of the directory, and must come
	// out nowhere.
	canary = "canary-4be1"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newClock() *testclock.Clock {
	return testclock.At(time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC))
}

// world is a verifier of the tenants A and B before an Entra ID that has the
// stranger's tenant too.
type world struct {
	*entra
	*consultant.Verifier

	config  consultant.Config
	options consultant.VerifierOptions
	log     *bytes.Buffer
}

// newWorld has a real server over loopback, and a clock that is set by hand.
func newWorld(tb testing.TB) (*world, *testclock.Clock) {
	tb.Helper()
	directory, at := newEntra(tb), newClock()
	server := httptest.NewServer(directory)
	tb.Cleanup(server.Close)
	return directory.world(tb, server.URL, consultant.VerifierOptions{Now: at.Now}), at
}

// newBubbleWorld has a real server and client over pipes, in whose bubble time is
// synctest's.
func newBubbleWorld(tb testing.TB) *world {
	tb.Helper()
	directory, pipes := newEntra(tb), &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: directory}
	go func() { _ = server.Serve(pipes) }()
	transport := &http.Transport{DialContext: pipes.dial}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return directory.world(tb, "http://localhost", consultant.VerifierOptions{Client: &http.Client{Transport: transport}})
}

func newEntra(tb testing.TB) *entra {
	tb.Helper()
	e := &entra{sets: map[string][]map[string]any{}, fetches: map[string]int{}}
	for _, tenant := range []string{tenantA, tenantB, stranger} {
		e.publish(tenant, jwk(tb, tenant))
	}
	return e
}

func (e *entra) world(tb testing.TB, address string, options consultant.VerifierOptions) *world {
	tb.Helper()
	log := &bytes.Buffer{}
	e.issuers = address + "/login/"
	options.Logger = slog.New(slog.NewTextHandler(log, nil))
	w := &world{
		entra: e, log: log, options: options,
		config: consultant.Config{Authority: address + "/login", Audience: audience, Tenants: []string{tenantA, tenantB}},
	}
	w.Verifier = w.verifier(tb, tenantA, tenantB)
	return w
}

// verifier returns another verifier in the same world.
func (w *world) verifier(tb testing.TB, tenants ...string) *consultant.Verifier {
	tb.Helper()
	config := w.config
	config.Tenants = tenants
	v, err := consultant.NewVerifier(config, &w.options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(v.Close)
	return v
}

// now is the verifier's time.
func (w *world) now() time.Time {
	if w.options.Now != nil {
		return w.options.Now()
	}
	return time.Now()
}

// mustAccept fails the test unless the token is a consultant's.
func (w *world) mustAccept(tb testing.TB, text redacted.Text) {
	tb.Helper()
	if _, err := w.Consultant(tb.Context(), text); err != nil {
		tb.Errorf("a good token was refused: %v", err)
	}
}

// wantCode fails the test unless err has the code, the one message that goes with
// it, and none of what the canary stands in.
func wantCode(tb testing.TB, err error, code problem.Code) {
	tb.Helper()
	var failure *problem.Error
	if !errors.As(err, &failure) || failure.Code != code {
		tb.Errorf("err = %v, want %s", err, code)
		return
	}
	messages := map[problem.Code]string{
		problem.TokenInvalid:         "The token does not open this service. Sign in again.",
		problem.TokenExpired:         "The token has expired. Get a new one, or sign in again.",
		problem.DirectoryUnavailable: "Sign-ins cannot be checked at the moment. Try again in a few seconds.",
	}
	if failure.Message != messages[code] {
		tb.Errorf("the message is %q: it tells one refusal from another", failure.Message)
	}
	if strings.Contains(err.Error(), canary) {
		tb.Errorf("the error repeats what was sent: %v", err)
	}
	if code == problem.DirectoryUnavailable && (failure.RetryAfter < time.Second || failure.RetryAfter > 30*time.Second) {
		tb.Errorf("RetryAfter = %v", failure.RetryAfter)
	}
}
