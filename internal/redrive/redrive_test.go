package redrive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/redrive"
	"chatgate/internal/transcript"
)

// What the tests use in their place is what the SDK has.
var (
	_ redrive.Receiver = (*azservicebus.Receiver)(nil)
	_ redrive.Sender   = (*azservicebus.Sender)(nil)
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// queue is a queue in memory, with locks, in the place of Service Bus: there is
// no server of AMQP that could run in a test. It stands for both ends of a route.
type queue struct {
	waiting   []*azservicebus.ReceivedMessage
	locked    []*azservicebus.ReceivedMessage
	sent      []*azservicebus.Message
	abandoned int
	peeked    int

	sendErr, completeErr, peekErr, receiveErr error
	// onSend happens after a copy has been taken.
	onSend func(*azservicebus.Message)
}

func (q *queue) PeekMessages(_ context.Context, count int, _ *azservicebus.PeekMessagesOptions) ([]*azservicebus.ReceivedMessage, error) {
	if q.peekErr != nil {
		return nil, q.peekErr
	}
	end := min(q.peeked+count, len(q.waiting))
	found := q.waiting[q.peeked:end]
	q.peeked = end
	return found, nil
}

func (q *queue) ReceiveMessages(ctx context.Context, count int, _ *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error) {
	if q.receiveErr != nil {
		return nil, q.receiveErr
	}
	if len(q.waiting) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	count = min(count, len(q.waiting))
	taken := slices.Clone(q.waiting[:count])
	q.waiting = slices.Clone(q.waiting[count:])
	q.locked = append(q.locked, taken...)
	return taken, nil
}

func (q *queue) settle(message *azservicebus.ReceivedMessage) {
	at := slices.Index(q.locked, message)
	if at < 0 {
		panic("a message is settled that is not locked")
	}
	q.locked = slices.Delete(q.locked, at, at+1)
}

func (q *queue) CompleteMessage(ctx context.Context, message *azservicebus.ReceivedMessage, _ *azservicebus.CompleteMessageOptions) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q.settle(message)
	return q.completeErr
}

func (q *queue) AbandonMessage(ctx context.Context, message *azservicebus.ReceivedMessage, _ *azservicebus.AbandonMessageOptions) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	q.settle(message)
	q.abandoned++
	q.waiting = append(q.waiting, message)
	return nil
}

func (q *queue) SendMessage(_ context.Context, message *azservicebus.Message, _ *azservicebus.SendMessageOptions) error {
	if q.sendErr != nil {
		return q.sendErr
	}
	q.sent = append(q.sent, message)
	if q.onSend != nil {
		q.onSend(message)
	}
	return nil
}

// dead is a dead letter, an hour old.
func dead(id, body string) *azservicebus.ReceivedMessage {
	enqueued := now.Add(-time.Hour)
	return &azservicebus.ReceivedMessage{
		MessageID: id, Body: []byte(body), EnqueuedTime: &enqueued,
		DeadLetterReason: new("MaxDeliveryCountExceeded"), DeadLetterErrorDescription: new("given up"),
		ApplicationProperties: map[string]any{
			"assistant": "bankx", "trace": int64(7), "DeadLetterReason": "MaxDeliveryCountExceeded", "DeadLetterErrorDescription": "given up",
		},
		ContentType: new("application/json"), CorrelationID: new("c"), Subject: new("s"), TimeToLive: new(14 * 24 * time.Hour),
		RawAMQPMessage: &azservicebus.AMQPAnnotatedMessage{Body: azservicebus.AMQPAnnotatedMessageBody{Data: [][]byte{[]byte(body)}}},
	}
}

// options report into items.
func options(items *[]redrive.Item) *redrive.Options {
	return &redrive.Options{
		DuplicateWindow: 10 * time.Minute, Idle: time.Millisecond, Now: func() time.Time { return now },
		Report: func(item redrive.Item) { *items = append(*items, item) },
	}
}

func TestDeadLettersComeBackAsTheyWere(t *testing.T) {
	q := &queue{}
	for n := range 45 {
		q.waiting = append(q.waiting, dead(fmt.Sprintf("m-%d", n), "body"))
	}
	var items []redrive.Item
	summary, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, options(&items))
	if err != nil || summary != (redrive.Summary{Sent: 45}) || len(q.waiting)+len(q.locked) > 0 {
		t.Fatalf("%+v, %v; %d waiting, %d locked", summary, err, len(q.waiting), len(q.locked))
	}
	want := &azservicebus.Message{
		MessageID: new("m-0"), Body: []byte("body"), ContentType: new("application/json"), CorrelationID: new("c"), Subject: new("s"),
		ApplicationProperties: map[string]any{"assistant": "bankx", "trace": int64(7)},
	}
	if diff := cmp.Diff(want, q.sent[0]); diff != "" {
		t.Errorf("(-want +sent):\n%s", diff)
	}
	first := redrive.Item{MessageID: "m-0", EnqueuedAt: now.Add(-time.Hour), Assistant: "bankx", Why: "MaxDeliveryCountExceeded: given up", Bytes: 4, Fate: redrive.Sent}
	if items[0] != first {
		t.Errorf("reported %+v", items[0])
	}
}

// The broker drops, without a word, a copy that it takes for a duplicate; to
// complete its original then would lose it.
func TestAMessageWhoseCopyWouldBeDroppedIsLeft(t *testing.T) {
	for age, fate := range map[time.Duration]redrive.Fate{
		0: redrive.Left, 10*time.Minute - time.Second: redrive.Left, 10 * time.Minute: redrive.Sent,
		-time.Minute: redrive.Left, // the clocks differ
	} {
		q := &queue{waiting: []*azservicebus.ReceivedMessage{dead("young", "x")}}
		enqueued := now.Add(-age)
		q.waiting[0].EnqueuedTime = &enqueued
		var items []redrive.Item
		if _, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, options(&items)); err != nil {
			t.Fatal(err)
		}
		if items[0].Fate != fate || (fate == redrive.Left) != (len(q.waiting) == 1) || len(q.locked) > 0 {
			t.Errorf("%s old: %+v, %d waiting, %d locked", age, items[0], len(q.waiting), len(q.locked))
		}
	}
}

func TestNothingIsTakenAwayBeforeItsCopyIsSent(t *testing.T) {
	broken := errors.New("the connection is lost")
	for name, test := range map[string]struct {
		arrange func(q *queue)
		want    redrive.Summary
		sent    int
		waiting int
		fails   bool
	}{
		"sending fails":    {func(q *queue) { q.sendErr = broken }, redrive.Summary{Left: 1}, 0, 3, true},
		"too large":        {func(q *queue) { q.sendErr = azservicebus.ErrMessageTooLarge }, redrive.Summary{Left: 3}, 0, 3, false},
		"the lock is lost": {func(q *queue) { q.completeErr = broken }, redrive.Summary{SentTwice: 3}, 3, 0, false},
		"receiving fails":  {func(q *queue) { q.receiveErr = broken }, redrive.Summary{}, 0, 3, true},
		"looking fails":    {func(q *queue) { q.peekErr = broken }, redrive.Summary{}, 0, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{waiting: []*azservicebus.ReceivedMessage{dead("1", "x"), dead("2", "x"), dead("3", "x")}}
			test.arrange(q)
			var items []redrive.Item
			summary, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, options(&items))
			if summary != test.want || (err != nil) != test.fails || test.fails && !errors.Is(err, broken) {
				t.Errorf("%+v, %v", summary, err)
			}
			if len(q.sent) != test.sent || len(q.waiting) != test.waiting || len(q.locked) > 0 {
				t.Errorf("%d sent, %d waiting, %d locked", len(q.sent), len(q.waiting), len(q.locked))
			}
		})
	}
}

// Ctrl-C between sending and completing would leave the message there twice.
func TestAnInterruptedRunFinishesTheMessageInHand(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	q := &queue{waiting: []*azservicebus.ReceivedMessage{dead("1", "x")}}
	q.onSend = func(*azservicebus.Message) { interrupt() }
	var items []redrive.Item
	summary, err := redrive.Move(ctx, q, q, redrive.FromDeadLetters, options(&items))
	if summary != (redrive.Summary{Sent: 1}) || len(q.locked)+len(q.waiting) > 0 {
		t.Errorf("%+v, %v; %d locked, %d waiting", summary, err, len(q.locked), len(q.waiting))
	}
}

// What was wrong with a message may still be: then its copy comes back at once.
func TestACopyThatComesBackIsNotSentForEver(t *testing.T) {
	for name, id := range map[string]string{"by id": "poison", "by body": ""} {
		t.Run(name, func(t *testing.T) {
			q := &queue{waiting: []*azservicebus.ReceivedMessage{dead(id, "x")}}
			q.onSend = func(m *azservicebus.Message) {
				if len(q.sent) > 5 {
					t.Fatal("it is sent again and again")
				}
				q.waiting = append(q.waiting, dead(id, string(m.Body)))
			}
			var items []redrive.Item
			summary, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, options(&items))
			if err != nil || summary != (redrive.Summary{Sent: 1, Left: 1}) || len(q.waiting) != 1 || len(q.locked) > 0 {
				t.Errorf("%+v, %v; %d waiting", summary, err, len(q.waiting))
			}
			if id == "" && q.sent[0].MessageID != nil {
				t.Error("a message without an id got one")
			}
		})
	}
}

func TestABodyThatIsNotOnePieceIsLeft(t *testing.T) {
	for name, body := range map[string]azservicebus.AMQPAnnotatedMessageBody{
		"a value":    {Value: "text"},
		"a sequence": {Sequence: [][]any{{1}}},
		"two pieces": {Data: [][]byte{{1}, {2}}},
	} {
		message := dead("1", "")
		message.RawAMQPMessage.Body = body
		q := &queue{waiting: []*azservicebus.ReceivedMessage{message}}
		var items []redrive.Item
		if _, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, options(&items)); err != nil || len(q.sent) > 0 || len(q.waiting) != 1 {
			t.Errorf("%s: %v, %d sent", name, err, len(q.sent))
		}
	}
}

func TestADryRunOnlyLooks(t *testing.T) {
	q := &queue{}
	for n := range 45 {
		q.waiting = append(q.waiting, dead(fmt.Sprintf("m-%d", n), "x"))
	}
	young := now
	q.waiting[44].EnqueuedTime = &young
	var items []redrive.Item
	summary, err := redrive.List(t.Context(), q, redrive.FromDeadLetters, options(&items))
	if err != nil || summary != (redrive.Summary{Sent: 44, Left: 1}) || len(q.sent)+len(q.locked)+q.abandoned > 0 || len(q.waiting) != 45 {
		t.Errorf("%+v, %v; %d sent, %d locked", summary, err, len(q.sent), len(q.locked))
	}
	if items[0].Fate != redrive.WouldBeSent || items[44].Fate != redrive.Left {
		t.Errorf("%+v, %+v", items[0], items[44])
	}
}

func TestTheLimitHolds(t *testing.T) {
	for _, limit := range []int{1, 20, 21} {
		q := &queue{}
		for n := range 30 {
			q.waiting = append(q.waiting, dead(fmt.Sprintf("m-%d", n), "x"))
		}
		var items []redrive.Item
		with := options(&items)
		with.Limit = limit
		if summary, err := redrive.List(t.Context(), q, redrive.FromDeadLetters, with); err != nil || summary.Sent != limit {
			t.Errorf("limit %d: listed %+v, %v", limit, summary, err)
		}
		q.peeked = 0
		if summary, err := redrive.Move(t.Context(), q, q, redrive.FromDeadLetters, with); err != nil || summary.Sent != limit || len(q.waiting) != 30-limit {
			t.Errorf("limit %d: moved %+v, %v", limit, summary, err)
		}
	}
}

func TestAnEmptyQueueIsTheEndAndNoFailure(t *testing.T) {
	if summary, err := redrive.Move(t.Context(), &queue{}, &queue{}, redrive.FromDeadLetters, nil); err != nil || summary != (redrive.Summary{}) {
		t.Errorf("%+v, %v", summary, err)
	}
}

// aside is a message of the quarantine as Chatgate itself writes it.
func aside(t *testing.T, from transcript.Message) *azservicebus.ReceivedMessage {
	t.Helper()
	text, err := json.Marshal(transcript.SetAside{Reason: transcript.UnknownAssistant, Detail: "no such assistant", Message: from})
	if err != nil {
		t.Fatal(err)
	}
	message := dead("of the host", string(text))
	message.ApplicationProperties = nil
	return message
}

func TestWhatWasSetAsideComesBackAsItWasSent(t *testing.T) {
	large := bytes.Repeat([]byte("all work and no play "), 20_000)
	for name, body := range map[string][]byte{"plain": []byte(`{"type":"message"}`), "gzipped": large, "empty": {}, "no text": {0xff, 0}} {
		t.Run(name, func(t *testing.T) {
			q := &queue{waiting: []*azservicebus.ReceivedMessage{aside(t, transcript.Message{
				ID: "original", Assistant: "bankz", Body: body, EnqueuedAt: now.Add(-2 * time.Hour),
			})}}
			var items []redrive.Item
			summary, err := redrive.Move(t.Context(), q, q, redrive.FromQuarantine, options(&items))
			if err != nil || summary != (redrive.Summary{Sent: 1}) {
				t.Fatalf("%+v, %v, %+v", summary, err, items)
			}
			sent := q.sent[0]
			if *sent.MessageID != "original" || !bytes.Equal(sent.Body, body) || sent.ApplicationProperties["assistant"] != "bankz" {
				t.Errorf("sent id %s, %d bytes, %v", *sent.MessageID, len(sent.Body), sent.ApplicationProperties)
			}
			if items[0].Why != "unknown_assistant: no such assistant" || !items[0].EnqueuedAt.Equal(now.Add(-2*time.Hour)) {
				t.Errorf("reported %+v", items[0])
			}
		})
	}
}

func TestWhatCannotBeRestoredStaysInTheQuarantine(t *testing.T) {
	bomb := func() string {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(make([]byte, 1<<20))
		_ = w.Close()
		// Members of a gzip file follow one another (RFC 1952 section 2.2).
		text, _ := json.Marshal(map[string]any{"reason": "too_large", "bodyGzip": bytes.Repeat(packed.Bytes(), 101)})
		return string(text)
	}
	for name, test := range map[string]struct{ body, because string }{
		"only described": {`{"reason":"too_large","messageId":"m","bodyBytes":9,"bodySha256":"ab"}`, "too large to keep"},
		"no body":        {`{"reason":"not_json","messageId":"m"}`, "not a message that Chatgate has set aside"},
		"of others":      {`{"hello":"canary"}`, "not a message that Chatgate has set aside"},
		"not JSON":       {`canary`, "not a message that Chatgate has set aside"},
		"bad base64":     {`{"reason":"not_json","body":"*"}`, "not a message that Chatgate has set aside"},
		"no gzip":        {`{"reason":"not_json","bodyGzip":"Y2FuYXJ5"}`, "cannot be unpacked"},
		"a bomb":         {bomb(), "cannot be unpacked"},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{waiting: []*azservicebus.ReceivedMessage{dead("x", test.body)}}
			var items []redrive.Item
			summary, err := redrive.Move(t.Context(), q, q, redrive.FromQuarantine, options(&items))
			if err != nil || summary != (redrive.Summary{Left: 1}) || len(q.waiting) != 1 || len(q.sent) > 0 {
				t.Fatalf("%+v, %v", summary, err)
			}
			if !strings.Contains(items[0].Because, test.because) || strings.Contains(items[0].Because, "canary") {
				t.Errorf("because %q, want %q", items[0].Because, test.because)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	for queue, want := range map[string]redrive.Route{
		"conversation-activities": {From: "conversation-activities", DeadLetters: true, To: "conversation-activities"},
		"keyvault-events":         {From: "keyvault-events", DeadLetters: true, To: "keyvault-events"},
		"conversation-quarantine": {From: "conversation-quarantine", To: "conversation-activities"},
	} {
		got, err := redrive.RouteOf(queue)
		if err != nil || got.From != want.From || got.To != want.To || got.DeadLetters != want.DeadLetters || got.Restore == nil {
			t.Errorf("RouteOf(%s) = %+v, %v", queue, got, err)
		}
	}
	for _, queue := range []string{"", "other", "Conversation-Activities"} {
		if _, err := redrive.RouteOf(queue); err == nil {
			t.Errorf("%q has a route", queue)
		}
	}
}
