package filestore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"chatgate/internal/localfile"
	"chatgate/internal/transcript"
)

// days yields an assistant's rows of the index, newest day first. Readings of
// the list go through all of them, which is bearable on one machine only.
func (s *Store) days(ctx context.Context, assistant string) iter.Seq2[transcript.DaySummary, error] {
	from, to := transcript.DayRange(assistant)
	return localfile.Rows(ctx, s.file, conversations, from, to, decodeSummary)
}

// place is where a conversation stands in the list, and what the list shows.
type place struct {
	at     time.Time
	row    string
	listed transcript.Listed
}

// Recent implements [transcript.Archive].
func (s *Store) Recent(ctx context.Context, assistant string, span transcript.Span, after transcript.Mark, limit int) (transcript.Listing, error) {
	places, err := s.places(ctx, assistant, span)
	if err != nil {
		return transcript.Listing{}, err
	}
	places = slices.DeleteFunc(places, func(p place) bool { return p.row <= after.Row() })
	slices.SortFunc(places, func(a, b place) int { return strings.Compare(a.row, b.row) })
	count := min(max(1, limit), len(places))
	listing := transcript.Listing{More: count < len(places)}
	for _, p := range places[:count] {
		listing.Items = append(listing.Items, p.listed)
		listing.Next = transcript.NewMark(p.at, p.listed.Key)
	}
	return listing, nil
}

// places returns each conversation at the newest of its days' last activities
// that lies in the span.
func (s *Store) places(ctx context.Context, assistant string, span transcript.Span) ([]place, error) {
	var places []place
	seen := make(map[string]bool)
	for summary, err := range s.days(ctx, assistant) {
		if err != nil {
			return nil, err
		}
		key := summary.Key.Row
		at, ok := transcript.RowTime(summary.LastKey)
		if !ok {
			return nil, errors.New("reading the index: a row does not say which activity was the last")
		}
		if seen[key] || !span.Contains(at) {
			continue
		}
		seen[key] = true
		places = append(places, place{
			at: at, row: transcript.RecentRow(at, key), listed: transcript.Listed{Key: key, Conversation: summary.Conversation},
		})
	}
	return places, nil
}

// Conversation implements [transcript.Archive].
func (s *Store) Conversation(ctx context.Context, assistant, key string) (transcript.Conversation, error) {
	for summary, err := range s.days(ctx, assistant) {
		if err != nil {
			return transcript.Conversation{}, err
		}
		if summary.Key.Row == key {
			return summary.Conversation, nil
		}
	}
	return transcript.Conversation{}, transcript.ErrNoConversation
}

// Excerpt implements [transcript.Archive].
func (s *Store) Excerpt(ctx context.Context, assistant, key string, part transcript.Part) (transcript.Excerpt, error) {
	var excerpt transcript.Excerpt
	if !transcript.ValidKey(key) {
		return excerpt, ctx.Err()
	}
	partition := transcript.KeyPartition(assistant, key)
	from := partition + rowMark
	if part.After != "" {
		from += part.After + afterKey
	}
	size := 0
	for record, err := range localfile.Rows(ctx, s.file, messages, from, partition+afterRowMark, decodeRecord) {
		if err != nil {
			return transcript.Excerpt{}, err
		}
		size += len(record.Activity)
		if count := len(excerpt.Records); count > 0 && (count >= part.Limit || size > part.MaxBytes) {
			excerpt.Next = excerpt.Records[count-1].Key.Row
			break
		}
		excerpt.Records = append(excerpt.Records, record)
	}
	return excerpt, nil
}
