package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chatgate/internal/invocation"
	"chatgate/internal/retention"
)

const (
	// purgeTimeout and the time to read the host's few bytes together stay well
	// below functionTimeout (5 minutes in host.json), at which the host kills the
	// whole handler.
	purgeTimeout = 4 * time.Minute
	timerTimeout = 10 * time.Second
)

// Purger erases the conversations that are past their retention. It ends before
// the deadline of ctx. Its error may be logged, and comes beside a report of what
// was done all the same.
type Purger interface {
	Run(ctx context.Context, invocationID string) (retention.Report, error)
}

// LoginSweeper removes what is left of logins that are long over, and tells how
// many rows that were. Its error may be logged.
type LoginSweeper interface {
	Sweep(ctx context.Context) (int, error)
}

// sweepTimeout bounds what is taken from the time for conversations.
const sweepTimeout = 30 * time.Second

// purgeExpired answers the timer. The host does not repeat a run that failed; the
// next one goes on where this one ended. So the answer to a failure serves only
// those who watch.
func (s *server) purgeExpired(x *exchange) error {
	x.readWithin(timerTimeout)
	timer, err := invocation.DecodeTimer(x.request.Body, "timer")
	if err != nil {
		return noInvocation(x, err)
	}
	x.bodyRead()
	ctx, cancel := context.WithTimeout(x.request.Context(), purgeTimeout)
	defer cancel()
	failure := s.sweepLogins(ctx, x)
	report, err := s.Purger.Run(ctx, x.event.invocationID)
	x.event.details = append(x.event.details, slog.Bool("pastDue", timer.PastDue), slog.Any("purge", report))
	if err = errors.Join(err, failure); err != nil {
		return fmt.Errorf("purging what has expired: %w", err)
	}
	if err := (invocation.Result{ReturnValue: report}).Write(x.writer); err != nil {
		return fmt.Errorf("answering the host: %w", err)
	}
	return nil
}

// sweepLogins comes first: it is quick, and conversations take all the time that
// there is.
func (s *server) sweepLogins(ctx context.Context, x *exchange) error {
	if s.LoginSweeper == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	removed, err := s.LoginSweeper.Sweep(ctx)
	x.event.details = append(x.event.details, slog.Int("logins", removed))
	return err
}
