package login

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// keep is how long the state of a login stays once it says nothing any more:
	// every limit looks back for less, and clocks differ by less.
	keep = 24 * time.Hour
	// maxSwept bounds what one run removes of an assistant.
	maxSwept = 5000
)

// Sweeper removes what is left of logins that are long over. It may be used by
// several goroutines, and several processes may run one each, at once.
type Sweeper struct {
	attempts   Purger
	assistants []string
	now        func() time.Time
}

// NewSweeper returns a Sweeper of the assistants' logins. Options may be nil.
func NewSweeper(attempts Purger, assistants []string, options *Options) *Sweeper {
	s := &Sweeper{attempts: attempts, assistants: assistants, now: time.Now}
	if options != nil && options.Now != nil {
		s.now = options.Now
	}
	return s
}

// Sweep removes what is a day over, of each assistant at most 5000 rows, and
// tells how many. A failure at one assistant does not keep it from the others.
func (s *Sweeper) Sweep(ctx context.Context) (int, error) {
	before := s.now().Add(-keep)
	total := 0
	var failures []error
	for _, assistant := range s.assistants {
		removed, err := s.attempts.Purge(ctx, assistant, before, maxSwept)
		total += removed
		if err != nil {
			failures = append(failures, fmt.Errorf("removing old logins of %s: %w", assistant, err))
		}
	}
	return total, errors.Join(failures...)
}
