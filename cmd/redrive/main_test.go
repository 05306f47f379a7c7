package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"chatgate/internal/redrive"
)

// queue gives one message and takes what it is given.
type queue struct {
	message *azservicebus.ReceivedMessage
	peeked  bool
	sent    int
}

func (q *queue) PeekMessages(context.Context, int, *azservicebus.PeekMessagesOptions) ([]*azservicebus.ReceivedMessage, error) {
	if q.peeked {
		return nil, nil
	}
	q.peeked = true
	return q.give()
}

func (q *queue) ReceiveMessages(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error) {
	given, _ := q.give()
	q.message = nil
	return given, nil
}

func (q *queue) give() ([]*azservicebus.ReceivedMessage, error) {
	if q.message == nil {
		return nil, nil
	}
	return []*azservicebus.ReceivedMessage{q.message}, nil
}

func (q *queue) CompleteMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error {
	return nil
}

func (q *queue) AbandonMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.AbandonMessageOptions) error {
	return nil
}

func (q *queue) SendMessage(context.Context, *azservicebus.Message, *azservicebus.SendMessageOptions) error {
	q.sent++
	return nil
}

func TestEachMessageAndTheEndAreTold(t *testing.T) {
	route, err := redrive.RouteOf("conversation-activities")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		age  time.Duration
		dry  bool
		says []string
		sent int
		left bool
	}{
		"moved":   {time.Hour, false, []string{`id "m-1"`, `"gone\x1b[2J"`, "sent", "1 sent to conversation-activities, 0 left"}, 1, false},
		"left":    {time.Minute, false, []string{"left: the queue would", "0 sent to conversation-activities, 1 left"}, 0, true},
		"dry run": {time.Hour, true, []string{"would be sent", "1 would be sent", "Nothing was changed"}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			enqueued := time.Now().Add(-test.age)
			q := &queue{message: &azservicebus.ReceivedMessage{
				MessageID: "m-1", Body: []byte("canary"), EnqueuedTime: &enqueued, DeadLetterReason: new("gone\x1b[2J"),
			}}
			var stdout strings.Builder
			err := drive(t.Context(), order{dryRun: test.dry, window: 10 * time.Minute}, route, q, q, &stdout)
			if errors.Is(err, errLeft) != test.left || !test.left && err != nil || q.sent != test.sent {
				t.Errorf("%v, %d sent", err, q.sent)
			}
			for _, says := range test.says {
				if !strings.Contains(stdout.String(), says) {
					t.Errorf("it lacks %q:\n%s", says, stdout.String())
				}
			}
			if strings.Contains(stdout.String(), "canary") || strings.Contains(stdout.String(), "\x1b") {
				t.Errorf("it shows the body, or what moves the cursor:\n%s", stdout.String())
			}
		})
	}
}

func TestWhatIsCalledWronglyAsksNobody(t *testing.T) {
	for name, wrong := range map[string]order{"no queue": {namespace: "n"}, "another queue": {namespace: "n", queue: "x"}, "no namespace": {queue: "keyvault-events"}} {
		if err := run(t.Context(), wrong, &strings.Builder{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
