package system_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

const persist = "PersistConversation"

// instance is one instance of the app: the packaged app under the stand-in of the
// Functions host, which brings it what the queue holds.
type instance struct {
	*app
	*functionshost.Host

	bus *bus.Bus

	mu          sync.Mutex
	invocations []functionshost.Invocation
}

// startInstance starts an instance. It ends with the test.
func (s *System) startInstance(t *testing.T) *instance {
	t.Helper()
	return s.startInstanceUnder(t, functionshost.Options{Bus: s.Bus})
}

// startInstanceUnder starts an instance under a host that is special in some way:
// its namespace, which must be given, or its age.
func (s *System) startInstanceUnder(t *testing.T, options functionshost.Options) *instance {
	t.Helper()
	i := &instance{app: newApp(t, s, ""), bus: options.Bus}
	options.Dir, options.Env = shared.dist, s.settings
	options.Logger = slog.New(&split{stdout: i.stdout, stderr: i.stderr})
	options.Observe = i.observe
	host, err := functionshost.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	i.Host, i.url = host, host.URL()
	t.Cleanup(func() { i.checkOutput(t) })
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Errorf("closing the host: %v", err)
		}
	})
	return i
}

// openBus opens a namespace of its own, with the app's queues.
func openBus(t *testing.T, options bus.Options) *bus.Bus {
	t.Helper()
	options.Queues = []bus.QueueOptions{{Name: cloud.ActivityQueue}, {Name: cloud.QuarantineQueue}, {Name: cloud.VaultEventsQueue}}
	opened, err := bus.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("closing the bus: %v", err)
		}
	})
	return opened
}

func (i *instance) observe(ended functionshost.Invocation) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.invocations = append(i.invocations, ended)
}

// ended are the invocations so far.
func (i *instance) ended() []functionshost.Invocation {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.invocations)
}

// endedOnce waits until so many invocations have ended, and returns all so far.
// Who called has the answer, and the bus its messages back, a moment before that.
func (i *instance) endedOnce(t *testing.T, count int) []functionshost.Invocation {
	t.Helper()
	poll(t, fmt.Sprint(count, " invocations to end"), func() bool { return len(i.ended()) >= count })
	return i.ended()
}

// handler is the handler's own port, which only the host reaches in Azure.
func (i *instance) handler(t *testing.T) *app {
	t.Helper()
	url, err := i.HandlerURL(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	direct := newApp(t, i.system, url)
	direct.stdout, direct.stderr = i.stdout, i.stderr
	return direct
}

// deliver sends messages, all at once, and waits until the queue is idle.
func (i *instance) deliver(t *testing.T, messages ...bus.Message) {
	t.Helper()
	if err := i.bus.Send(t.Context(), cloud.ActivityQueue, messages...); err != nil {
		t.Fatal(err)
	}
	i.awaitIdle(t)
}

func (i *instance) awaitIdle(t *testing.T) {
	t.Helper()
	i.await(t, bus.Counts.Idle)
}

func (i *instance) await(t *testing.T, wanted func(bus.Counts) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := i.queue(t, cloud.ActivityQueue).Wait(ctx, wanted); err != nil {
		t.Fatalf("%v; the last invocations: %+v", err, lastOf(i.ended(), 3))
	}
}

func lastOf[T any](list []T, count int) []T {
	return list[max(0, len(list)-count):]
}

func (i *instance) queue(t *testing.T, name string) *bus.Queue {
	t.Helper()
	queue, err := i.bus.Queue(name)
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

// nothingLost checks that no message was given up, by the bus or by the handler.
func (i *instance) nothingLost(t *testing.T) {
	t.Helper()
	if dead := i.queue(t, cloud.ActivityQueue).DeadLetters(); len(dead) > 0 {
		t.Errorf("%d messages became dead letters, the first %q", len(dead), dead[0].ID)
	}
	if set := i.queue(t, cloud.QuarantineQueue).Peek(); len(set) > 0 {
		t.Errorf("%d messages were set aside, the first %s", len(set), set[0].Body)
	}
}

// split is a slog.Handler that takes the handler's stdout and stderr out of the
// host's log.
type split struct{ stdout, stderr *output }

// Enabled is part of slog.Handler.
func (s *split) Enabled(context.Context, slog.Level) bool { return true }

// Handle is part of slog.Handler.
func (s *split) Handle(_ context.Context, record slog.Record) (err error) {
	record.Attrs(func(attribute slog.Attr) bool {
		switch attribute.Value.String() {
		case "stdout":
			_, err = s.stdout.Write([]byte(record.Message + "\n"))
		case "stderr":
			_, err = s.stderr.Write([]byte(record.Message + "\n"))
		}
		return attribute.Key != "source"
	})
	return err
}

// WithAttrs is part of slog.Handler.
func (s *split) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup is part of slog.Handler.
func (s *split) WithGroup(string) slog.Handler { return s }

// message is one for the queue of activities, for the assistant of most tests.
func message(id, body string) bus.Message {
	return messageFor(assistant, id, body)
}

// messageFor names an assistant; an empty one leaves the property out.
func messageFor(assistant, id, body string) bus.Message {
	m := bus.Message{ID: id, ContentType: "application/json", Body: []byte(body)}
	if assistant != "" {
		m.Properties = map[string]any{"assistant": assistant}
	}
	return m
}

func (i *instance) get(t *testing.T, path string) answer {
	t.Helper()
	return i.call(t, request{method: http.MethodGet, path: path})
}
