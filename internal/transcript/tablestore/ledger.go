package tablestore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/tables"
)

// pageOfEntries is how many entries of the audit a query asks for at most.
const pageOfEntries = 500

// ledger is the [audit.Ledger] in table audit.
type ledger struct {
	table *tables.Table
}

// Append adds an entry; see [audit.Ledger].
func (l ledger) Append(ctx context.Context, entry audit.Entry) error {
	if err := entry.Check(); err != nil {
		return err
	}
	key := tables.Key(audit.NewKey(&entry))
	// An upsert, because a retry may find what it added before. Nobody else has
	// this key.
	_, err := l.table.Commit(ctx, []tables.Operation{l.table.Upsert(key, encodeEntry(key, &entry))})
	if err != nil {
		return fmt.Errorf("adding to table %s: %w", auditTable, err)
	}
	return nil
}

// Page returns entries, newest first; see [audit.Ledger].
func (l ledger) Page(ctx context.Context, assistant, after string, limit int) (audit.Page, error) {
	from, to, err := audit.Range(assistant, after)
	if err != nil {
		return audit.Page{}, err
	}
	rows := l.table.Range(ctx, tables.Key(from), tables.Key(to), tables.Query{Page: min(max(limit, 1)+1, pageOfEntries)})
	var page audit.Page
	last := ""
	for row, err := range tables.Decoded(rows, decodeFrom(auditTable, decodeEntry)) {
		if err != nil {
			return audit.Page{}, err
		}
		if len(page.Entries) >= max(limit, 1) {
			page.Next = last
			break
		}
		page.Entries, last = append(page.Entries, row.entry(assistant)), row.RowKey
	}
	return page, nil
}

func encodeEntry(key tables.Key, entry *audit.Entry) []byte {
	e := tables.NewEntity(key, len(entry.UserID))
	e.Text("TenantId", entry.TenantID)
	e.Text("ObjectId", entry.ObjectID)
	e.Text("Action", string(entry.Action))
	e.Text(keyColumn, entry.ConversationKey)
	e.Text("UserId", entry.UserID)
	e.Number("Count", entry.Count)
	e.Instant("At", entry.At)
	e.Text("InvocationId", entry.InvocationID)
	return e.JSON()
}

// entryRow is a row of table audit as the service gives it back.
type entryRow struct {
	RowKey          string
	TenantID        string `json:"TenantId"`
	ObjectID        string `json:"ObjectId"`
	Action          audit.Action
	ConversationKey string
	UserID          string `json:"UserId"`
	Count           int
	At              time.Time
	InvocationID    string `json:"InvocationId"`
}

func decodeEntry(entity []byte) (entryRow, error) {
	var row entryRow
	if err := json.Unmarshal(entity, &row); err != nil {
		return entryRow{}, errRow
	}
	return row, nil
}

// entry returns the entry; the assistant stands in the key only.
func (r *entryRow) entry(assistant string) audit.Entry {
	return audit.Entry{
		Assistant:       assistant,
		TenantID:        r.TenantID,
		ObjectID:        r.ObjectID,
		Action:          r.Action,
		ConversationKey: r.ConversationKey,
		UserID:          r.UserID,
		Count:           r.Count,
		At:              r.At,
		InvocationID:    r.InvocationID,
	}
}
