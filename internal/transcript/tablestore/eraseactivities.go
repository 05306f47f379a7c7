package tablestore

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// eraseActivities removes the activities that lie in the windows of the journal,
// and enters their senders out of table users: a Put that ended between that
// table and the index left nothing else that names them. Activities outside are
// new, and wait for the next journal.
func (e *erasure) eraseActivities(ctx context.Context, days []window) error {
	e.removedUsers = make(map[string]bool)
	var few []senderRow
	for row, err := range e.senders(ctx, days) {
		if err != nil {
			return err
		}
		if few = append(few, row); len(few) == tables.MaxOperations {
			if err := e.removeActivities(ctx, few); err != nil {
				return err
			}
			few = few[:0]
		}
	}
	return e.removeActivities(ctx, few)
}

// senderRow is an activity's row of which only the key and the sender are read.
type senderRow struct {
	RowKey string
	Role   string
	FromID string `json:"FromId"`
}

// senders yields the activities that lie in the windows.
func (e *erasure) senders(ctx context.Context, days []window) iter.Seq2[senderRow, error] {
	partition := transcript.KeyPartition(e.assistant, e.key)
	from, to := tables.Key{Partition: partition}, tables.Key{Partition: partition, Row: "~"}
	if row, ok := rowAt(days[0].From); ok {
		from.Row = row
	}
	if row, ok := rowAt(days[len(days)-1].To.Add(1)); ok {
		to.Row = row
	}
	query := tables.Query{Columns: []string{"RowKey", "Role", "FromId"}, Page: pageOfKeys}
	rows := tables.Decoded(e.store.messages.Range(ctx, from, to, query), decodeFrom(messagesTable, decodeSender))
	return func(yield func(senderRow, error) bool) {
		for row, err := range rows {
			if err == nil && !isWithin(days, row.RowKey) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func decodeSender(entity []byte) (senderRow, error) {
	var row senderRow
	if err := json.Unmarshal(entity, &row); err != nil {
		return senderRow{}, errRow
	}
	return row, nil
}

func isWithin(days []window, messageRow string) bool {
	at, ok := transcript.RowTime(messageRow)
	return ok && slices.ContainsFunc(days, func(day window) bool { return day.contains(at) })
}

func (e *erasure) removeActivities(ctx context.Context, few []senderRow) error {
	rows := make([]string, len(few))
	for i := range few {
		rows[i] = few[i].RowKey
	}
	if err := e.removeSenders(ctx, few); err != nil {
		return err
	}
	return e.store.messages.DeleteAll(ctx, transcript.KeyPartition(e.assistant, e.key), rows)
}

// removeSenders removes users from table users, each once in an erasure.
func (e *erasure) removeSenders(ctx context.Context, few []senderRow) error {
	var rows []string
	for i := range few {
		row := transcript.UserRow(few[i].FromID, e.key)
		if isUser(few[i].Role, few[i].FromID) && !e.removedUsers[row] {
			e.removedUsers[row] = true
			rows = append(rows, row)
		}
	}
	return e.store.users.DeleteAll(ctx, transcript.UsersPartition(e.assistant), rows)
}
