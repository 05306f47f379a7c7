package bus

import (
	"context"
	"fmt"
)

// Peek returns the messages that wait for a receiver, oldest first.
func (q *Queue) Peek() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return copies(q.ready)
}

// DeadLetters returns the messages that were given up, in the order in which
// that happened.
func (q *Queue) DeadLetters() []Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return copies(q.dead)
}

func copies(messages []*Message) []Message {
	list := make([]Message, len(messages))
	for i, message := range messages {
		list[i] = *message
	}
	return list
}

// Counts returns what the queue holds and what has happened to it.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count()
}

func (q *Queue) count() Counts {
	counts := q.counts
	counts.Active, counts.Locked, counts.DeadLettered = len(q.ready), q.locked, len(q.dead)
	return counts
}

// Wait waits until the queue's counts are as wanted. It fails when ctx ends or
// the bus is closed.
func (q *Queue) Wait(ctx context.Context, wanted func(Counts) bool) error {
	for {
		q.mu.Lock()
		counts, changed, closed := q.count(), q.changed, q.closed
		q.mu.Unlock()
		if wanted(counts) {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for queue %s, which has %+v: %w", q.name, counts, context.Cause(ctx))
		}
	}
}
