package tablestore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// How many rows a query asks for at a time. The service would give 1,000, which
// is right for keys alone; at 1 MiB each it is too much to hold.
const (
	pageOfActivities    = tables.FullRows
	pageOfConversations = 250
	pageOfKeys          = 1000
)

// Activities yields a conversation's records; see [transcript.Contents]. They lack
// User and Compressed, which only writing needs.
func (s *Store) Activities(ctx context.Context, assistant, conversationID string) iter.Seq2[transcript.Record, error] {
	filter := "PartitionKey eq " + tables.Quote(transcript.ConversationPartition(assistant, conversationID))
	rows := s.messages.Query(ctx, tables.Query{Filter: filter, Page: pageOfActivities})
	return tables.Decoded(rows, decodeFrom(messagesTable, decodeRecord))
}

// Conversations yields an assistant's rows of the index; see
// [transcript.Contents].
func (s *Store) Conversations(ctx context.Context, assistant string) iter.Seq2[transcript.Conversation, error] {
	from, to := transcript.DayRange(assistant)
	rows := s.index.Range(ctx, tables.Key{Partition: from}, tables.Key{Partition: to}, tables.Query{Page: pageOfConversations})
	return tables.Decoded(rows, decodeFrom(conversationsTable, func(entity []byte) (transcript.Conversation, error) {
		summary, err := decodeSummary(assistant, entity)
		return summary.Conversation, err
	}))
}

// decodeFrom says in the error of decode in which table the row is.
func decodeFrom[T any](table string, decode func([]byte) (T, error)) func([]byte) (T, error) {
	return func(entity []byte) (T, error) {
		row, err := decode(entity)
		if err != nil {
			err = fmt.Errorf("reading table %s: %w", table, err)
		}
		return row, err
	}
}

// Conversation returns what the index has of a conversation's newest day; see
// [transcript.Archive]. Where it does not have that day yet, the newest activity
// tells.
func (s *Store) Conversation(ctx context.Context, assistant, key string) (transcript.Conversation, error) {
	partition := transcript.KeyPartition(assistant, key)
	last, err := s.newest(ctx, assistant, key, s.seen.get(partition))
	if err != nil {
		return transcript.Conversation{}, err
	}
	s.seen.set(partition, last.at)
	day := transcript.Key{Partition: transcript.DayPartition(assistant, last.at), Row: key}
	row, err := s.readRow(ctx, assistant, day)
	if err != nil {
		return transcript.Conversation{}, fmt.Errorf("reading table %s: %w", conversationsTable, err)
	}
	if row.etag != "" {
		return row.summary.Conversation, nil
	}
	return s.conversationOf(ctx, tables.Key{Partition: partition, Row: last.row})
}

// conversationOf returns what an activity tells of its conversation.
func (s *Store) conversationOf(ctx context.Context, activity tables.Key) (transcript.Conversation, error) {
	entity, etag, err := s.messages.Get(ctx, activity)
	if err != nil {
		return transcript.Conversation{}, fmt.Errorf("reading table %s: %w", messagesTable, err)
	}
	if etag == "" {
		return transcript.Conversation{}, transcript.ErrNoConversation
	}
	record, err := decodeRecord(entity)
	if err != nil {
		return transcript.Conversation{}, fmt.Errorf("reading table %s: %w", messagesTable, err)
	}
	if isUser(record.Role, record.FromID) {
		record.User = transcript.Party{ID: record.FromID, Name: record.FromName, Certainty: transcript.UserByID}
	}
	return transcript.Summarize([]transcript.Record{record})[0].Conversation, nil
}

// LastActivity returns when the newest activity was; see [transcript.Eraser].
func (s *Store) LastActivity(ctx context.Context, assistant, key string) (time.Time, error) {
	last, err := s.newest(ctx, assistant, key, time.Time{})
	return last.at, err
}

func orNoConversation(err error) error {
	if err != nil {
		return err
	}
	return transcript.ErrNoConversation
}

// activityKey is a row of table messages of which only the key is read.
type activityKey struct {
	row string
	at  time.Time
}

// activitySpan says which keys of a conversation to read: those from one moment
// up to before another and after a row, each of which may be open, page at a
// time.
type activitySpan struct {
	from, to time.Time
	after    string
	page     int
}

// activityKeys yields keys of a conversation in their order.
func (s *Store) activityKeys(ctx context.Context, assistant, key string, span activitySpan) iter.Seq2[activityKey, error] {
	filter := "PartitionKey eq " + tables.Quote(transcript.KeyPartition(assistant, key))
	if row, ok := rowAt(span.from); ok {
		filter += " and RowKey ge " + tables.Quote(row)
	}
	if row, ok := rowAt(span.to); ok {
		filter += " and RowKey lt " + tables.Quote(row)
	}
	if span.after != "" {
		filter += " and RowKey gt " + tables.Quote(span.after)
	}
	rows := s.messages.Query(ctx, tables.Query{Filter: filter, Columns: []string{"RowKey"}, Page: span.page})
	return tables.Decoded(rows, decodeFrom(messagesTable, func(entity []byte) (activityKey, error) {
		row, err := decodeKey(entity)
		if err != nil {
			return activityKey{}, err
		}
		at, ok := transcript.RowTime(row.RowKey)
		if !ok {
			return activityKey{}, errRow
		}
		return activityKey{row: row.RowKey, at: at}, nil
	}))
}

// rowAt is where the activities of a moment begin in a partition of table
// messages. There is no such place for the zero time and beyond the years that
// row keys have.
func rowAt(at time.Time) (row string, ok bool) {
	if year := at.UTC().Year(); at.IsZero() || year < 0 || year > 9999 {
		return "", false
	}
	return transcript.NewKey("", "", "", at).Row, true
}
