package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

const (
	// pageSize is how many days of conversations are read at once.
	pageSize = 100
	// maxInARow is after how many failures, none but failures in between, the
	// store is taken to be away.
	maxInARow = 5
	// maxTold is how many failures an error tells of.
	maxTold = 3
)

// errOver ends a run that may not examine more.
var errOver = errors.New("the run has done its part")

// run is one run for one assistant.
type run struct {
	Options

	assistant string
	before    time.Time // of this moment and later are activities that are kept
	report    Report
	seen      map[string]bool // keys of the conversations of this run
	// left and pages are how many conversations may still be examined, and pages
	// be read: a page may hold nothing but further days of those already seen.
	left, pages int
	// place is behind the last row that needs no second look; saved is what the
	// store has of it.
	place, saved string

	inARow   int
	failures []error
}

func newRun(options Options, assistant string, before time.Time) *run {
	return &run{
		Options: options, assistant: assistant, before: before,
		seen: map[string]bool{},
		left: options.MaxConversations, pages: options.MaxConversations + 1,
	}
}

// within runs for one of so many equal parts of the time that ctx has left.
func (r *run) within(ctx context.Context, parts int, invocationID string) error {
	part, cancel := share(ctx, parts)
	defer cancel()
	err := r.purge(part)
	if err != nil && part.Err() != nil {
		err = ctx.Err() // what was under way failed for that
	}
	return errors.Join(err, errors.Join(r.failures...), r.close(ctx, invocationID))
}

func share(ctx context.Context, parts int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline) - closing
	return context.WithTimeout(ctx, left/time.Duration(parts))
}

// purge finishes what was interrupted and then walks over what is old.
func (r *run) purge(ctx context.Context) error {
	err := r.finish(ctx)
	r.report.Complete = err == nil
	if r.Days == 0 {
		return err
	}
	r.inARow = 0
	walked := r.walk(ctx)
	r.report.Complete = err == nil && walked == nil
	if errors.Is(walked, errOver) {
		walked = nil
	}
	return errors.Join(err, walked)
}

// finish erases the rest of conversations whose erasure was interrupted.
func (r *run) finish(ctx context.Context) error {
	keys, err := r.Eraser.Unfinished(ctx, r.assistant)
	if err != nil {
		return fmt.Errorf("looking for interrupted erasures: %w", err)
	}
	for _, key := range keys {
		r.seen[key] = true
		err := r.erase(&r.report.Finished, func() error { return r.Eraser.Finish(ctx, r.assistant, key) })
		if err := r.settle(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// walk examines the conversations of old days: from the bookmark to the end, and
// then those before it.
func (r *run) walk(ctx context.Context) error {
	if !r.DryRun {
		place, err := r.Eraser.Bookmark(ctx, r.assistant)
		if err != nil {
			return fmt.Errorf("finding the place where the last run ended: %w", err)
		}
		r.saved = place
		if _, ok := transcript.ParseDayPlace(r.assistant, place); ok {
			r.place = place
		}
	}
	start := r.place
	if err := r.leg(ctx, ""); err != nil || start == "" {
		return err
	}
	return r.leg(ctx, start)
}

// leg walks from r.place to a place, which is included, or to the end where that
// is empty. At the end the place is the beginning.
func (r *run) leg(ctx context.Context, until string) error {
	for {
		rows, err := r.page(ctx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			// Places of one assistant sort as their text does.
			if until != "" && row.Place > until {
				rows = nil
				break
			}
			if err := r.take(ctx, row); err != nil {
				return err
			}
			r.place = row.Place
		}
		if len(rows) == 0 {
			r.place = ""
			return nil
		}
		if err := r.save(ctx); err != nil {
			return err
		}
	}
}

// page reads the next rows. A day is old once it has ended, while the moment
// before which conversations are erased may lie within one: the day more brings
// that one too, and whatever it brings in vain has a later activity.
func (r *run) page(ctx context.Context) ([]transcript.DayRow, error) {
	if r.pages == 0 {
		return nil, errOver
	}
	r.pages--
	rows, err := r.Eraser.Expired(ctx, r.assistant, r.before.AddDate(0, 0, 1), r.place, min(pageSize, r.MaxConversations))
	if err != nil {
		return nil, fmt.Errorf("looking for old conversations: %w", err)
	}
	return rows, nil
}

// take examines the conversation of a day, if this run has not seen it yet.
func (r *run) take(ctx context.Context, day transcript.DayRow) error {
	if r.seen[day.Key] {
		return nil
	}
	if r.left == 0 {
		return errOver
	}
	r.left--
	r.seen[day.Key] = true
	return r.settle(ctx, r.examine(ctx, day))
}

// examine erases a conversation if its last activity is past the retention. What
// is stored from now on is kept all the same: the store looks again.
func (r *run) examine(ctx context.Context, day transcript.DayRow) error {
	last, err := r.Eraser.LastActivity(ctx, r.assistant, day.Key)
	idle := func() error { return r.Eraser.EraseIdle(ctx, r.assistant, day, r.before) }
	switch {
	case errors.Is(err, transcript.ErrNoConversation):
		// Activities come before the index and go before it: this day is what an
		// erasure has left.
		err = r.erase(&r.report.Finished, idle)
	case err != nil:
		err = fmt.Errorf("asking for a conversation's last activity: %w", err)
	case last.Before(r.before):
		err = r.erase(&r.report.Erased, idle)
	}
	if err == nil {
		r.report.Examined++
	}
	return err
}

// erase erases a conversation and counts it, unless it goes on.
func (r *run) erase(count *int, erase func() error) error {
	if !r.DryRun {
		err := erase()
		if errors.Is(err, transcript.ErrActive) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("erasing a conversation: %w", err)
		}
	}
	*count++
	return nil
}

// settle notes what came of one conversation. It returns an error where there is
// no going on to the next.
func (r *run) settle(ctx context.Context, err error) error {
	switch {
	case err == nil:
		r.inARow = 0
		return nil
	case ctx.Err() != nil:
		return err // of the time, and not of the conversation
	}
	r.report.Failed++
	r.inARow++
	if len(r.failures) < maxTold {
		r.failures = append(r.failures, err)
	}
	if r.inARow >= maxInARow {
		return errStoreAway
	}
	return nil
}

var errStoreAway = errors.New("one conversation after the other failed, so that the others were left for the next run")

// save keeps the place for the next run.
func (r *run) save(ctx context.Context) error {
	if r.DryRun || r.place == r.saved {
		return nil
	}
	if err := r.Eraser.SetBookmark(ctx, r.assistant, r.place); err != nil {
		return fmt.Errorf("keeping the place for the next run: %w", err)
	}
	r.saved = r.place
	return nil
}

// close writes down what the run has done, also where ctx has ended since: what
// was erased must not go unrecorded.
func (r *run) close(ctx context.Context, invocationID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	erased := r.report.Erased + r.report.Finished
	if r.DryRun || erased == 0 {
		return r.save(ctx)
	}
	err := r.Ledger.Append(ctx, audit.Entry{
		Assistant: r.assistant, Action: audit.Purge, Count: erased, At: r.Now(), InvocationID: invocationID,
	})
	if err != nil {
		err = fmt.Errorf("recording that %d conversations were erased: %w", erased, err)
	}
	return errors.Join(err, r.save(ctx))
}
