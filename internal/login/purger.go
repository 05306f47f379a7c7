package login

import (
	"context"
	"time"
)

// Purger is an [Attempts] whose old rows can be removed. There is one for each
// conversation and hint that ever logged in.
type Purger interface {
	Attempts

	// Purge removes rows of an assistant whose every time lies before before, at
	// most limit of them, and tells how many. A row that is changed meanwhile
	// stays. Such a row says nothing any more once before is a day ago: the login
	// is over, starts and cool-downs count no more, and a missing row reads the
	// same.
	Purge(ctx context.Context, assistant string, before time.Time, limit int) (int, error)
}

// LastTime is the latest time that the row tells of.
func (r *Row) LastTime() time.Time {
	last := r.ExpiresAt
	for _, at := range append([]time.Time{r.NotBefore, r.CoolDownUntil}, r.Starts...) {
		if at.After(last) {
			last = at
		}
	}
	return last
}
