package bus_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
)

const queue = "conversation-activities"

var ctx = context.Background()

// clock is a clock that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock {
	return &clock{at: time.Date(2026, 3, 1, 10, 0, 0, 123_987_654, time.UTC)}
}

func open(t *testing.T, options bus.Options) (*bus.Bus, *bus.Queue) {
	t.Helper()
	if options.Queues == nil {
		options.Queues = []bus.QueueOptions{{Name: queue}}
	}
	b, err := bus.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	q, err := b.Queue(queue)
	if err != nil {
		t.Fatal(err)
	}
	return b, q
}

func send(t *testing.T, b *bus.Bus, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := b.Send(ctx, queue, bus.Message{ID: id, Body: []byte("body of " + id)}); err != nil {
			t.Fatal(err)
		}
	}
}

func receive(t *testing.T, q *bus.Queue, limit int) *bus.Batch {
	t.Helper()
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	batch, err := q.Receive(within, limit)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func ids(messages []bus.Message) []string {
	list := []string{}
	for _, message := range messages {
		list = append(list, message.ID)
	}
	return list
}

func wantIDs(t *testing.T, what string, messages []bus.Message, want ...string) {
	t.Helper()
	if got := ids(messages); !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestMessagesArriveInOrderWithWhatTheQueueAdds(t *testing.T) {
	at := newClock()
	b, q := open(t, bus.Options{Now: at.now})
	sent := bus.Message{ID: "m-1", Body: []byte{0, 0xff}, ContentType: "application/json", Properties: map[string]any{"assistant": "demo"}}
	if err := b.Send(ctx, strings.ToUpper(queue), sent, bus.Message{}); err != nil {
		t.Fatal(err)
	}
	send(t, b, "m-3")

	batch := receive(t, q, 2)
	wantIDs(t, "first batch", batch.Messages, "m-1", "")
	got := batch.Messages[0]
	if got.SequenceNumber != 1 || got.DeliveryCount != 1 || got.LockToken == batch.Messages[1].LockToken {
		t.Errorf("first message: %+v", got)
	}
	if want := at.at.Truncate(time.Millisecond); !got.EnqueuedAt.Equal(want) {
		t.Errorf("EnqueuedAt = %s, want whole milliseconds, %s", got.EnqueuedAt, want)
	}
	if string(got.Body) != "\x00\xff" || got.Properties["assistant"] != "demo" || got.ContentType != "application/json" {
		t.Errorf("content changed: %+v", got)
	}
	wantIDs(t, "second batch", receive(t, q, 2).Messages, "m-3")
}

func TestAnAbandonedBatchComesAgainAtOnceInItsOldPlace(t *testing.T) {
	b, q := open(t, bus.Options{})
	send(t, b, "a", "b", "c")
	first, second := receive(t, q, 2), receive(t, q, 1)
	if err := errors.Join(second.Abandon(), first.Abandon()); err != nil {
		t.Fatal(err)
	}
	again := receive(t, q, 10)
	wantIDs(t, "redelivered", again.Messages, "a", "b", "c")
	for _, message := range again.Messages {
		if message.DeliveryCount != 2 {
			t.Errorf("%s: delivery count %d, want 2", message.ID, message.DeliveryCount)
		}
	}
	if first.Messages[0].LockToken == again.Messages[0].LockToken {
		t.Error("two deliveries share a lock token")
	}
}

func TestAPoisonMessageTakesItsBatchMatesToTheDeadLetters(t *testing.T) {
	b, q := open(t, bus.Options{Queues: []bus.QueueOptions{{Name: queue, MaxDeliveryCount: 3}}})
	send(t, b, "poison", "mate")
	for range 3 {
		if err := receive(t, q, 2).Abandon(); err != nil {
			t.Fatal(err)
		}
	}
	dead := q.DeadLetters()
	wantIDs(t, "dead letters", dead, "poison", "mate")
	if dead[0].DeadLetter.Reason != "MaxDeliveryCountExceeded" || dead[0].DeadLetter.Source != queue || dead[0].DeliveryCount != 3 {
		t.Errorf("dead letter: %+v %+v", dead[0], dead[0].DeadLetter)
	}
	if counts := q.Counts(); !counts.Idle() || counts.DeadLettered != 2 || counts.Delivered != 6 || counts.Abandoned != 6 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestTenDeliveriesAreTheDefault(t *testing.T) {
	b, q := open(t, bus.Options{})
	send(t, b, "m")
	for n := 1; n <= 10; n++ {
		batch := receive(t, q, 1)
		if batch.Messages[0].DeliveryCount != n {
			t.Fatalf("delivery %d has count %d", n, batch.Messages[0].DeliveryCount)
		}
		if err := batch.Abandon(); err != nil {
			t.Fatal(err)
		}
	}
	wantIDs(t, "dead letters", q.DeadLetters(), "m")
}

func TestABatchIsSettledOnce(t *testing.T) {
	b, q := open(t, bus.Options{})
	send(t, b, "m")
	batch := receive(t, q, 1)
	if err := batch.Complete(); err != nil {
		t.Fatal(err)
	}
	for name, settle := range map[string]func() error{"Complete": batch.Complete, "Abandon": batch.Abandon} {
		if err := settle(); !errors.Is(err, bus.ErrLockLost) {
			t.Errorf("%s after Complete: %v, want ErrLockLost", name, err)
		}
	}
	if counts := q.Counts(); !counts.Idle() || counts.Completed != 1 || counts.Abandoned != 0 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestDuplicateDetectionCoversResendsWithinTheWindowButNotRedelivery(t *testing.T) {
	at := newClock()
	b, q := open(t, bus.Options{Now: at.now, Queues: []bus.QueueOptions{{Name: queue, DuplicateWindow: time.Minute}}})
	send(t, b, "a")
	batch := receive(t, q, 1)
	if err := batch.Abandon(); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "redelivery", receive(t, q, 1).Messages, "a")

	send(t, b, "a", "", "") // without an id nothing is a duplicate
	if err := b.Send(ctx, queue, bus.Message{ID: "b"}, bus.Message{ID: "b"}); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "within the window", q.Peek(), "", "", "b")
	at.at = at.at.Add(time.Minute)
	send(t, b, "a")
	wantIDs(t, "after the window", q.Peek(), "", "", "b", "a")
	if counts := q.Counts(); counts.Duplicates != 2 || counts.Sent != 5 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestSendIsAllOrNothing(t *testing.T) {
	b, q := open(t, bus.Options{MaxMessageBytes: 100, Queues: []bus.QueueOptions{{Name: queue, MaxBytes: 150}}})
	fits := bus.Message{Body: make([]byte, 80)}
	for name, test := range map[string]struct {
		queue    string
		messages []bus.Message
		want     error
	}{
		"body too large":          {queue, []bus.Message{fits, {Body: make([]byte, 101)}}, bus.ErrTooLarge},
		"properties count":        {queue, []bus.Message{{Body: make([]byte, 80), Properties: map[string]any{"n": strings.Repeat("x", 20)}}}, bus.ErrTooLarge},
		"more than the queue has": {queue, []bus.Message{fits, fits}, bus.ErrQueueFull},
		"unknown queue":           {"other", []bus.Message{fits}, bus.ErrUnknownQueue},
	} {
		if err := b.Send(ctx, test.queue, test.messages...); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if counts := q.Counts(); counts.Active != 0 {
		t.Errorf("%d messages were taken", counts.Active)
	}
	if err := b.Send(ctx, queue, fits); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, q, 1).Complete(); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(ctx, queue, fits); err != nil {
		t.Errorf("a completed message still takes room: %v", err)
	}
}

func TestReceiversWaitForMessagesAndForTheEnd(t *testing.T) {
	b, q := open(t, bus.Options{})
	got := make(chan *bus.Batch, 1)
	go func() { batch, _ := q.Receive(ctx, 1); got <- batch }()
	send(t, b, "m")
	wantIDs(t, "woken receiver", (<-got).Messages, "m")

	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := q.Receive(gone, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a receiver whose context ended: %v", err)
	}
	ended := make(chan error, 2)
	go func() { _, err := q.Receive(ctx, 1); ended <- err }()
	go func() { ended <- q.Wait(ctx, func(c bus.Counts) bool { return c.Completed == 1 }) }()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, bus.ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	}
	if err := b.Send(ctx, queue, bus.Message{}); !errors.Is(err, bus.ErrClosed) {
		t.Errorf("Send after Close: %v", err)
	}
}

func TestWaitSeesWhatHappens(t *testing.T) {
	b, q := open(t, bus.Options{})
	send(t, b, "m")
	done := make(chan error, 1)
	go func() { done <- q.Wait(ctx, func(c bus.Counts) bool { return c.Completed == 1 && c.Idle() }) }()
	if err := receive(t, q, 1).Complete(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	within, cancel := context.WithCancel(ctx)
	cancel()
	if err := q.Wait(within, func(bus.Counts) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v", err)
	}
}

func TestOpenRefusesWhatCannotBeAQueue(t *testing.T) {
	for name, queues := range map[string][]bus.QueueOptions{
		"none": nil, "empty name": {{}}, "slash": {{Name: "a/b"}}, "twice": {{Name: "a"}, {Name: "A"}},
	} {
		if _, err := bus.Open(bus.Options{Queues: queues}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
