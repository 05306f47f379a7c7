package tablestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/transcript"
)

// How often the index is tried again when other writers were faster. Each
// conflict means that another writer got through, so that many in a row are
// many writers at the same conversation.
const (
	maxConflicts     = 20
	conflictDelay    = 5 * time.Millisecond
	maxConflictDelay = time.Second
)

// indexUpdate is a row of the index as far as this Put knows it, and what the
// Put has to add.
type indexUpdate struct {
	row  indexRow
	more transcript.DaySummary
	// merged is what the row becomes; only changed ones are written.
	merged  transcript.DaySummary
	changed bool
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
	var days []string
	updates := make(map[string][]*indexUpdate)
	for i := range summaries {
		more := summaries[i]
		// Otherwise no row would ever equal what comes back from the table.
		more.LastActivityAt = edmInstant(more.LastActivityAt)
		update := &indexUpdate{row: s.known.get(more.Key), more: more}
		if update.merge(); !update.changed {
			continue
		}
		day := more.Key.Partition
		if updates[day] == nil {
			days = append(days, day)
		}
		updates[day] = append(updates[day], update)
	}
	var batches [][]*indexUpdate
	for _, day := range days {
		for rest := updates[day]; len(rest) > 0; {
			count := min(len(rest), maxOperations)
			batches = append(batches, rest[:count])
			rest = rest[count:]
		}
	}
	return batches
}

// writeBatch writes rows of one day. Whenever another writer was faster it
// looks at the rows again, and divides them into smaller transactions each
// time, so that in the end a row contends with nobody but its own writers.
func (s *Store) writeBatch(ctx context.Context, batch []*indexUpdate) error {
	most := maxOperations
	for conflicts := 0; ; conflicts++ {
		err := s.writeChanged(ctx, batch, most)
		if !isConflict(err) {
			return err
		}
		if conflicts == maxConflicts {
			return fmt.Errorf("after %d conflicts with other writers: %w", conflicts, err)
		}
		if err := pause(ctx, conflicts); err != nil {
			return err
		}
		most = max(1, most/2)
	}
}

// writeChanged writes the rows of batch that are to change, in transactions of
// at most the given number. After a conflict the rows are as the table has them.
func (s *Store) writeChanged(ctx context.Context, batch []*indexUpdate, most int) error {
	var rest []*indexUpdate
	var operations []operation
	for _, update := range batch {
		if update.changed {
			rest, operations = append(rest, update), append(operations, update.operation(s.index))
		}
	}
	var conflict error
	for len(rest) > 0 {
		count := countFitting(operations, most)
		err := s.writeTransaction(ctx, rest[:count], operations[:count])
		if err != nil && !isConflict(err) {
			return err
		}
		if err != nil {
			conflict = err
		}
		rest, operations = rest[count:], operations[count:]
	}
	return conflict
}

// writeTransaction writes rows in one transaction. After a conflict it has
// looked at the rows from the one on that failed; those before it were as
// expected, since the service checks them in order.
func (s *Store) writeTransaction(ctx context.Context, updates []*indexUpdate, operations []operation) error {
	etags, err := s.index.commit(ctx, operations)
	switch {
	case err == nil:
		s.applied(updates, etags)
		return nil
	case isTooLarge(err) && len(updates) > 1:
		return s.writeHalves(ctx, updates, operations)
	case !isConflict(err):
		return err
	}
	if err := s.look(ctx, updates[failedPosition(err, len(updates)):]); err != nil {
		return err
	}
	return err
}

// writeHalves is for Cosmos DB, which takes less in one transaction than Table
// Storage.
func (s *Store) writeHalves(ctx context.Context, updates []*indexUpdate, operations []operation) error {
	half := len(updates) / 2
	first := s.writeTransaction(ctx, updates[:half], operations[:half])
	if first != nil && !isConflict(first) {
		return first
	}
	second := s.writeTransaction(ctx, updates[half:], operations[half:])
	if second != nil {
		return second
	}
	return first
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

// look takes the rows as they are now, a few at a time: as this Store last wrote
// or read them if that was since, otherwise from the table.
func (s *Store) look(ctx context.Context, updates []*indexUpdate) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.parallelism)
	for _, update := range updates {
		group.Go(func() error { return s.lookAt(ctx, update) })
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
	update.row = row
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
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
