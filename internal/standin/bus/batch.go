package bus

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"slices"
)

// Batch is a set of messages that one receiver holds locked. It is settled once,
// as a whole: that is all that a custom handler's host can do.
type Batch struct {
	// Messages in order, at least one.
	Messages []Message

	queue   *Queue
	locked  []*Message
	settled bool // guarded by queue.mu
}

func newBatch(queue *Queue, locked []*Message) *Batch {
	batch := &Batch{queue: queue, locked: locked, Messages: make([]Message, len(locked))}
	for i, message := range locked {
		batch.Messages[i] = *message
		batch.Messages[i].LockToken = newToken()
	}
	return batch
}

// newToken returns a random UUID (RFC 9562, version 4).
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Complete removes the messages from the queue for good.
func (b *Batch) Complete() error {
	return b.settle(func(q *Queue) error {
		if err := q.journal.remove(q.name, b.locked); err != nil {
			return fmt.Errorf("removing completed messages: %w", err)
		}
		for _, message := range b.locked {
			q.bytes -= int64(message.size())
		}
		q.counts.Completed += len(b.locked)
		return nil
	})
}

// Abandon gives the messages back, to be delivered again at once in their old
// order. Those that have been delivered as often as the queue allows are
// dead-lettered.
func (b *Batch) Abandon() error {
	return b.settle(func(q *Queue) error {
		var again, dead []*Message
		for _, message := range b.locked {
			if message.DeliveryCount < q.maxDelivery {
				again = append(again, message)
				continue
			}
			dead = append(dead, q.giveUp(message))
		}
		if err := q.journal.save(q.name, dead); err != nil {
			return fmt.Errorf("keeping dead letters: %w", err)
		}
		q.dead = append(q.dead, dead...)
		q.ready = append(q.ready, again...)
		slices.SortFunc(q.ready, func(a, b *Message) int { return cmp.Compare(a.SequenceNumber, b.SequenceNumber) })
		q.counts.Abandoned += len(b.locked)
		return nil
	})
}

// giveUp returns message as the dead letter it becomes.
func (q *Queue) giveUp(message *Message) *Message {
	dead := *message
	dead.DeadLetter = &DeadLetter{
		Reason:      "MaxDeliveryCountExceeded",
		Description: fmt.Sprintf("Message could not be consumed after %d delivery attempts.", message.DeliveryCount),
		Source:      q.name,
	}
	return &dead
}

func (b *Batch) settle(how func(*Queue) error) error {
	q := b.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.settled {
		return ErrLockLost
	}
	if q.closed {
		return ErrClosed
	}
	if err := how(q); err != nil {
		return err
	}
	b.settled = true
	q.locked -= len(b.locked)
	q.announce()
	return nil
}
