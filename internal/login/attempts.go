package login

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Attempts keeps what several instances must agree on: which login of a
// conversation is the current one, when it may be polled, and whether it was
// redeemed. Its implementations are held to the same behaviour by package
// attemptstest. It holds no secret and no hint in clear.
type Attempts interface {
	// Load returns a row, and the zero Row and "" where there is none.
	Load(ctx context.Context, key Key) (Row, ETag, error)
	// Save writes a row over the one that etag names, or as the first where it
	// is "". Where the row is another by now it is [ErrConflict].
	Save(ctx context.Context, key Key, row Row, etag ETag) (ETag, error)
}

// ErrConflict means that another writer was faster.
var ErrConflict = errors.New("the row was changed meanwhile")

// ETag names one state of a row.
type ETag string

// Key is the place of a row: a partition for each assistant, and in it one row
// for each conversation and each hint. Both hold only [A-Za-z0-9._~=-] and at
// most 500 characters.
type Key struct {
	Partition string
	Row       string
}

// Row is what is known of a conversation's login, or of a hint.
type Row struct {
	State State
	// Attempt is the SHA-256 of the current login's id, in hex.
	Attempt   string
	ExpiresAt time.Time
	// Interval is the least time between polls; NotBefore is when the next one
	// may come.
	Interval  time.Duration
	NotBefore time.Time
	// CoolDownUntil is until when the user is not asked again.
	CoolDownUntil time.Time
	// Denials is how often in a row the user has refused.
	Denials int
	// Starts are the times of the latest starts, oldest first, at most
	// [MaxStarts].
	Starts []time.Time
}

// State is how far the current login of a conversation is.
type State string

// The states. The zero value is a conversation without a login.
const (
	StateNone     State = ""
	StateStarting State = "starting"
	StatePending  State = "pending"
	StateRedeemed State = "redeemed"
	StateDenied   State = "denied"
	StateExpired  State = "expired"
	StateFailed   State = "failed"
)

// open tells whether a login of the row still goes on.
func (r *Row) open(now time.Time) bool {
	return (r.State == StateStarting || r.State == StatePending) && now.Before(r.ExpiresAt)
}

// mayStart tells why another login may not start now, if it may not.
func (r *Row) mayStart(now time.Time) error {
	switch {
	case now.Before(r.CoolDownUntil):
		return errCoolDown(r.CoolDownUntil.Sub(now))
	case r.open(now):
		return errPending(r.ExpiresAt.Sub(now))
	}
	r.forgetStarts(now)
	if len(r.Starts) >= MaxStarts {
		return errTooMany(r.Starts[0].Add(startsWindow).Sub(now))
	}
	return nil
}

// coolOff notes a denial. While the cool-down of another goes on it only makes that
// longer, and does not count: several logins may have waited with one hint, and a
// poll may come again.
func (r *Row) coolOff(now time.Time) {
	pause := coolDown
	if !now.Before(r.CoolDownUntil) {
		if now.Sub(r.CoolDownUntil) > denialsMemory {
			r.Denials = 0
		}
		r.Denials++
		pause = min(coolDown<<min(r.Denials-1, 10), maxCoolDown)
	}
	if until := now.Add(pause); until.After(r.CoolDownUntil) {
		r.CoolDownUntil = until
	}
}

// forgive forgets the denials; it reports whether there were any.
func (r *Row) forgive() bool {
	had := r.Denials > 0
	r.Denials = 0
	return had
}

// forgetStarts drops those that count no more.
func (r *Row) forgetStarts(now time.Time) {
	for len(r.Starts) > 0 && !now.Before(r.Starts[0].Add(startsWindow)) {
		r.Starts = r.Starts[1:]
	}
}

// uncountStart forgets one start of that time, if there is one.
func (r *Row) uncountStart(at time.Time) bool {
	i := slices.IndexFunc(r.Starts, at.Equal)
	if i < 0 {
		return false
	}
	r.Starts = slices.Delete(slices.Clone(r.Starts), i, i+1)
	return true
}

func (r *Row) countStart(now time.Time) {
	r.Starts = append(r.Starts[:len(r.Starts):len(r.Starts)], now)
}
