package tablestore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// Rows of table erasures, in the partition of an assistant.
const (
	// journalPrefix begins the row key of an erasure's journal; the
	// conversation's key follows. Keys of conversations hold no point.
	journalPrefix = "c."
	afterJournals = "c/"
	bookmarkRow   = "purge"
)

// UserConversations returns the keys of a user's conversations; see
// [transcript.Eraser].
func (s *Store) UserConversations(ctx context.Context, assistant, userID string) ([]string, error) {
	partition := transcript.UsersPartition(assistant)
	from, to := transcript.UserRange(userID)
	rows := s.users.Range(ctx, tables.Key{Partition: partition, Row: from}, tables.Key{Partition: partition, Row: to}, keyQuery())
	var keys []string
	for row, err := range tables.Decoded(rows, decodeFrom(usersTable, decodeKey)) {
		if err != nil {
			return nil, err
		}
		if key, ok := transcript.ParseUserRow(row.RowKey); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // a row for each day
	return slices.Compact(keys), nil
}

// keyQuery reads nothing but the keys of rows.
func keyQuery() tables.Query {
	return tables.Query{Columns: keyColumns(), Page: pageOfKeys}
}

// Unfinished returns the keys of conversations whose journal is still there; see
// [transcript.Eraser].
func (s *Store) Unfinished(ctx context.Context, assistant string) ([]string, error) {
	partition := transcript.AssistantPart(assistant)
	rows := s.erasures.Range(ctx, tables.Key{Partition: partition, Row: journalPrefix}, tables.Key{Partition: partition, Row: afterJournals}, keyQuery())
	var keys []string
	for row, err := range tables.Decoded(rows, decodeFrom(erasuresTable, decodeKey)) {
		if err != nil {
			return nil, err
		}
		if key := strings.TrimPrefix(row.RowKey, journalPrefix); transcript.ValidKey(key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// Expired returns days that had ended; see [transcript.Eraser].
func (s *Store) Expired(ctx context.Context, assistant string, before time.Time, after string, limit int) ([]transcript.DayRow, error) {
	limit = max(limit, 1)
	from, to, ok := expiredRange(assistant, before, after)
	if !ok {
		return nil, ctx.Err()
	}
	query := keyQuery()
	query.Page = min(limit, pageOfKeys)
	var days []transcript.DayRow
	for row, err := range tables.Decoded(s.index.Range(ctx, from, to, query), decodeFrom(conversationsTable, decodeKey)) {
		if err != nil {
			return nil, err
		}
		key := transcript.Key{Partition: row.PartitionKey, Row: row.RowKey}
		_, day, ok := transcript.ParseDayPartition(key.Partition)
		if !ok {
			return nil, fmt.Errorf("reading table %s: %w", conversationsTable, errRow)
		}
		days = append(days, transcript.DayRow{Key: key.Row, Day: day, Place: transcript.DayPlace(key)})
		if len(days) == limit {
			break
		}
	}
	return days, nil
}

// expiredRange returns the bounds of the rows of days that had ended by a
// moment, after a place.
func expiredRange(assistant string, before time.Time, after string) (from, to tables.Key, ok bool) {
	from.Partition, to.Partition = transcript.DayRange(assistant)
	newest := before.UTC().AddDate(0, 0, -1)
	if newest.Year() < 0 {
		return from, to, false
	}
	if newest.Year() <= 9999 {
		from.Partition = transcript.DayPartition(assistant, newest)
	}
	place, found := transcript.ParseDayPlace(assistant, after)
	if found && place.Partition >= from.Partition {
		// No key begins with a character before the hyphen.
		from = tables.Key{Partition: place.Partition, Row: place.Row + "-"}
	}
	return from, to, true
}

// Bookmark returns what SetBookmark kept; see [transcript.Eraser].
func (s *Store) Bookmark(ctx context.Context, assistant string) (string, error) {
	entity, etag, err := s.erasures.Get(ctx, bookmarkKey(assistant))
	if err != nil {
		return "", fmt.Errorf("reading table %s: %w", erasuresTable, err)
	}
	if etag == "" {
		return "", nil
	}
	var row struct{ Place string }
	if err := json.Unmarshal(entity, &row); err != nil {
		return "", fmt.Errorf("reading table %s: %w", erasuresTable, errRow)
	}
	return row.Place, nil
}

// SetBookmark keeps a place; see [transcript.Eraser].
func (s *Store) SetBookmark(ctx context.Context, assistant, place string) error {
	key := bookmarkKey(assistant)
	if err := s.writeBookmark(ctx, key, place); err != nil {
		return fmt.Errorf("writing table %s: %w", erasuresTable, err)
	}
	return nil
}

func (s *Store) writeBookmark(ctx context.Context, key tables.Key, place string) error {
	if place == "" {
		return s.erasures.Delete(ctx, key, "")
	}
	e := tables.NewEntity(key, len(place))
	e.Text("Place", place)
	_, err := s.erasures.Commit(ctx, []tables.Operation{s.erasures.Upsert(key, e.JSON())})
	return err
}

func bookmarkKey(assistant string) tables.Key {
	return tables.Key{Partition: transcript.AssistantPart(assistant), Row: bookmarkRow}
}
