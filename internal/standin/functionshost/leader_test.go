package functionshost_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// leader leads the handler process.
type leader struct {
	url string

	mu       sync.Mutex
	onStart  func(n int) order
	onReady  func() order
	onCall   func(call) order
	started  chan int // gets each start
	starts   int
	asked    int // how often the handler was asked to stop
	received []call
}

// lead starts the server that the handler process asks.
func lead(t *testing.T, onCall func(call) order) *leader {
	t.Helper()
	leading := &leader{onCall: onCall, started: make(chan int, 100)}
	server := httptest.NewServer(http.HandlerFunc(leading.serve))
	t.Cleanup(server.Close)
	leading.url = server.URL
	return leading
}

func (s *leader) serve(w http.ResponseWriter, r *http.Request) {
	var asked call
	_ = json.NewDecoder(r.Body).Decode(&asked)
	answer := order{}
	s.mu.Lock()
	onStart, onReady, onCall := s.onStart, s.onReady, s.onCall
	switch r.URL.Path {
	case "/start":
		s.starts++
		s.started <- s.starts
	case "/asked-to-stop":
		s.asked++
	case "/call":
		s.received = append(s.received, asked)
	}
	n := s.starts
	s.mu.Unlock()
	switch {
	case r.URL.Path == "/start" && onStart != nil:
		answer = onStart(n)
	case r.URL.Path == "/ready" && onReady != nil:
		answer = onReady()
	case r.URL.Path == "/call" && onCall != nil:
		answer = onCall(asked)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// awaitStart waits for the nth start of the handler process.
func (s *leader) awaitStart(t *testing.T, n int) {
	t.Helper()
	for {
		select {
		case started := <-s.started:
			if started >= n {
				return
			}
		case <-within(t).Done():
			t.Fatalf("the handler was not started %d times", n)
		}
	}
}

// calls are what the handler process was asked so far.
func (s *leader) calls() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]call(nil), s.received...)
}

// entry is a line of the log.
type entry struct {
	level   slog.Level
	message string
	source  string
}

// journal keeps the log. It is a slog.Handler.
type journal struct {
	mu      sync.Mutex
	entries []entry
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }

func (j *journal) Handle(_ context.Context, record slog.Record) error {
	logged := entry{level: record.Level, message: record.Message}
	record.Attrs(func(attribute slog.Attr) bool {
		if attribute.Key == "source" {
			logged.source = attribute.Value.String()
		}
		return true
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, logged)
	return nil
}

func (j *journal) has(wanted entry) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, logged := range j.entries {
		if logged.level == wanted.level && logged.source == wanted.source && strings.Contains(logged.message, wanted.message) {
			return true
		}
	}
	return false
}
