package tablestore

import (
	"context"
	"iter"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// firstRows is how many activities an excerpt asks for before it knows how large
// they are: 25 of the largest make an answer of some 60 MiB.
const firstRows = 25

// Excerpt returns a part of a conversation; see [transcript.Archive]. It asks for
// few activities first, and then for as many as will fit.
func (s *Store) Excerpt(ctx context.Context, assistant, key string, part transcript.Part) (transcript.Excerpt, error) {
	if !transcript.ValidKey(key) {
		return transcript.Excerpt{}, ctx.Err()
	}
	part.Limit = max(part.Limit, 1)
	e := excerpt{part: part, after: part.After}
	for rows := firstRows; ; rows = e.rows() {
		// One more than there may be tells whether the conversation goes on.
		rows = min(rows, part.Limit+1-len(e.page.Records))
		more, err := e.read(s.activitiesAfter(ctx, assistant, key, e.after, rows), rows)
		if err != nil {
			return transcript.Excerpt{}, err
		}
		if !more {
			return e.page, nil
		}
	}
}

// activitiesAfter yields the first activities after a row, at most so many.
func (s *Store) activitiesAfter(ctx context.Context, assistant, key, after string, rows int) iter.Seq2[transcript.Record, error] {
	filter := "PartitionKey eq " + tables.Quote(transcript.KeyPartition(assistant, key))
	if after != "" {
		filter += " and RowKey gt " + tables.Quote(after)
	}
	found := tables.Decoded(s.messages.Query(ctx, tables.Query{Filter: filter, Page: rows}), decodeFrom(messagesTable, decodeRecord))
	return func(yield func(transcript.Record, error) bool) {
		count := 0
		for record, err := range found {
			if count++; !yield(record, err) || count == rows {
				return
			}
		}
	}
}

// excerpt is one under construction.
type excerpt struct {
	part  transcript.Part
	page  transcript.Excerpt
	size  int
	after string
}

// read takes up to so many activities in. It reports whether there may be more
// that belong to the excerpt.
func (e *excerpt) read(activities iter.Seq2[transcript.Record, error], rows int) (more bool, err error) {
	count := 0
	for record, err := range activities {
		if err != nil {
			return false, err
		}
		count++
		e.size += len(record.Activity)
		if taken := len(e.page.Records); taken > 0 && (taken >= e.part.Limit || e.size > e.part.MaxBytes) {
			e.page.Next = e.after
			return false, nil
		}
		e.page.Records, e.after = append(e.page.Records, record), record.Key.Row
	}
	return count == rows, nil
}

// rows is how many more activities will fit, if they are like those before.
func (e *excerpt) rows() int {
	average := max(e.size/len(e.page.Records), 1)
	return min(max((e.part.MaxBytes-e.size)/average+1, firstRows), tables.FullRows)
}
