package filestore

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"chatgate/internal/localfile"
	"chatgate/internal/transcript"
)

// Erase implements [transcript.Eraser]. It erases in one transaction, and so
// leaves nothing unfinished. The file's pages are used again but not
// overwritten: its bytes may hold what was erased for a while.
func (s *Store) Erase(ctx context.Context, assistant, key string) error {
	return s.erase(ctx, assistant, key, time.Time{})
}

// EraseIdle implements [transcript.Eraser]. What is stored is stored before the
// transaction or after it.
func (s *Store) EraseIdle(ctx context.Context, assistant string, day transcript.DayRow, before time.Time) error {
	return s.erase(ctx, assistant, day.Key, before)
}

// Finish implements [transcript.Eraser]. There is nothing to finish.
func (s *Store) Finish(ctx context.Context, _, _ string) (done bool, err error) {
	return false, ctx.Err()
}

// erase erases a conversation, unless it has an activity of the given moment or
// later; the zero time bounds nothing.
func (s *Store) erase(ctx context.Context, assistant, key string, before time.Time) error {
	if !transcript.ValidKey(key) {
		return ctx.Err()
	}
	return s.file.Update(ctx, func(tx *bbolt.Tx) error {
		partition := transcript.KeyPartition(assistant, key)
		from, to := partition+rowMark, partition+afterRowMark
		if last := localfile.LastKey(tx, messages, from, to); last != "" && !before.IsZero() {
			at, err := rowTime(strings.TrimPrefix(last, from))
			if err != nil {
				return err
			}
			if !at.Before(before) {
				return transcript.ErrActive
			}
		}
		all := func([]byte) bool { return true }
		if err := deleteRows(tx, messages, from, to, all); err != nil {
			return err
		}
		partition = transcript.UsersPartition(assistant)
		err := deleteRows(tx, users, partition+rowMark, partition+afterRowMark, func(row []byte) bool {
			of, ok := transcript.ParseUserRow(string(row[len(partition)+len(rowMark):]))
			return ok && of == key
		})
		if err != nil {
			return err
		}
		from, to = transcript.DayRange(assistant)
		return deleteRows(tx, conversations, from, to, func(row []byte) bool {
			return bytes.HasSuffix(row, []byte(rowMark+key))
		})
	})
}

func rowTime(messageRow string) (time.Time, error) {
	at, ok := transcript.RowTime(messageRow)
	if !ok {
		return time.Time{}, errors.New("reading a record: there is no time in its key")
	}
	return at, nil
}

// deleteRows deletes the rows of a bucket from key from up to before key to
// whose key is one of those meant.
func deleteRows(tx *bbolt.Tx, bucket, from, to string, isMeant func(key []byte) bool) error {
	table := tx.Bucket([]byte(bucket))
	if table == nil {
		return nil
	}
	var meant [][]byte // found first: deleting moves a cursor
	cursor := table.Cursor()
	for key, _ := cursor.Seek([]byte(from)); key != nil && string(key) < to; key, _ = cursor.Next() {
		if isMeant(key) {
			meant = append(meant, bytes.Clone(key))
		}
	}
	for _, key := range meant {
		if err := table.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// UserConversations implements [transcript.Eraser].
func (s *Store) UserConversations(ctx context.Context, assistant, userID string) (keys []string, err error) {
	partition := transcript.UsersPartition(assistant) + rowMark
	from, to := transcript.UserRange(userID)
	err = s.file.View(ctx, func(tx *bbolt.Tx) error {
		table := tx.Bucket([]byte(users))
		if table == nil {
			return nil
		}
		cursor := table.Cursor()
		for row, _ := cursor.Seek([]byte(partition + from)); row != nil && string(row) < partition+to; row, _ = cursor.Next() {
			if key, ok := transcript.ParseUserRow(string(row[len(partition):])); ok {
				keys = append(keys, key)
			}
		}
		return nil
	})
	slices.Sort(keys)
	return slices.Compact(keys), err
}

// Unfinished implements [transcript.Eraser]. There are none.
func (s *Store) Unfinished(ctx context.Context, _ string) ([]string, error) {
	return nil, ctx.Err()
}

// Expired implements [transcript.Eraser].
func (s *Store) Expired(ctx context.Context, assistant string, before time.Time, after string, limit int) ([]transcript.DayRow, error) {
	from, to := transcript.DayRange(assistant)
	if day, ok := transcript.ParseDayPlace(assistant, after); ok {
		from = string(bucketKey(day)) + afterKey
	}
	var days []transcript.DayRow
	for summary, err := range localfile.Rows(ctx, s.file, conversations, from, to, decodeSummary) {
		if err != nil {
			return nil, err
		}
		const length = 24 * time.Hour
		day := summary.LastActivityAt.UTC().Truncate(length)
		if day.Add(length).After(before) {
			continue
		}
		days = append(days, transcript.DayRow{Key: summary.Key.Row, Day: day, Place: transcript.DayPlace(summary.Key)})
		if len(days) >= limit {
			break
		}
	}
	return days, nil
}

// LastActivity implements [transcript.Eraser].
func (s *Store) LastActivity(ctx context.Context, assistant, key string) (at time.Time, err error) {
	if !transcript.ValidKey(key) {
		return time.Time{}, cmp.Or(ctx.Err(), transcript.ErrNoConversation)
	}
	partition := transcript.KeyPartition(assistant, key)
	from, to := partition+rowMark, partition+afterRowMark
	var last string
	err = s.file.View(ctx, func(tx *bbolt.Tx) error {
		last = localfile.LastKey(tx, messages, from, to)
		return nil
	})
	if err != nil {
		return time.Time{}, err
	}
	if last == "" {
		return time.Time{}, transcript.ErrNoConversation
	}
	return rowTime(strings.TrimPrefix(last, from))
}

// Bookmark implements [transcript.Eraser].
func (s *Store) Bookmark(ctx context.Context, assistant string) (place string, err error) {
	err = s.file.View(ctx, func(tx *bbolt.Tx) error {
		if table := tx.Bucket([]byte(bookmarks)); table != nil {
			place = string(table.Get([]byte(transcript.AssistantPart(assistant))))
		}
		return nil
	})
	return place, err
}

// SetBookmark implements [transcript.Eraser].
func (s *Store) SetBookmark(ctx context.Context, assistant, place string) error {
	return s.file.Update(ctx, func(tx *bbolt.Tx) error {
		table, err := tx.CreateBucketIfNotExists([]byte(bookmarks))
		if err != nil {
			return err
		}
		key := []byte(transcript.AssistantPart(assistant))
		if place == "" {
			return table.Delete(key)
		}
		return table.Put(key, []byte(place))
	})
}
