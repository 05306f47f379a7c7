package tablestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/transcript"
)

// What happens when other writers were faster. Each conflict means that another
// writer got through, so that many in a row are many writers at the same
// conversation.
const (
	maxConflicts     = 20
	conflictDelay    = 5 * time.Millisecond
	maxConflictDelay = 250 * time.Millisecond
	// carefulRows is how many rows are read and written again together. The
	// longer reading takes, the more of them have changed again by then.
	carefulRows = 8
	// conflictsTogether is after how many conflicts each row goes alone.
	conflictsTogether = 3
)

// indexUpdate is a row of the index as far as this Put knows it, and what the
// Put has to add.
type indexUpdate struct {
	row  indexRow
	more transcript.DaySummary
	// merged is what the row becomes; only changed ones are written.
	merged  transcript.DaySummary
	changed bool
	// doubtful is whether the row may have changed since it was seen.
	doubtful bool
}

func (u *indexUpdate) merge() {
	u.merged, u.changed = u.row.summary.Merge(u.more)
}

// operation writes merged over the row that was seen, and over no other.
func (u *indexUpdate) operation(index *table) operation {
	entity := encodeSummary(&u.merged)
	if u.row.etag == "" {
		return index.newOperation(aztables.TransactionTypeAdd, u.more.Key, entity)
	}
	write := index.newOperation(aztables.TransactionTypeUpdateReplace, u.more.Key, entity)
	write.action.IfMatch = to.Ptr(u.row.etag)
	return write
}

// writeIndex merges summaries into the rows of table conversations, several
// transactions at a time.
func (s *Store) writeIndex(ctx context.Context, summaries []transcript.DaySummary) error {
	batches := s.planIndex(summaries)
	failures := make([]error, len(batches))
	group := s.newGroup()
	for i, batch := range batches {
		group.Go(func() error {
			failures[i] = s.writeBatch(ctx, batch)
			return nil
		})
	}
	_ = group.Wait()
	return summarizeFailures("bringing the index of conversations up to date", failures)
}

// planIndex returns the rows that need writing, in batches of one day each.
func (s *Store) planIndex(summaries []transcript.DaySummary) [][]*indexUpdate {
	var batches [][]*indexUpdate
	latest := make(map[string]int) // the day's batch that is being filled
	for i := range summaries {
		more := summaries[i]
		// Otherwise no row would ever equal what comes back from the table.
		more.LastActivityAt = edmInstant(more.LastActivityAt)
		update := &indexUpdate{row: s.known.get(more.Key), more: more}
		if update.merge(); !update.changed {
			continue
		}
		day := more.Key.Partition
		place, begun := latest[day]
		if !begun || len(batches[place]) == maxOperations {
			place = len(batches)
			batches, latest[day] = append(batches, nil), place
		}
		batches[place] = append(batches[place], update)
	}
	return batches
}

// writeBatch writes rows of one day, first all at once, on the assumption that
// nobody else has changed them. Where that is wrong it reads them and writes
// again, a few at a time.
func (s *Store) writeBatch(ctx context.Context, batch []*indexUpdate) error {
	err := s.write(ctx, batch)
	if !isConflict(err) {
		return err
	}
	var failures []error
	var mutex sync.Mutex
	group := s.newGroup()
	for few := range slices.Chunk(changedRows(batch), carefulRows) {
		group.Go(func() error {
			err := s.settle(ctx, few)
			mutex.Lock()
			defer mutex.Unlock()
			failures = append(failures, err)
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(failures...)
}

// settle reads rows that are in doubt and writes, again and again until no other
// writer has come in between.
func (s *Store) settle(ctx context.Context, few []*indexUpdate) error {
	for conflicts := 1; ; conflicts++ {
		if err := s.look(ctx, few); err != nil {
			return err
		}
		err := s.write(ctx, few)
		switch {
		case !isConflict(err):
			return err
		case conflicts == maxConflicts:
			return fmt.Errorf("after %d conflicts with other writers: %w", conflicts, err)
		case conflicts == conflictsTogether && len(few) > 1:
			return s.settleEach(ctx, few)
		}
		if err := pause(ctx, conflicts); err != nil {
			return err
		}
	}
}

func (s *Store) settleEach(ctx context.Context, few []*indexUpdate) error {
	var failures []error
	for each := range slices.Chunk(few, 1) {
		failures = append(failures, s.settle(ctx, each))
	}
	return errors.Join(failures...)
}

// write writes the rows that are to change, in as few transactions as its limits
// allow, and stops at the first that fails. After a conflict the rows from the
// one that failed are in doubt; those before it were as expected, since the
// service checks them in order.
func (s *Store) write(ctx context.Context, updates []*indexUpdate) error {
	rest := changedRows(updates)
	operations := make([]operation, len(rest))
	for i, update := range rest {
		operations[i] = update.operation(s.index)
	}
	most := maxOperations
	for len(rest) > 0 {
		count := countFitting(operations, most)
		etags, err := s.index.commit(ctx, operations[:count])
		switch {
		case isTooLarge(err) && count > 1: // Cosmos DB takes less than Table Storage
			most = count / 2
			continue
		case isConflict(err):
			doubt(rest[failedPosition(err, count):count])
			return err
		case err != nil:
			return err
		}
		s.applied(rest[:count], etags)
		rest, operations = rest[count:], operations[count:]
	}
	return nil
}

func changedRows(updates []*indexUpdate) []*indexUpdate {
	var changed []*indexUpdate
	for _, update := range updates {
		if update.changed {
			changed = append(changed, update)
		}
	}
	return changed
}

func doubt(updates []*indexUpdate) {
	for _, update := range updates {
		update.doubtful = true
	}
}

// applied notes that the rows were written. Without ETags they are forgotten.
func (s *Store) applied(updates []*indexUpdate, etags []azcore.ETag) {
	for i, update := range updates {
		row := indexRow{summary: update.merged}
		if etags != nil {
			row.etag = etags[i]
		}
		s.known.set(update.more.Key, row)
		update.changed = false
	}
}

// look takes the rows that are in doubt as they are now: as this Store last
// wrote or read them if that was since, otherwise from the table.
func (s *Store) look(ctx context.Context, updates []*indexUpdate) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, update := range updates {
		if update.doubtful {
			group.Go(func() error { return s.lookAt(ctx, update) })
		}
	}
	return group.Wait()
}

func (s *Store) lookAt(ctx context.Context, update *indexUpdate) error {
	key := update.more.Key
	row := s.known.get(key)
	if row.etag == "" || row.etag == update.row.etag {
		var err error
		if row, err = s.readRow(ctx, update.more.Assistant, key); err != nil {
			return err
		}
		s.known.set(key, row)
	}
	update.row, update.doubtful = row, false
	update.merge()
	return nil
}

func (s *Store) readRow(ctx context.Context, assistant string, key transcript.Key) (indexRow, error) {
	entity, etag, err := s.index.get(ctx, key)
	if err != nil || etag == "" {
		return indexRow{}, err
	}
	summary, err := decodeSummary(assistant, entity)
	return indexRow{summary: summary, etag: etag}, err
}

// failedPosition is the place of the operation that failed, or the first place
// where the service did not tell.
func failedPosition(err error, count int) int {
	var answer *Error
	if !errors.As(err, &answer) || answer.position >= count {
		return 0
	}
	return max(0, answer.position)
}

// pause waits longer after each conflict, and not as long as other writers do.
func pause(ctx context.Context, conflicts int) error {
	longest := min(maxConflictDelay, conflictDelay<<min(conflicts, 10))
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // a length of time is no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
