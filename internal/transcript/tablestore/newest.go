package tablestore

import (
	"context"
	"sync"
	"time"

	"chatgate/internal/transcript"
)

// newest returns a conversation's newest activity, or ErrNoConversation. since is
// a moment at which there was one, or zero; without any since then all are looked
// through.
//
// A service reads rows upwards only, so that the last of very many is found by
// leaps in time. What comes is compared, because Cosmos DB for Table gives rows
// back in no order.
func (s *Store) newest(ctx context.Context, assistant, key string, since time.Time) (activityKey, error) {
	if !transcript.ValidKey(key) {
		return activityKey{}, orNoConversation(ctx.Err())
	}
	read := func(span activitySpan) (stretch, error) { return s.stretch(ctx, assistant, key, span) }
	first, err := read(activitySpan{from: since})
	if err == nil && first.count == 0 && !since.IsZero() {
		first, err = read(activitySpan{})
	}
	switch {
	case err != nil:
		return activityKey{}, err
	case first.count == 0:
		return activityKey{}, transcript.ErrNoConversation
	case !first.full:
		return first.newest, nil
	}
	c := climb{read: read, newest: first.newest, step: max(first.newest.at.Sub(first.middle.at), time.Second)}
	if err := c.run(); err != nil {
		return activityKey{}, err
	}
	return c.newest, nil
}

// stretch is what a single query finds of a conversation.
type stretch struct {
	middle, newest activityKey
	count          int
	// full says that there may be more.
	full bool
}

func (s *Store) stretch(ctx context.Context, assistant, key string, span activitySpan) (stretch, error) {
	span.page = pageOfKeys
	var found stretch
	for activity, err := range s.activityKeys(ctx, assistant, key, span) {
		if err != nil {
			return stretch{}, err
		}
		if found.count == pageOfKeys/2 {
			found.middle = activity
		}
		if activity.row > found.newest.row {
			found.newest = activity
		}
		if found.count++; found.count == pageOfKeys {
			found.full = true
			break
		}
	}
	return found, nil
}

// climb looks for the newest of more activities than one query shows: it leaps
// ahead in time, twice as far each time, and once it has leapt too far, half the
// way back.
type climb struct {
	read   func(activitySpan) (stretch, error)
	newest activityKey // of those found
	step   time.Duration
	// end is a moment from which on there is none; zero: unknown.
	end time.Time
}

// maxStep keeps the double of a step within what a Duration can be.
const maxStep = 100 * 366 * 24 * time.Hour

func (c *climb) run() error {
	for {
		landed, done, err := c.leap()
		if err != nil || done {
			return err
		}
		if landed {
			continue
		}
		// What lies before may be little, or all of one moment.
		next, err := c.read(activitySpan{after: c.newest.row})
		if err != nil {
			return err
		}
		c.take(next)
		if !next.full {
			return nil
		}
	}
}

// leap looks beyond what was found. It has landed if there are activities, and is
// done if these are the last.
func (c *climb) leap() (landed, done bool, err error) {
	step := c.step
	if !c.end.IsZero() {
		step = c.end.Sub(c.newest.at) / 2
	}
	to := c.newest.at.Add(step)
	if _, ok := rowAt(to); step <= 0 || !ok {
		return false, false, nil
	}
	found, err := c.read(activitySpan{from: to})
	if err != nil {
		return false, false, err
	}
	if found.count == 0 {
		c.end = to
		return false, false, nil
	}
	c.take(found)
	c.step = min(2*c.step, maxStep)
	return true, !found.full, nil
}

func (c *climb) take(found stretch) {
	if found.count > 0 {
		c.newest = found.newest
	}
}

// maxSeen is how many conversations a Store remembers of those that were read.
const maxSeen = 1000

// seenActivities remembers when the newest activities were of conversations that
// were read: who reads one page reads the next, and whatever is newer now comes
// after. The zero value remembers none.
type seenActivities struct {
	mutex  sync.Mutex
	newest map[string]time.Time // by partition of table messages
}

// get returns the moment, or the zero time.
func (s *seenActivities) get(partition string) time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.newest[partition]
}

func (s *seenActivities) set(partition string, at time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.newest == nil || len(s.newest) >= maxSeen {
		s.newest = make(map[string]time.Time)
	}
	s.newest[partition] = at
}
