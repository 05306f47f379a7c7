// Package redrive brings messages that were given up back to the queue that they
// came from: dead letters, and what Chatgate has set aside in the quarantine.
//
// A message is completed only after its copy has been sent, so that a run may end
// at any instruction: at worst a message is there twice, which the queue's
// duplicate detection or Chatgate's own keys take care of.
package redrive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Receiver is what is used of *azservicebus.Receiver.
type Receiver interface {
	PeekMessages(ctx context.Context, maxMessageCount int, options *azservicebus.PeekMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	ReceiveMessages(ctx context.Context, maxMessages int, options *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	CompleteMessage(ctx context.Context, message *azservicebus.ReceivedMessage, options *azservicebus.CompleteMessageOptions) error
	AbandonMessage(ctx context.Context, message *azservicebus.ReceivedMessage, options *azservicebus.AbandonMessageOptions) error
}

// Sender is what is used of *azservicebus.Sender.
type Sender interface {
	SendMessage(ctx context.Context, message *azservicebus.Message, options *azservicebus.SendMessageOptions) error
}

const (
	// batch is small, so that the last of it is settled well before its lock ends.
	batch = 20

	// maxLeft bounds what is locked and left, bodies included.
	maxLeft = 1000

	// settleTimeout bounds what is still done when the command is interrupted.
	settleTimeout = 10 * time.Second

	defaultIdle = 10 * time.Second
)

// Options are the options of [Move] and [List]. The zero value, or nil, means the
// defaults.
type Options struct {
	// Limit is how many messages are looked at; 0: all.
	Limit int
	// DuplicateWindow is that of the queue: a copy sent sooner after the original
	// would be dropped there without a word. 0: the queue detects no duplicates.
	DuplicateWindow time.Duration
	// Idle is how long an empty queue is waited for; 10 s where it is 0.
	Idle time.Duration
	// Report is told of each message.
	Report func(Item)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Fate says what became of a message.
type Fate string

// The fates. The zero value is none of them.
const (
	// Sent: the copy is in the queue and the message is gone.
	Sent Fate = "sent"
	// WouldBeSent is what [List] says in its place.
	WouldBeSent Fate = "would be sent"
	// Left: the message stays where it is.
	Left Fate = "left"
	// SentTwice: the copy is in the queue, but the message could not be taken
	// away.
	SentTwice Fate = "sent, but still here too"
)

// Item is a message in words for people. It holds nothing of the body.
type Item struct {
	MessageID  string
	EnqueuedAt time.Time
	Assistant  string
	// Why says why it was given up.
	Why   string
	Bytes int
	Fate  Fate
	// Because says why it was left.
	Because string
}

// Summary counts fates.
type Summary struct {
	Sent, Left, SentTwice int
}

func (s *Summary) add(fate Fate) {
	switch fate {
	case Sent, WouldBeSent:
		s.Sent++
	case Left:
		s.Left++
	case SentTwice:
		s.SentTwice++
	}
}

// mover is one run.
type mover struct {
	Options

	restore Restore
	seen    map[string]bool
	summary Summary
}

func newMover(restore Restore, options *Options) *mover {
	if options == nil {
		options = &Options{}
	}
	m := &mover{Options: *options, restore: restore, seen: map[string]bool{}}
	if m.Idle <= 0 {
		m.Idle = defaultIdle
	}
	if m.Now == nil {
		m.Now = time.Now
	}
	if m.Report == nil {
		m.Report = func(Item) {}
	}
	return m
}

// List says what [Move] would do, and changes nothing.
func List(ctx context.Context, from Receiver, restore Restore, options *Options) (Summary, error) {
	m := newMover(restore, options)
	for looked := 0; m.Limit == 0 || looked < m.Limit; {
		// A receiver goes on where its last peek ended.
		messages, err := from.PeekMessages(ctx, m.next(looked), nil)
		if err != nil {
			return m.summary, fmt.Errorf("looking at the messages: %w", err)
		}
		if len(messages) == 0 {
			break
		}
		looked += len(messages)
		for _, message := range messages {
			_, item := m.inspect(message)
			m.report(item)
		}
	}
	return m.summary, nil
}

// Move sends copies of the messages that from has and takes them away there. It
// ends when there are none left that it has not tried. The error is of what ends
// the run; what concerns one message only is in the report and the summary.
func Move(ctx context.Context, from Receiver, to Sender, restore Restore, options *Options) (Summary, error) {
	m := newMover(restore, options)
	// Opening the connection takes longer than an empty queue is waited for.
	if first, err := from.PeekMessages(ctx, 1, nil); err != nil || len(first) == 0 {
		return m.summary, wrap("looking for messages", err)
	}
	var left []*azservicebus.ReceivedMessage
	defer func() { release(ctx, from, left) }()
	for looked := 0; m.Limit == 0 || looked < m.Limit; {
		messages, err := m.receive(ctx, from, m.next(looked))
		if err != nil || len(messages) == 0 {
			return m.summary, err
		}
		looked += len(messages)
		for at, message := range messages {
			fate, err := m.move(ctx, from, to, message)
			if fate == Left {
				left = append(left, message)
			}
			if err != nil {
				left = append(left, messages[at+1:]...)
				return m.summary, err
			}
		}
		if len(left) >= maxLeft {
			return m.summary, fmt.Errorf("stopped with %d messages that have to stay; take them away, then go on", len(left))
		}
	}
	return m.summary, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (m *mover) next(looked int) int {
	if m.Limit == 0 {
		return batch
	}
	return min(batch, m.Limit-looked)
}

// receive returns no messages once the queue has been empty for a while.
func (m *mover) receive(ctx context.Context, from Receiver, count int) ([]*azservicebus.ReceivedMessage, error) {
	waiting, cancel := context.WithTimeout(ctx, m.Idle)
	defer cancel()
	messages, err := from.ReceiveMessages(waiting, count, nil)
	switch {
	case len(messages) > 0:
		return messages, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("receiving messages: %w", ctx.Err())
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("receiving messages: %w", err)
	default:
		return nil, nil
	}
}

// move deals with one message. The error is of what would befall the others too.
func (m *mover) move(ctx context.Context, from Receiver, to Sender, message *azservicebus.ReceivedMessage) (Fate, error) {
	duplicate, item := m.inspect(message)
	if item.Fate == Left {
		m.report(item)
		return Left, nil
	}
	if err := to.SendMessage(ctx, duplicate, nil); err != nil {
		item.Fate, item.Because = Left, "its copy could not be sent"
		m.report(item)
		if tooLarge(err) {
			return Left, nil
		}
		return Left, fmt.Errorf("sending a copy of %s: %w", item.MessageID, err)
	}
	item.Fate = Sent
	// An interruption between the two would leave the message there twice.
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := from.CompleteMessage(settling, message, nil); err != nil {
		item.Fate, item.Because = SentTwice, "its lock was lost"
	}
	m.report(item)
	return item.Fate, nil
}

func tooLarge(err error) bool {
	return errors.Is(err, azservicebus.ErrMessageTooLarge)
}

// inspect decides about a message and makes its copy.
func (m *mover) inspect(message *azservicebus.ReceivedMessage) (*azservicebus.Message, Item) {
	restored, err := m.restore(message)
	if restored.Message == nil {
		restored.Message = &azservicebus.Message{}
	}
	item := Item{
		MessageID: restored.id(), EnqueuedAt: restored.EnqueuedAt, Assistant: restored.assistant(), Why: restored.Why,
		Bytes: len(restored.Message.Body), Fate: WouldBeSent,
	}
	leave := func(because string) (*azservicebus.Message, Item) {
		item.Fate, item.Because = Left, because
		return nil, item
	}
	if err != nil {
		return leave(err.Error())
	}
	// A copy that fails again comes back here: one run sends nothing twice.
	key := restored.key()
	if m.seen[key] {
		return leave("one with the same id was sent in this run; is the cause mended?")
	}
	if age := m.Now().Sub(restored.EnqueuedAt); age < m.DuplicateWindow {
		return leave(fmt.Sprintf("the queue would still take the copy for a duplicate and drop it; try again in %s",
			(m.DuplicateWindow - age).Round(time.Second)))
	}
	m.seen[key] = true
	return restored.Message, item
}

func (m *mover) report(item Item) {
	m.summary.add(item.Fate)
	m.Report(item)
}

// release gives up the locks of what was left. What fails here ends with the
// lock's time.
func release(ctx context.Context, from Receiver, left []*azservicebus.ReceivedMessage) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	for _, message := range left {
		_ = from.AbandonMessage(ctx, message, nil)
	}
}
