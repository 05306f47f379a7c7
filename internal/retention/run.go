package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

const (
	// pageSize is how many days of conversations are read at once, and how many
	// erasures may go unrecorded where a run is killed.
	pageSize = 100
	// atOnce is how many conversations are examined and erased at the same time:
	// as many as a store has requests under way.
	atOnce = 8
	// maxInARow is after how many failures, none but failures in between, the
	// store is taken to be away. Those under way by then may fail too.
	maxInARow = 5
	// maxTold is how many failures an error tells of.
	maxTold = 3
)

// errOver ends a run that may not examine more.
var errOver = errors.New("the run has done its part")

// run is one run for one assistant.
type run struct {
	Options

	assistant    string
	invocationID string
	before       time.Time       // of this moment and later are activities that are kept
	seen         map[string]bool // keys of the conversations of this run
	// left and pages are how many conversations may still be examined, and pages
	// be read: a page may hold nothing but further days of those already seen.
	left, pages int
	// place is behind the last row that needs no second look; saved is what the
	// store has of it.
	place, saved string
	// recorded is how many of the erased ones the ledger has.
	recorded int

	mutex sync.Mutex // of what follows
	report
}

// report is what came of the conversations so far, of which several are under way
// at once.
type report struct {
	Report

	inARow   int
	failures []error
	// stop is why no other is begun.
	stop error
}

func newRun(options Options, assistant, invocationID string, before time.Time) *run {
	return &run{
		Options: options, assistant: assistant, invocationID: invocationID, before: before,
		seen: map[string]bool{},
		left: options.MaxConversations, pages: options.MaxConversations + 1,
	}
}

// within runs for one of so many equal parts of the time that ctx has left.
func (r *run) within(ctx context.Context, parts int) error {
	part, cancel := share(ctx, parts)
	defer cancel()
	err := r.purge(part)
	if err != nil && part.Err() != nil {
		err = ctx.Err() // what was under way failed for that
	}
	return errors.Join(err, errors.Join(r.failures...), r.close(ctx))
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
	r.Complete = err == nil
	if r.Days == 0 {
		return err
	}
	r.inARow, r.stop = 0, nil
	walked := r.walk(ctx)
	r.Complete = err == nil && walked == nil
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
	for few := range slices.Chunk(keys, pageSize) {
		for _, key := range few {
			r.seen[key] = true
		}
		finish := func(i int) error {
			return r.erase(&r.Finished, func() (bool, error) { return r.Eraser.Finish(ctx, r.assistant, few[i]) })
		}
		if _, err := r.each(ctx, len(few), finish); err != nil {
			return err
		}
		if err := r.record(ctx); err != nil {
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
// is empty. At the end the place is the beginning. After each page what was
// erased is recorded, and only then the place kept: a run that is killed has
// recorded all but its last page.
func (r *run) leg(ctx context.Context, until string) error {
	for {
		rows, err := r.page(ctx)
		if err != nil {
			return err
		}
		// Places of one assistant sort as their text does.
		beyond := slices.IndexFunc(rows, func(row transcript.DayRow) bool { return until != "" && row.Place > until })
		if beyond >= 0 {
			rows = rows[:beyond]
		}
		if err := r.take(ctx, rows); err != nil {
			return err
		}
		if beyond >= 0 || len(rows) == 0 {
			r.place = ""
			return nil
		}
		if err := r.record(ctx); err != nil {
			return err
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

// take examines the conversations of a page that this run has not seen yet, and
// moves the place behind the last row before which none is left.
func (r *run) take(ctx context.Context, rows []transcript.DayRow) error {
	var at []int // the rows that stand for these
	var over error
	for i, row := range rows {
		if r.seen[row.Key] {
			continue
		}
		if r.left == 0 {
			rows, over = rows[:i], errOver
			break
		}
		r.left--
		r.seen[row.Key] = true
		at = append(at, i)
	}
	settled, err := r.each(ctx, len(at), func(i int) error { return r.examine(ctx, rows[at[i]]) })
	if settled < len(at) {
		rows = rows[:at[settled]]
	}
	if len(rows) > 0 {
		r.place = rows[len(rows)-1].Place
	}
	if err != nil {
		return err
	}
	return over
}

// each does something to each of several conversations, a few at the same time,
// and begins no other once there is no going on. It returns how many of them, from
// the first one on, are settled.
func (r *run) each(ctx context.Context, count int, do func(i int) error) (settled int, err error) {
	done := make([]bool, count)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range count {
		group.Go(func() error {
			if !r.isStopped() {
				done[i] = r.settle(ctx, do(i))
			}
			return nil
		})
	}
	_ = group.Wait()
	if settled = slices.Index(done, false); settled < 0 {
		settled = count
	}
	return settled, r.stop
}

func (r *run) isStopped() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.stop != nil
}

// examine erases a conversation if its last activity is past the retention. What
// is stored from now on is kept all the same: the store looks again.
func (r *run) examine(ctx context.Context, day transcript.DayRow) error {
	last, err := r.Eraser.LastActivity(ctx, r.assistant, day.Key)
	idle := func() (done bool, err error) {
		err = r.Eraser.EraseIdle(ctx, r.assistant, day, r.before)
		if errors.Is(err, transcript.ErrActive) {
			return false, nil
		}
		return err == nil, err
	}
	switch {
	case errors.Is(err, transcript.ErrNoConversation):
		// Activities come before the index and go before it: this day is what an
		// erasure has left.
		err = r.erase(&r.Finished, idle)
	case err != nil:
		err = fmt.Errorf("asking for a conversation's last activity: %w", err)
	case last.Before(r.before):
		err = r.erase(&r.Erased, idle)
	}
	if err == nil {
		r.count(&r.Examined)
	}
	return err
}

// erase erases a conversation and counts it, unless it goes on or others have
// erased it.
func (r *run) erase(counter *int, erase func() (done bool, err error)) error {
	if !r.DryRun {
		done, err := erase()
		if err != nil {
			return fmt.Errorf("erasing a conversation: %w", err)
		}
		if !done {
			return nil
		}
	}
	r.count(counter)
	return nil
}

func (r *run) count(counter *int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	*counter++
}

// settle notes what came of one conversation. It reports whether that is all that
// this run does for it; otherwise the run stops.
func (r *run) settle(ctx context.Context, err error) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case err == nil:
		r.inARow = 0
		return true
	case ctx.Err() != nil:
		r.stop = err // of the time, and not of the conversation
		return false
	}
	r.Failed++
	r.inARow++
	if len(r.failures) < maxTold {
		r.failures = append(r.failures, err)
	}
	if r.inARow >= maxInARow {
		r.stop = errStoreAway
	}
	return true
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

// record adds to the ledger what was erased since it last did.
func (r *run) record(ctx context.Context) error {
	erased := r.Erased + r.Finished - r.recorded
	if r.DryRun || erased == 0 {
		return nil
	}
	err := r.Ledger.Append(ctx, audit.Entry{
		Assistant: r.assistant, Action: audit.Purge, Count: erased, At: r.Now(), InvocationID: r.invocationID,
	})
	if err != nil {
		return fmt.Errorf("recording that %d conversations were erased: %w", erased, err)
	}
	r.recorded += erased
	return nil
}

// close writes down what the run has done, also where ctx has ended since: what
// was erased must not go unrecorded.
func (r *run) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	if err := r.record(ctx); err != nil {
		return err
	}
	return r.save(ctx)
}
