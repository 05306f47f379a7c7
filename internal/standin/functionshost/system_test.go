package functionshost_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/functionshost"
)

const (
	activities = "conversation-activities"
	quarantine = "conversation-quarantine"
	persist    = "PersistConversation"
)

// hostJSON is the host.json of the tests, as the app's is.
const hostJSON = `{
	"version": "2.0",
	"extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
	"customHandler": {
		"description": {"defaultExecutablePath": "handler"},
		"enableForwardingHttpRequest": true,
		"enableProxyingHttpRequest": true
	}
}`

// httpFunction is the function.json of a function at a route; "" is none.
func httpFunction(route string, methods ...string) string {
	trigger := map[string]any{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}
	if route != "" {
		trigger["route"] = route
	}
	if methods != nil {
		trigger["methods"] = methods
	}
	text, _ := json.Marshal(map[string]any{"bindings": []any{trigger, map[string]any{"type": "http", "direction": "out", "name": "res"}}})
	return string(text)
}

// queueFunction is the function.json of a function with a queue trigger.
func queueFunction(cardinality, dataType string, batch int) string {
	trigger := map[string]any{
		"type": "serviceBusTrigger", "direction": "in", "name": "activities", "queueName": activities, "connection": "ConversationBus",
		"cardinality": cardinality,
	}
	if dataType != "" {
		trigger["dataType"] = dataType
	}
	if batch > 0 {
		trigger["maxMessageBatchSize"] = batch
	}
	out := map[string]any{"type": "serviceBus", "direction": "out", "name": "quarantine", "queueName": quarantine, "connection": "ConversationBus"}
	text, _ := json.Marshal(map[string]any{"bindings": []any{trigger, out}})
	return string(text)
}

// root lays out a script root whose handler is this test binary. A nil text
// leaves a file out.
func root(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if _, given := files["host.json"]; !given {
		write(t, filepath.Join(dir, "host.json"), hostJSON)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(dir, "handler")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// system is a host with all that belongs to it.
type system struct {
	*functionshost.Host
	leader *leader
	log    *journal
	bus    *bus.Bus
	in     *bus.Queue
	out    *bus.Queue
	done   chan functionshost.Invocation
}

// settings are what the functions of the tests need.
func settings(leader *leader) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", puppetEnv + "=" + leader.url, "ConversationBus__fullyQualifiedNamespace=local.servicebus.windows.net"}
}

// start starts a host of a script root.
func start(t *testing.T, files map[string]string, onCall func(call) order, adjust ...func(*functionshost.Options)) *system {
	t.Helper()
	return startLed(t, files, lead(t, onCall), adjust...)
}

func startLed(t *testing.T, files map[string]string, leader *leader, adjust ...func(*functionshost.Options)) *system {
	t.Helper()
	queues, err := bus.Open(bus.Options{Queues: []bus.QueueOptions{{Name: activities, MaxDeliveryCount: 3}, {Name: quarantine}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = queues.Close() })
	s := &system{leader: leader, log: &journal{}, bus: queues, done: make(chan functionshost.Invocation, 1000)}
	s.in, _ = queues.Queue(activities)
	s.out, _ = queues.Queue(quarantine)
	options := functionshost.Options{
		Dir: root(t, files), Env: settings(leader), Bus: queues, Logger: slog.New(s.log),
		Observe: func(ended functionshost.Invocation) { s.done <- ended },
	}
	for _, change := range adjust {
		change(&options)
	}
	s.Host, err = functionshost.Start(within(t), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// within is a context for waits that a failing test would make for ever.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// next waits for the end of an invocation.
func (s *system) next(t *testing.T) functionshost.Invocation {
	t.Helper()
	select {
	case ended := <-s.done:
		return ended
	case <-within(t).Done():
		t.Fatal("no invocation ended")
	}
	return functionshost.Invocation{}
}

func (s *system) send(t *testing.T, messages ...bus.Message) {
	t.Helper()
	if err := s.bus.Send(t.Context(), activities, messages...); err != nil {
		t.Fatal(err)
	}
}

// wait waits until the queue of activities is as wanted.
func (s *system) wait(t *testing.T, wanted func(bus.Counts) bool) {
	t.Helper()
	if err := s.in.Wait(within(t), wanted); err != nil {
		t.Fatal(err)
	}
}

// request is a request to the host.
type request struct {
	method string
	path   string
	header http.Header
	body   io.Reader
	length int64 // of the body; 0: chunked
}

// do sends a request; the path goes out as it is written.
func (s *system) do(t *testing.T, r request) (*http.Response, string) {
	t.Helper()
	if r.method == "" {
		r.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(within(t), r.method, s.URL()+r.path, r.body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if r.body != nil {
		req.ContentLength = r.length
		if r.length == 0 {
			req.ContentLength = -1
		}
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return response, string(body)
}

// result is the answer of a function that was invoked.
func result(text string) order {
	return order{Header: map[string]string{"Content-Type": "application/json"}, Body: text}
}

func code(n int) *int { return &n }

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// contextWithCancel is a context that the test ends.
func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

// safeBuilder is a strings.Builder for several goroutines.
type safeBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
