package filestore

import (
	"context"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"chatgate/internal/audit"
	"chatgate/internal/localfile"
)

// ledger is the [audit.Ledger] in the file.
type ledger struct {
	store *Store
}

// Ledger returns the ledger in the same file.
func (s *Store) Ledger() audit.Ledger { return ledger{store: s} }

// auditRow is an entry as it is stored, with its row key.
type auditRow struct {
	Row   string
	Entry audit.Entry
}

// Append implements [audit.Ledger].
func (l ledger) Append(ctx context.Context, entry audit.Entry) error {
	if err := entry.Check(); err != nil {
		return err
	}
	key := audit.NewKey(&entry)
	row, err := json.Marshal(auditRow{Row: key.Row, Entry: entry})
	if err != nil {
		return fmt.Errorf("encoding an audit entry: %w", err)
	}
	return l.store.file.Update(ctx, func(tx *bbolt.Tx) error {
		table, err := tx.CreateBucketIfNotExists([]byte(auditing))
		if err != nil {
			return err
		}
		return table.Put(bucketKey(key), row)
	})
}

// Page implements [audit.Ledger].
func (l ledger) Page(ctx context.Context, assistant, after string, limit int) (audit.Page, error) {
	from, to, err := audit.Range(assistant, after)
	if err != nil {
		return audit.Page{}, err
	}
	var page audit.Page
	last := ""
	for row, err := range localfile.Rows(ctx, l.store.file, auditing, string(bucketKey(from)), string(bucketKey(to)), decodeAuditRow) {
		if err != nil {
			return audit.Page{}, err
		}
		if len(page.Entries) > 0 && len(page.Entries) >= limit {
			page.Next = last
			break
		}
		page.Entries, last = append(page.Entries, row.Entry), row.Row
	}
	return page, nil
}

func decodeAuditRow(row []byte) (auditRow, error) {
	var decoded auditRow
	if err := json.Unmarshal(row, &decoded); err != nil {
		return auditRow{}, fmt.Errorf("reading an audit entry: %w", err)
	}
	return decoded, nil
}
