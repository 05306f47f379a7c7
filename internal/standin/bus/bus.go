// Package bus stands for a Service Bus namespace on one machine: queues with
// locks, delivery counts, dead letters and duplicate detection, and the REST
// send of the real service.
//
// What it keeps to: a message is delivered at least once; a batch that is
// abandoned, or whose receiver is gone, comes again with a higher delivery count
// and is dead-lettered once it has been delivered as often as its queue allows;
// duplicate detection covers resends, never redelivery; a message ends at
// 256 KiB, as on the Standard tier. Sessions, topics, scheduling and expiry are
// left out.
//
// With a directory the queues outlive the process, also one that is killed at
// any instruction.
package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The limits of the Standard tier.
const (
	defaultMaxMessageBytes  = 256 << 10
	defaultMaxQueueBytes    = 1 << 30
	defaultMaxDeliveryCount = 10
)

// Errors of sending and receiving.
var (
	// ErrUnknownQueue means that no queue of that name was declared.
	ErrUnknownQueue = errors.New("no such queue")
	// ErrTooLarge means that a message exceeds what the namespace takes.
	ErrTooLarge = errors.New("message too large")
	// ErrQueueFull means that the queue holds all it may.
	ErrQueueFull = errors.New("queue full")
	// ErrLockLost means that the batch was settled already.
	ErrLockLost = errors.New("lock lost")
	// ErrClosed means that the bus was closed.
	ErrClosed = errors.New("bus closed")
)

// Options say what a bus offers.
type Options struct {
	// Queues are the queues to declare. At least one is needed.
	Queues []QueueOptions
	// Dir is the directory to keep messages in; created if absent. Empty: they
	// are kept in memory only.
	Dir string
	// MaxMessageBytes limits one message, properties included; 0: 256 KiB.
	MaxMessageBytes int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// QueueOptions describe one queue.
type QueueOptions struct {
	// Name is compared ignoring case.
	Name string
	// MaxDeliveryCount is how often a message is delivered before it is
	// dead-lettered; 0: 10.
	MaxDeliveryCount int
	// DuplicateWindow is for how long a MessageId is remembered: a further message
	// with it is taken and dropped. 0: no duplicate detection.
	DuplicateWindow time.Duration
	// MaxBytes limits what the queue holds; 0: 1 GiB.
	MaxBytes int64
}

// Bus is a set of queues. It may be used by several goroutines at once.
type Bus struct {
	queues          map[string]*Queue
	journal         *journal
	maxMessageBytes int
}

// Open declares the queues and, where there is a directory, loads what they
// held. A directory can be used by one process at a time.
func Open(options Options) (*Bus, error) {
	if len(options.Queues) == 0 {
		return nil, errors.New("opening the bus: no queue is declared")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.MaxMessageBytes == 0 {
		options.MaxMessageBytes = defaultMaxMessageBytes
	}
	journal, err := openJournal(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the bus: %w", err)
	}
	bus := &Bus{queues: map[string]*Queue{}, journal: journal, maxMessageBytes: options.MaxMessageBytes}
	for _, queue := range options.Queues {
		if err := bus.declare(queue, options.Now); err != nil {
			return nil, errors.Join(fmt.Errorf("declaring queue %q: %w", queue.Name, err), journal.close())
		}
	}
	return bus, nil
}

func (b *Bus) declare(options QueueOptions, now func() time.Time) error {
	key := strings.ToLower(options.Name)
	if key == "" || strings.ContainsAny(key, "/?#\\ ") {
		return errors.New("not a name for a queue")
	}
	if _, exists := b.queues[key]; exists {
		return errors.New("declared twice")
	}
	queue, err := newQueue(options, b.journal, now)
	if err != nil {
		return err
	}
	b.queues[key] = queue
	return nil
}

// Queue returns the queue of that name, ignoring case.
func (b *Bus) Queue(name string) (*Queue, error) {
	queue, ok := b.queues[strings.ToLower(name)]
	if !ok {
		return nil, fmt.Errorf("queue %q: %w", name, ErrUnknownQueue)
	}
	return queue, nil
}

// Send puts messages into a queue: all of them, or with an error none. When it
// returns they are kept.
func (b *Bus) Send(_ context.Context, queue string, messages ...Message) error {
	target, err := b.Queue(queue)
	if err != nil {
		return err
	}
	for _, message := range messages {
		if size := message.size(); size > b.maxMessageBytes {
			return fmt.Errorf("a message of %d bytes, %d are allowed: %w", size, b.maxMessageBytes, ErrTooLarge)
		}
	}
	return target.send(messages)
}

// Close ends all waiting receivers and releases the directory. Messages locked
// by a receiver are delivered again after the next [Open].
func (b *Bus) Close() error {
	for _, queue := range b.queues {
		queue.close()
	}
	if err := b.journal.close(); err != nil {
		return fmt.Errorf("closing the bus: %w", err)
	}
	return nil
}
