// Package handlers translates between the Functions host and the packages that
// decide: HTTP requests and trigger invocations in, answers out.
//
// Every function has one file here and one folder under functions/. Endpoints
// return an error, and exactly one place turns it into an answer and a line in
// the log. Nothing is decided here beyond who may call (origin, limits) and
// what a well-formed request is.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"chatgate/internal/handshake"
	"chatgate/internal/ratelimit"
	"chatgate/internal/redacted"
	"chatgate/internal/transcript"
	"chatgate/web"
)

// Issuer hands out Direct Line tokens. Its errors are problems.
type Issuer interface {
	Issue(ctx context.Context, assistant string, visitor redacted.Text) (handshake.Grant, error)
	Refresh(ctx context.Context, assistant string, token redacted.Text) (handshake.Grant, error)
}

// Recorder stores activities.
type Recorder interface {
	Record(ctx context.Context, messages []transcript.Message) (transcript.Result, error)
}

// Assistant is what the handlers know of one: who may ask for its tokens.
type Assistant struct {
	ID             string
	AllowedOrigins []string
	AllowNoOrigin  bool
}

// Config is what the handlers translate to. Fields marked optional may be nil.
type Config struct {
	Assistants []Assistant
	Issuer     Issuer
	Recorder   Recorder
	Rotator    Rotator
	Purger     Purger
	// Desk is optional; without it there is no service desk.
	Desk *ServiceDesk
	// Login is optional; without it nobody logs in.
	Login *LoginService
	// LoginSweeper is optional.
	LoginSweeper LoginSweeper
	Pages        []web.Page
	// ClientLimit and AssistantLimit are optional; without them nothing is limited.
	ClientLimit    *ratelimit.Limiter
	AssistantLimit *ratelimit.Limiter
	ClientSource   ClientSource
	// SecretsReady reports whether no secret is known to be out of reach. It is
	// called for each health request and must not block.
	SecretsReady func() bool
	Version      string
	Logger       *slog.Logger
}

type server struct {
	Config

	assistants map[string]origins
	pages      map[string]web.Page
	functions  []function
	triggers   []trigger
	// storeFailing is whether the newest batch could not be stored.
	storeFailing atomic.Bool
}

// New returns the handler of everything that the host sends. It is safe for
// concurrent use.
func New(config Config) http.Handler {
	s := &server{
		Config:     config,
		assistants: map[string]origins{},
		pages:      map[string]web.Page{},
	}
	for _, assistant := range config.Assistants {
		s.assistants[assistant.ID] = newOrigins(assistant)
	}
	for _, page := range config.Pages {
		s.pages[page.Path] = page
	}
	s.functions = s.routes()
	s.triggers = s.internalRoutes()
	return s
}

// ServeHTTP answers one request and writes one line about it.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		s.ready(w, r)
		return
	}
	x := newExchange(w, r)
	start := time.Now()
	defer func() { s.report(x, time.Since(start)) }()
	defer s.recoverPanic(x)
	if err := s.dispatch(x); err != nil {
		writeProblem(x, err)
	}
}

// ready answers the host, which asks every 25 ms whether the port is open. It is
// not worth a line in the log.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("chatgate " + s.Version + "\n"))
}
