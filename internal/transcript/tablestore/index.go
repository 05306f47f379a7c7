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
	"golang.org/x/sync/errgroup"

	"chatgate/internal/tables"
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

// writeIndex writes rows of table conversations, and those that are kept around
// them, several transactions at a time. It returns the partitions of table
// messages whose activities were erased meanwhile.
//
// A row is written also where nothing changes: that it still has the ETag which
// the Store remembers says that no erasure came in between.
func (s *Store) writeIndex(ctx context.Context, batches [][]*indexUpdate) (map[string]bool, error) {
	failures := make([]error, len(batches))
	group := s.newGroup()
	for i, batch := range batches {
		group.Go(func() error {
			failures[i] = s.writeBatch(ctx, batch)
			return nil
		})
	}
	_ = group.Wait()
	return erasedIn(batches), summarizeFailures("bringing the index of conversations up to date", failures)
}

// planIndex returns the rows into which summaries are to be merged, in batches of
// one day each. etags are those of the activities as they were stored, by
// partition and row, and before is when the first had not been stored yet.
func (s *Store) planIndex(summaries []transcript.DaySummary, etags map[string]map[string]azcore.ETag, before uint64) [][]*indexUpdate {
	var batches [][]*indexUpdate
	latest := make(map[string]int) // the day's batch that is being filled
	for i := range summaries {
		update := newIndexUpdate(summaries[i], s.known.get(summaries[i].Key), before)
		update.stored = etags[update.partition()][update.more.LastKey]
		day := update.more.Key.Partition
		place, begun := latest[day]
		if !begun || len(batches[place]) == tables.MaxOperations {
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
	lost, err := s.write(ctx, batch)
	if lost {
		err = s.settleAll(ctx, unwritten(batch))
	}
	return errors.Join(err, s.removeObsolete(ctx, batch), s.confirm(ctx, batch))
}

func (s *Store) settleAll(ctx context.Context, updates []*indexUpdate) error {
	var failures []error
	var mutex sync.Mutex
	group := s.newGroup()
	for few := range slices.Chunk(updates, carefulRows) {
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
		lost, err := s.write(ctx, few)
		switch {
		case !lost:
			return err
		case conflicts == maxConflicts:
			return fmt.Errorf("after %d conflicts with other writers: %w", conflicts, err)
		case conflicts == conflictsTogether && len(few) > 1:
			return s.settleEach(ctx, unwritten(few))
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
	if update.isThere(row) {
		update.row, update.unsure, update.isWritten = row, true, true
		return nil
	}
	update.take(row)
	update.isSeen = true
	return nil
}

func (s *Store) readRow(ctx context.Context, assistant string, key transcript.Key) (indexRow, error) {
	entity, etag, err := s.index.Get(ctx, tables.Key(key))
	if err != nil || etag == "" {
		return indexRow{}, err
	}
	summary, err := decodeSummary(assistant, entity)
	return indexRow{summary: summary, etag: etag}, err
}

// confirm looks whether the activities are still there that rows were written
// for which might have been erased in between. Only then the Store remembers
// such a row as its own, and its users as entered: the next Put relies on that.
// A row that was merely read is remembered without users.
func (s *Store) confirm(ctx context.Context, updates []*indexUpdate) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.parallelism)
	for _, update := range updates {
		if update.isWritten && update.unsure {
			group.Go(func() error { return s.confirmOne(ctx, update) })
		}
	}
	return group.Wait()
}

func (s *Store) confirmOne(ctx context.Context, update *indexUpdate) error {
	_, etag, err := s.messages.Get(ctx, tables.Key{Partition: update.partition(), Row: update.more.LastKey})
	if err != nil {
		return fmt.Errorf("looking for an activity that was stored: %w", err)
	}
	if update.isErased = etag == ""; update.isErased {
		return nil
	}
	if etag != update.stored {
		// It may have been erased, and its users after this Put entered them, and be
		// there again because somebody else has stored it too.
		update.row.entered = nil
	}
	s.known.set(update.more.Key, update.row)
	return nil
}

// erasedIn returns the partitions of table messages in which activities were
// erased.
func erasedIn(batches [][]*indexUpdate) map[string]bool {
	erased := make(map[string]bool)
	for _, update := range slices.Concat(batches...) {
		if update.isErased {
			erased[update.partition()] = true
		}
	}
	return erased
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
