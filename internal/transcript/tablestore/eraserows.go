package tablestore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// eraseRows removes what the other tables say of days without activities: those
// of the journal, and those that table users names, where a Put that did not
// come to its end may have left rows. It returns which activities there are; left
// is what there was before.
//
// Rows are looked at first, activities then, and rows removed only if they still
// are as they were. A Put writes all rows of a day after its activity: what it
// writes for an activity that was not there yet is thus not removed, and no
// activity that stays loses a row. A Put whose activity is gone by then stores
// it again with all of its rows, whatever others have written meanwhile.
func (e *erasure) eraseRows(ctx context.Context, left survey) (survey, error) {
	var found []*dayRows
	for conflicts := 1; ; conflicts++ {
		var err error
		found, err = e.look(ctx, &left, found)
		if err != nil || len(found) == 0 && e.journal.etag == "" {
			return left, err
		}
		if left, err = e.survey(ctx, found); err != nil {
			return left, err
		}
		err = e.remove(ctx, found, &left)
		if !tables.IsConflict(err) && !errors.Is(err, errAppeared) || conflicts == maxConflicts {
			return left, err
		}
		if err := pause(ctx, conflicts); err != nil {
			return left, err
		}
	}
}

// errAppeared is a conflict with a Put that nothing else tells of.
var errAppeared = errors.New("a row of the index came while the users of its day were removed")

// dayRows are the rows of a conversation and day, as they were seen.
type dayRows struct {
	// window is where the rows of table recent lie, if that is known.
	window window
	// partition is that of the day in the tables conversations and recent, and
	// etag that of the row of table conversations, empty where there is none.
	partition string
	etag      azcore.ETag
	recent    []*recentFound
	presences []presenceFound
}

// recentFound is a row of table recent.
type recentFound struct {
	row  string
	etag azcore.ETag
	at   time.Time
	// isCurrent is whether there is an activity of its moment.
	isCurrent bool
}

// presenceFound is a pair of rows of table users, which are written together.
type presenceFound struct {
	transcript.Presence

	etag azcore.ETag // of the row by conversation
}

// look finds the rows of days that may have lost their activities. What else
// was active before is left alone. Days at which it looked before are among them:
// what led there may be removed by now.
func (e *erasure) look(ctx context.Context, before *survey, again []*dayRows) ([]*dayRows, error) {
	days := make(map[string]*dayRows)
	at := func(partition string) *dayRows {
		if days[partition] == nil {
			days[partition] = &dayRows{partition: partition}
		}
		return days[partition]
	}
	for _, day := range e.journal.days {
		at(transcript.DayPartition(e.assistant, day.From)).window = day
	}
	for _, day := range again {
		at(day.partition)
	}
	presences, err := e.presences(ctx)
	if err != nil {
		return nil, err
	}
	for _, found := range presences {
		partition := found.DayKey(e.assistant).Partition
		if days[partition] != nil || !before.active[partition] {
			day := at(partition)
			day.presences = append(day.presences, found)
		}
	}
	if e.day != "" && !before.active[e.day] {
		at(e.day)
	}
	return e.lookAt(ctx, days)
}

// presences returns who took part in the conversation, and when.
func (e *erasure) presences(ctx context.Context) ([]presenceFound, error) {
	first, last := transcript.PresenceRange(e.key)
	partition := transcript.UsersPartition(e.assistant)
	rows := e.store.users.Range(ctx, tables.Key{Partition: partition, Row: first}, tables.Key{Partition: partition, Row: last}, tables.Query{Page: pageOfKeys})
	var found []presenceFound
	for row, err := range tables.Decoded(rows, decodeFrom(usersTable, decodeSeen)) {
		if err != nil {
			return nil, err
		}
		presence, ok := transcript.ParsePresence(row.RowKey)
		if !ok {
			return nil, errRow
		}
		found = append(found, presenceFound{Presence: presence, etag: row.ETag})
	}
	return found, nil
}

// seenRow is a row of which the key and the ETag are read.
type seenRow struct {
	RowKey string
	ETag   azcore.ETag `json:"odata.etag"`
}

// decodeSeen fails where the service does not tell the ETag: without it a row
// would be removed whatever became of it.
func decodeSeen(entity []byte) (seenRow, error) {
	var row seenRow
	if err := json.Unmarshal(entity, &row); err != nil || row.ETag == "" {
		return seenRow{}, errRow
	}
	return row, nil
}

// lookAt finds the rows of these days, several at a time.
func (e *erasure) lookAt(ctx context.Context, days map[string]*dayRows) ([]*dayRows, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.store.parallelism)
	found := make([]*dayRows, 0, len(days))
	for _, day := range days {
		found = append(found, day)
		group.Go(func() error { return e.lookAtDay(ctx, day) })
	}
	return found, group.Wait()
}

func (e *erasure) lookAtDay(ctx context.Context, day *dayRows) error {
	row, err := e.store.readRow(ctx, e.assistant, transcript.Key{Partition: day.partition, Row: e.key})
	if err != nil {
		return err
	}
	day.etag = row.etag
	from, to := tables.Key{Partition: day.partition}, tables.Key{Partition: day.partition, Row: "~"}
	if !day.window.From.IsZero() {
		if row.etag != "" {
			day.window.widen(lastTime(&row.summary))
		}
		from.Row, to.Row = transcript.RecentRow(day.window.To, e.key), transcript.RecentRow(day.window.From, e.key)+"-"
	}
	query := tables.Query{Filter: keyColumn + " eq " + tables.Quote(e.key), Page: pageOfKeys}
	for row, err := range tables.Decoded(e.store.recent.Range(ctx, from, to, query), decodeFrom(recentTable, decodeSeen)) {
		if err != nil {
			return err
		}
		at, _, ok := transcript.ParseRecentRow(row.RowKey)
		if !ok {
			return errRow
		}
		day.recent = append(day.recent, &recentFound{row: row.RowKey, etag: row.ETag, at: at})
	}
	return nil
}

// remove removes the rows of days that have no activities, and of the other days
// rows of table recent that stand for none.
func (e *erasure) remove(ctx context.Context, found []*dayRows, left *survey) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.store.parallelism)
	for _, day := range found {
		group.Go(func() error { return e.removeDay(ctx, day, left.active[day.partition]) })
	}
	return group.Wait()
}

// removeDay removes the row of the index first: a Put that relies on it begins
// again then, and enters its users and its row of table recent anew. Where there
// was no row, a Put that had entered its users may make one before these are
// removed. Nothing would lead to that row any more if the Put ended there.
func (e *erasure) removeDay(ctx context.Context, day *dayRows, isActive bool) error {
	if !isActive && day.etag != "" {
		if err := e.store.index.Delete(ctx, tables.Key{Partition: day.partition, Row: e.key}, day.etag); err != nil {
			return err
		}
	}
	var stale []tables.Operation
	for _, row := range day.recent {
		if !row.isCurrent {
			stale = append(stale, e.store.recent.Remove(tables.Key{Partition: day.partition, Row: row.row}, row.etag))
		}
	}
	if err := e.store.recent.CommitAll(ctx, stale); err != nil || isActive {
		return err
	}
	if err := e.removePresences(ctx, day.presences); err != nil || day.etag != "" || len(day.presences) == 0 {
		return err
	}
	row, err := e.store.readRow(ctx, e.assistant, transcript.Key{Partition: day.partition, Row: e.key})
	if err == nil && row.etag != "" {
		err = errAppeared
	}
	return err
}

// removePresences removes pairs of rows of table users, in transactions that do
// not part them.
func (e *erasure) removePresences(ctx context.Context, presences []presenceFound) error {
	const together = tables.MaxOperations / 2
	for few := range slices.Chunk(presences, together) {
		var pairs []tables.Operation
		var second []bool // of a pair
		remove := func(row string, etag azcore.ETag) {
			key := tables.Key{Partition: transcript.UsersPartition(e.assistant), Row: row}
			pairs, second = append(pairs, e.store.users.Remove(key, etag)), append(second, etag == "")
		}
		for _, presence := range few {
			remove(presence.RowByConversation(), presence.etag)
			if presence.User != "" {
				remove(presence.RowByUser(), "")
			}
		}
		if err := e.removePairs(ctx, pairs, second); err != nil {
			return err
		}
	}
	return nil
}

// removePairs removes what is there of pairs: of one that a transaction had to
// part, the second row may be missing.
func (e *erasure) removePairs(ctx context.Context, pairs []tables.Operation, second []bool) error {
	for {
		_, err := e.store.users.Commit(ctx, pairs)
		failed := tables.FailedOperation(err, len(pairs))
		if !tables.IsConflict(err) || !second[failed] {
			return err
		}
		pairs, second = slices.Delete(pairs, failed, failed+1), slices.Delete(second, failed, failed+1)
	}
}
