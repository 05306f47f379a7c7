package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Counts say what a queue holds and what has happened to it since it was opened.
type Counts struct {
	// Active messages wait for a receiver, Locked ones are with a receiver,
	// DeadLettered ones have been given up.
	Active, Locked, DeadLettered int
	// Sent messages were taken, Duplicates were dropped by duplicate detection.
	Sent, Duplicates int
	// Delivered counts each delivery of each message; each ends Completed,
	// Abandoned, or with its receiver.
	Delivered, Completed, Abandoned int
}

// Idle reports whether nothing waits for a receiver or is with one.
func (c Counts) Idle() bool {
	return c.Active == 0 && c.Locked == 0
}

// Queue is one queue. It may be used by several goroutines at once.
type Queue struct {
	name        string
	maxDelivery int
	maxBytes    int64
	now         func() time.Time
	journal     *journal

	mu      sync.Mutex
	closed  bool
	changed chan struct{} // closed and replaced at each change
	last    int64         // the last sequence number given
	bytes   int64         // what the messages take, dead ones included
	ready   []*Message    // by sequence number
	locked  int
	dead    []*Message
	recent  *window
	counts  Counts
}

func newQueue(options QueueOptions, journal *journal, now func() time.Time) (*Queue, error) {
	queue := &Queue{
		name:        options.Name,
		maxDelivery: cmp.Or(options.MaxDeliveryCount, defaultMaxDeliveryCount),
		maxBytes:    cmp.Or(options.MaxBytes, int64(defaultMaxQueueBytes)),
		now:         now,
		journal:     journal,
		changed:     make(chan struct{}),
		recent:      newWindow(options.DuplicateWindow),
	}
	return queue, queue.load()
}

// load takes back what the journal holds. A message that was with a receiver has
// lost its lock, which counts as a delivery like any other.
func (q *Queue) load() error {
	kept, err := q.journal.load(q.name)
	if err != nil {
		return fmt.Errorf("loading what the queue held: %w", err)
	}
	q.last = kept.last
	old := q.recent.restore(kept.recent, q.now())
	var given []*Message
	for _, message := range kept.messages {
		q.bytes += int64(message.size())
		switch {
		case message.DeadLetter != nil:
			q.dead = append(q.dead, message)
		case message.DeliveryCount >= q.maxDelivery:
			given = append(given, q.giveUp(message))
		default:
			q.ready = append(q.ready, message)
		}
	}
	q.dead = append(q.dead, given...)
	if err := errors.Join(q.journal.save(q.name, given), q.journal.forget(q.name, old)); err != nil {
		return fmt.Errorf("tidying what the queue held: %w", err)
	}
	return nil
}

// Name returns the name that the queue was declared with.
func (q *Queue) Name() string {
	return q.name
}

func (q *Queue) send(messages []Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	now := q.now().UTC().Truncate(time.Millisecond)
	fresh, size := q.admit(messages, now)
	if q.bytes+size > q.maxBytes {
		return fmt.Errorf("queue %s: %w", q.name, ErrQueueFull)
	}
	if err := q.journal.add(q.name, fresh, q.recent.lasts()); err != nil {
		return fmt.Errorf("keeping the messages: %w", err)
	}
	for _, message := range fresh {
		q.recent.add(message.ID, now)
		q.last = message.SequenceNumber
	}
	q.bytes += size
	q.ready = append(q.ready, fresh...)
	q.counts.Sent += len(fresh)
	q.counts.Duplicates += len(messages) - len(fresh)
	q.announce()
	return nil
}

// admit numbers the messages that are no duplicates. q.mu is held.
func (q *Queue) admit(messages []Message, now time.Time) (fresh []*Message, size int64) {
	inThisSend := map[string]bool{}
	for _, message := range messages {
		if q.recent.has(message.ID, now) || (q.recent.lasts() && inThisSend[message.ID]) {
			continue
		}
		if message.ID != "" {
			inThisSend[message.ID] = true
		}
		message.SequenceNumber = q.last + int64(len(fresh)) + 1
		message.EnqueuedAt, message.DeliveryCount, message.DeadLetter = now, 0, nil
		fresh = append(fresh, &message)
		size += int64(message.size())
	}
	return fresh, size
}

// Receive waits until there is a message and locks up to limit of them, oldest
// first. The batch must be settled. It fails when ctx ends or the bus is closed.
func (q *Queue) Receive(ctx context.Context, limit int) (*Batch, error) {
	for {
		batch, changed, err := q.tryReceive(limit)
		if batch != nil || err != nil {
			return batch, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for messages: %w", context.Cause(ctx))
		}
	}
}

// tryReceive locks what is there. Without messages it returns the channel that
// is closed at the next change.
func (q *Queue) tryReceive(limit int) (*Batch, <-chan struct{}, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, nil, ErrClosed
	}
	if len(q.ready) == 0 {
		return nil, q.changed, nil
	}
	taken := slices.Clone(q.ready[:min(max(limit, 1), len(q.ready))])
	for _, message := range taken {
		message.DeliveryCount++
	}
	if err := q.journal.save(q.name, taken); err != nil {
		return nil, nil, fmt.Errorf("keeping the delivery counts: %w", err)
	}
	q.ready = q.ready[len(taken):]
	q.locked += len(taken)
	q.counts.Delivered += len(taken)
	q.announce()
	return newBatch(q, taken), nil, nil
}

// announce wakes all who wait for a change. q.mu is held.
func (q *Queue) announce() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *Queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.announce()
}
