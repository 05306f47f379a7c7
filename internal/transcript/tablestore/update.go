package tablestore

import (
	"bytes"
	"context"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// indexUpdate is a row of the index as far as this Put knows it, what the Put
// has to add, and what became of it.
type indexUpdate struct {
	row  indexRow
	more transcript.DaySummary
	// stored is the ETag that the last activity in more got, or empty where the
	// service did not tell.
	stored azcore.ETag
	// merged is what the row becomes.
	merged transcript.DaySummary
	// unsure is whether the row may have been made after an erasure of the
	// activities in more: it was not remembered from before they were stored.
	unsure bool
	// isSeen is whether the row was read since the activities were stored.
	isSeen bool
	// doubtful is whether the row may have changed since it was seen.
	doubtful bool
	// obsolete are the rows of table recent that the current one will replace:
	// those of the rows that were seen, and those that lost against another
	// writer. They go once the row is written.
	obsolete []string

	isWritten, isErased bool
}

func newIndexUpdate(more transcript.DaySummary, known indexRow, before uint64) *indexUpdate {
	// Otherwise no row would ever equal what comes back from the table.
	more.LastActivityAt = tables.Instant(more.LastActivityAt)
	update := &indexUpdate{more: more}
	update.take(known)
	update.unsure = known.etag == "" || known.noted > before
	return update
}

// take takes row for what is in the table.
func (u *indexUpdate) take(row indexRow) {
	u.row, u.doubtful, u.unsure = row, false, true
	u.merged, _ = row.summary.Merge(u.more)
	u.merged.Everyone = nil // of this Put's activities, and not of the row
	if row.etag != "" {
		u.obsolete = append(u.obsolete, recentRow(&row.summary))
	}
}

// partition is that of the conversation in table messages.
func (u *indexUpdate) partition() string {
	return transcript.KeyPartition(u.more.Assistant, u.more.Key.Row)
}

// isThere reports whether row is what was to be written: the answer to the write
// was lost, or another writer had the same to write. It does not count before
// this Put has seen the row once and tried to write it: what was there before
// the activities were stored may be removed by an erasure that did not see them.
func (u *indexUpdate) isThere(row indexRow) bool {
	return u.isSeen && row.etag != "" && row.etag != u.row.etag && bytes.Equal(encodeSummary(&row.summary), encodeSummary(&u.merged))
}

// operation writes merged over the row that was seen, and over no other.
func (u *indexUpdate) operation(index *tables.Table) tables.Operation {
	key, entity := tables.Key(u.more.Key), encodeSummary(&u.merged)
	if u.row.etag == "" {
		return index.Insert(key, entity)
	}
	return index.Replace(key, entity, u.row.etag)
}

// newPresences are those that table users may lack: all but of users whom this
// Store entered for the row that was seen. That the row names a user does not
// count. It may be of a writer who entered them before an erasure looked, and
// wrote the row after that, so that the erasure removed them and not the row.
// There is one in any case, of nobody if need be, since it is by these that an
// erasure finds the days of a conversation.
func (u *indexUpdate) newPresences() []transcript.Presence {
	return slices.DeleteFunc(u.more.Presences(), func(p transcript.Presence) bool { return u.row.hasEntered(p.User) })
}

// write writes rows of one day that are not written yet, after what comes before
// them, in as few transactions as their limits allow. It stops at the first that
// fails. It reports lost where another writer was faster.
//
// Also a row that another writer has left as it shall be is written: so the
// other's next write, which may be under way, comes after this one's row of
// table recent, or has to begin again. And an erasure that did not see the
// activities leaves a row that was written since.
func (s *Store) write(ctx context.Context, updates []*indexUpdate) (lost bool, err error) {
	updates = unwritten(updates)
	if err := s.enterUsers(ctx, updates); err != nil {
		return false, err
	}
	if err := s.enterRecent(ctx, updates); err != nil {
		return false, err
	}
	return s.writeDays(ctx, updates)
}

// enterUsers says of the users in which conversations they take part, and of the
// conversations who takes part in them and when. Both rows of a pair go in one
// transaction, unless it would be too large for the service.
func (s *Store) enterUsers(ctx context.Context, updates []*indexUpdate) error {
	var operations []tables.Operation
	for _, update := range updates {
		partition := transcript.UsersPartition(update.more.Assistant)
		for _, presence := range update.newPresences() {
			operations = append(operations, s.present(partition, presence.RowByConversation()))
			if presence.User != "" {
				operations = append(operations, s.present(partition, presence.RowByUser()))
			}
		}
	}
	return s.users.CommitAll(ctx, operations)
}

// present is the writing of a row of table users, which says all in its key.
func (s *Store) present(partition, row string) tables.Operation {
	key := tables.Key{Partition: partition, Row: row}
	return s.users.Upsert(key, tables.NewEntity(key, 0).JSON())
}

// enterRecent puts the rows into the order of time, also those that do not
// change it: another writer may have put other content at the same place.
func (s *Store) enterRecent(ctx context.Context, updates []*indexUpdate) error {
	operations := make([]tables.Operation, len(updates))
	for i, update := range updates {
		key := tables.Key{Partition: update.more.Key.Partition, Row: recentRow(&update.merged)}
		operations[i] = s.recent.Upsert(key, encodeRecent(&update.merged))
		update.obsolete = append(update.obsolete, key.Row)
	}
	return s.recent.CommitAll(ctx, operations)
}

// writeDays writes the rows themselves. After a conflict those from the one that
// failed are in doubt; the rows before it were as expected.
func (s *Store) writeDays(ctx context.Context, rest []*indexUpdate) (lost bool, err error) {
	operations := make([]tables.Operation, len(rest))
	for i, update := range rest {
		operations[i] = update.operation(s.index)
	}
	most := tables.MaxOperations
	for len(rest) > 0 {
		count := tables.CountFitting(operations, most)
		etags, err := s.index.Commit(ctx, operations[:count])
		switch {
		case tables.IsTooLarge(err) && count > 1: // Cosmos DB takes less than Table Storage
			most = count / 2
			continue
		case tables.IsConflict(err):
			for _, update := range rest[tables.FailedOperation(err, count):count] {
				update.doubtful = true
			}
			return true, err
		case err != nil:
			return false, err
		}
		s.applied(rest[:count], etags)
		rest, operations = rest[count:], operations[count:]
	}
	return false, nil
}

// applied notes that the rows were written. Without ETags they are forgotten.
func (s *Store) applied(updates []*indexUpdate, etags []azcore.ETag) {
	for i, update := range updates {
		update.isWritten = true
		update.row = indexRow{summary: update.merged, entered: update.row.enteredWith(update.newPresences())}
		if etags != nil {
			update.row.etag = etags[i]
		}
		remembered := update.row
		if update.unsure {
			remembered = indexRow{} // until confirmed
		}
		s.known.set(update.more.Key, remembered)
	}
}

// removeObsolete removes the rows of table recent in whose place those of
// written rows are.
func (s *Store) removeObsolete(ctx context.Context, updates []*indexUpdate) error {
	var rows []string
	for _, update := range updates {
		if !update.isWritten {
			continue
		}
		current := recentRow(&update.merged)
		slices.Sort(update.obsolete)
		for _, row := range slices.Compact(update.obsolete) {
			if row != current {
				rows = append(rows, row)
			}
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return s.recent.DeleteAll(ctx, updates[0].more.Key.Partition, rows)
}

func unwritten(updates []*indexUpdate) []*indexUpdate {
	var rest []*indexUpdate
	for _, update := range updates {
		if !update.isWritten {
			rest = append(rest, update)
		}
	}
	return rest
}
