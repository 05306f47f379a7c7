package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bot"
)

// attempt is one request to the bus.
type attempt struct {
	id, assistant, body string
	at                  time.Time
}

// fakeBus answers what it is told, attempt by attempt, and 201 after that.
type fakeBus struct {
	mu       sync.Mutex
	answers  []int // 0 breaks the connection
	attempts []attempt
}

func (f *fakeBus) take(r *http.Request) (int, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	var properties struct{ MessageID string }
	if err := json.Unmarshal([]byte(r.Header.Get("BrokerProperties")), &properties); err != nil {
		return 0, fmt.Errorf("BrokerProperties: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts = append(f.attempts, attempt{properties.MessageID, r.Header.Get("assistant"), string(body), time.Now()})
	if len(f.answers) == 0 {
		return http.StatusCreated, nil
	}
	status := f.answers[0]
	f.answers = f.answers[1:]
	return status, nil
}

// ids are the MessageIds of all attempts.
func (f *fakeBus) ids() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []string
	for _, each := range f.attempts {
		ids = append(ids, each.id)
	}
	return ids
}

// RoundTrip makes a fakeBus the transport of a client, for simulated time.
func (f *fakeBus) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := f.take(r)
	if err != nil || status == 0 {
		return nil, errors.Join(err, errors.New("connection lost"))
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

func activity(id string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"type":"message","id":%q,"text":"häj"}`, id))
}

func TestTheBusGetsWhatServiceBussRESTSendTakes(t *testing.T) {
	fake := &fakeBus{}
	var path, contentType string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, contentType = r.Method+" "+r.URL.Path, r.Header.Get("Content-Type")
		status, err := fake.take(r)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	client := server.Client()
	bus := bot.NewBus(server.URL+"/local/bus/", &bot.BusOptions{Client: client})
	if err := bus.Log(t.Context(), activity("c|0000001")); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	client.CloseIdleConnections()
	if path != "POST /local/bus/conversation-activities/messages" || !strings.HasPrefix(contentType, "application/json") {
		t.Errorf("request = %s %s", path, contentType)
	}
	got := fake.attempts[0]
	if got.id != "c|0000001" || got.assistant != "demo" || got.body != string(activity("c|0000001")) {
		t.Errorf("message = %+v", got)
	}
}

func TestNothingIsLostWhileTheBusIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A broken connection, a restart, throttling, no queue yet, an expired credential.
		fake := &fakeBus{answers: []int{0, 503, 429, 404, 401, 500}}
		bus := bot.NewBus("http://bus.example", &bot.BusOptions{Client: &http.Client{Transport: fake}, RetryDelay: time.Second})
		for _, id := range []string{"one", "two", "three"} {
			if err := bus.Log(t.Context(), activity(id)); err != nil {
				t.Fatal(err)
			}
		}
		if err := bus.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"one", "one", "one", "one", "one", "one", "one", "two", "three"}
		if diff := cmp.Diff(want, fake.ids()); diff != "" {
			t.Errorf("attempts (-want +got): the id must stay the same, for duplicate detection:\n%s", diff)
		}
		var pauses []time.Duration
		for i := 1; i < 7; i++ {
			pauses = append(pauses, fake.attempts[i].at.Sub(fake.attempts[i-1].at))
		}
		if diff := cmp.Diff([]time.Duration{1e9, 2e9, 4e9, 5e9, 5e9, 5e9}, pauses); diff != "" {
			t.Errorf("pauses (-want +got):\n%s", diff)
		}
	})
}

func TestAMessageThatTheBusCanNeverTakeDoesNotHoldUpTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		fake := &fakeBus{answers: []int{413, 400}}
		bus := bot.NewBus("http://bus.example", &bot.BusOptions{
			Client: &http.Client{Transport: fake}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		for _, id := range []string{"huge", "odd", "good"} {
			if err := bus.Log(t.Context(), activity(id)); err != nil {
				t.Fatal(err)
			}
		}
		if err := bus.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"huge", "odd", "good"}, fake.ids()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if !strings.Contains(logged.String(), "huge") || strings.Contains(logged.String(), "häj") {
			t.Errorf("the log must name the message and not show it: %s", logged.String())
		}
	})
}

func TestMessagesWithoutAUsableIDGetOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeBus{}
		bus := bot.NewBus("http://bus.example", &bot.BusOptions{Client: &http.Client{Transport: fake}})
		for _, each := range []json.RawMessage{json.RawMessage(`{"type":"typing"}`), json.RawMessage(`{"type":"typing"}`), activity(strings.Repeat("x", 129))} {
			if err := bus.Log(t.Context(), each); err != nil {
				t.Fatal(err)
			}
		}
		if err := bus.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, id := range fake.ids() {
			if seen[id] || id == "" || len(id) > 128 {
				t.Errorf("MessageId %q is empty, too long or not unique", id)
			}
			seen[id] = true
		}
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeBus{answers: []int{503}}
		bus := bot.NewBus("http://bus.example", &bot.BusOptions{
			Client: &http.Client{Transport: fake}, Queue: 1, RetryDelay: 5 * time.Second})
		log := func(id string) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return bus.Log(ctx, activity(id))
		}
		if err := log("in hand"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := log("in the queue"); err != nil {
			t.Fatal(err)
		}
		if err := log("too many"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Log = %v, want the deadline: nothing may be dropped in silence", err)
		}
		if err := bus.Log(t.Context(), activity("patient")); err != nil {
			t.Fatal(err)
		}
		if err := bus.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"in hand", "in hand", "in the queue", "patient"}, fake.ids()); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestCloseGivesUpWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeBus{answers: make([]int, 100)}
		bus := bot.NewBus("http://bus.example", &bot.BusOptions{Client: &http.Client{Transport: fake}, Queue: 2})
		waiting := make(chan error, 1)
		for _, id := range []string{"one", "two", "three"} {
			if err := bus.Log(t.Context(), activity(id)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		go func() { waiting <- bus.Log(t.Context(), activity("four")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := bus.Close(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 activities") {
			t.Errorf("Close = %v, want the deadline and the 3 activities that are lost", err)
		}
		if err := <-waiting; !errors.Is(err, bot.ErrClosed) {
			t.Errorf("the waiting Log = %v, want ErrClosed", err)
		}
		if err := bus.Log(t.Context(), activity("five")); !errors.Is(err, bot.ErrClosed) {
			t.Errorf("Log after Close = %v, want ErrClosed", err)
		}
	})
}
