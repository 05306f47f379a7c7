// Package filestore keeps transcripts, and the ledger of what was done with
// them, in a file, for development on one machine; see package localfile.
package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"chatgate/internal/localfile"
	"chatgate/internal/transcript"

	"go.etcd.io/bbolt"
)

// Options are the optional settings of a [Store].
type Options = localfile.Options

// Store is a [transcript.Store] in a file, which can be read and erased as
// [transcript.Archive] and [transcript.Eraser] say. It is safe for use by several
// goroutines at once, and several processes may have a Store on the same file.
// There is nothing to close.
type Store struct {
	file *localfile.File
}

// Open returns the Store in the file at path. It creates the file, which only
// its owner can read, and the folder that it is in, where they are missing.
// Options may be nil.
func Open(path string, options *Options) (*Store, error) {
	file, err := localfile.Open(path, options)
	if err != nil {
		return nil, err
	}
	return &Store{file: file}, nil
}

// The buckets have the names of the tables. Their keys are partition and row
// with rowMark between, which is part of neither.
const (
	messages      = "messages"
	conversations = "conversations"
	users         = "users"
	auditing      = "audit"
	bookmarks     = "bookmarks" // by assistant
	rowMark       = "/"
	afterRowMark  = "0"
	// afterKey follows a key in whose place the next possible one is meant.
	afterKey = "\x00"
)

// Put implements [transcript.Store]. It stores all of the records in one
// transaction, or none, and refuses none.
func (s *Store) Put(ctx context.Context, records []transcript.Record) ([]transcript.Refusal, error) {
	if len(records) == 0 {
		return nil, ctx.Err()
	}
	return nil, s.file.Update(ctx, func(tx *bbolt.Tx) error {
		if err := putRecords(tx, records); err != nil {
			return err
		}
		summaries := transcript.Summarize(records)
		if err := putUsers(tx, summaries); err != nil {
			return err
		}
		return mergeSummaries(tx, summaries)
	})
}

func putRecords(tx *bbolt.Tx, records []transcript.Record) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(messages))
	if err != nil {
		return err
	}
	for i := range records {
		row, err := encodeRecord(&records[i])
		if err != nil {
			return err
		}
		if err := bucket.Put(bucketKey(records[i].Key), row); err != nil {
			return err
		}
	}
	return nil
}

// putUsers notes everybody who took part: the index names some of a crowd only.
func putUsers(tx *bbolt.Tx, summaries []transcript.DaySummary) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(users))
	if err != nil {
		return err
	}
	for i := range summaries {
		partition := transcript.UsersPartition(summaries[i].Assistant)
		for _, presence := range summaries[i].Presences() {
			if presence.User == "" {
				continue
			}
			key := transcript.Key{Partition: partition, Row: presence.RowByUser()}
			if err := bucket.Put(bucketKey(key), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func mergeSummaries(tx *bbolt.Tx, summaries []transcript.DaySummary) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(conversations))
	if err != nil {
		return err
	}
	for i := range summaries {
		key := bucketKey(summaries[i].Key)
		var stored transcript.DaySummary
		if row := bucket.Get(key); row != nil {
			if stored, err = decodeSummary(row); err != nil {
				return err
			}
		}
		merged, changed := stored.Merge(summaries[i])
		if !changed {
			continue
		}
		row, err := json.Marshal(merged)
		if err != nil {
			return err
		}
		if err := bucket.Put(key, row); err != nil {
			return err
		}
	}
	return nil
}

func bucketKey(key transcript.Key) []byte {
	return []byte(key.Partition + rowMark + key.Row)
}

// Activities implements [transcript.Contents]. The file is free while the consumer
// works.
func (s *Store) Activities(ctx context.Context, assistant, conversationID string) iter.Seq2[transcript.Record, error] {
	partition := transcript.ConversationPartition(assistant, conversationID)
	return localfile.Rows(ctx, s.file, messages, partition+rowMark, partition+afterRowMark, decodeRecord)
}

// Conversations implements [transcript.Contents]. The file is free while the
// consumer works.
func (s *Store) Conversations(ctx context.Context, assistant string) iter.Seq2[transcript.Conversation, error] {
	from, to := transcript.DayRange(assistant)
	return localfile.Rows(ctx, s.file, conversations, from, to, func(row []byte) (transcript.Conversation, error) {
		summary, err := decodeSummary(row)
		return summary.Conversation, err
	})
}

// decodeSummary reads a row of the index.
func decodeSummary(row []byte) (transcript.DaySummary, error) {
	var summary transcript.DaySummary
	if err := json.Unmarshal(row, &summary); err != nil {
		return transcript.DaySummary{}, fmt.Errorf("reading the index: %w", err)
	}
	return summary, nil
}

// encodeRecord returns a record's columns as JSON, a line end, and the activity
// as it is.
func encodeRecord(record *transcript.Record) ([]byte, error) {
	columns := *record
	columns.Activity, columns.Compressed = nil, nil
	row, err := json.Marshal(columns)
	if err != nil {
		return nil, fmt.Errorf("encoding a record: %w", err)
	}
	row = append(row, '\n')
	return append(row, record.Activity...), nil
}

// decodeRecord undoes encodeRecord.
func decodeRecord(row []byte) (transcript.Record, error) {
	columns, activity, found := bytes.Cut(row, []byte("\n"))
	var record transcript.Record
	if !found {
		return record, errors.New("reading a record: the row has no activity")
	}
	if err := json.Unmarshal(columns, &record); err != nil {
		return record, fmt.Errorf("reading a record: %w", err)
	}
	record.Activity = activity
	return record, nil
}
