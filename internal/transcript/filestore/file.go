package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// update runs change in a transaction that is on disk when update returns.
func (s *Store) update(ctx context.Context, change func(*bbolt.Tx) error) error {
	return s.withFile(ctx, false, func(file *bbolt.DB) error { return file.Update(change) })
}

// view runs look in a reading transaction. A file that is not there, or was
// never written, has nothing to look at.
func (s *Store) view(ctx context.Context, look func(*bbolt.Tx) error) error {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return ctx.Err()
	}
	return s.withFile(ctx, true, func(file *bbolt.DB) error { return file.View(look) })
}

// withFile opens the file, which it waits for, and closes it after use.
func (s *Store) withFile(ctx context.Context, readOnly bool, use func(*bbolt.DB) error) (err error) {
	waiting, stop := context.WithTimeout(ctx, s.lockTimeout)
	defer stop()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-waiting.Done():
		return fmt.Errorf("waiting for the conversation store: %w", waiting.Err())
	}
	file, err := s.openFile(waiting, readOnly)
	if err != nil {
		return fmt.Errorf("opening the conversation store: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := use(file); err != nil {
		return fmt.Errorf("using the conversation store: %w", err)
	}
	return nil
}

// openFile tries until no other process has the file. bbolt's own waiting knows
// no context and looks only each 50 ms.
func (s *Store) openFile(ctx context.Context, readOnly bool) (*bbolt.DB, error) {
	const tryOnce, pause = time.Nanosecond, 3 * time.Millisecond
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file, err := bbolt.Open(s.path, 0o600, &bbolt.Options{Timeout: tryOnce, ReadOnly: readOnly})
		if !errors.Is(err, bbolterrors.ErrTimeout) {
			return file, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// pageRows and pageBytes bound what is read, and held, at a time.
const (
	pageRows  = 256
	pageBytes = 4 << 20
)

// read yields the decoded rows of a bucket from key from up to before key to. It
// reads page by page and gives the file back in between.
func read[T any](ctx context.Context, s *Store, bucket, from, to string, decode func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for next := []byte(from); next != nil; {
			rows, after, err := s.page(ctx, bucket, next, []byte(to))
			if err != nil {
				yield(none, err)
				return
			}
			for _, row := range rows {
				decoded, err := decode(row)
				if !yield(decoded, err) || err != nil {
					return
				}
			}
			next = after
		}
	}
}

// page returns copies of rows from key from on, and the key to go on from; nil
// at the end.
func (s *Store) page(ctx context.Context, bucket string, from, to []byte) (rows [][]byte, next []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		table := tx.Bucket([]byte(bucket))
		if table == nil {
			return nil
		}
		size := 0
		cursor := table.Cursor()
		for key, row := cursor.Seek(from); key != nil && bytes.Compare(key, to) < 0; key, row = cursor.Next() {
			if len(rows) == pageRows || size >= pageBytes {
				next = bytes.Clone(key)
				return nil
			}
			rows = append(rows, bytes.Clone(row))
			size += len(row)
		}
		return nil
	})
	return rows, next, err
}

// lastKey returns the last key of a bucket from key from up to before key to;
// nothing where there is none.
func (s *Store) lastKey(ctx context.Context, bucket, from, to string) (last string, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		table := tx.Bucket([]byte(bucket))
		if table == nil {
			return nil
		}
		cursor := table.Cursor()
		key, _ := cursor.Seek([]byte(to))
		if key == nil {
			key, _ = cursor.Last()
		} else {
			key, _ = cursor.Prev()
		}
		if string(key) >= from {
			last = string(key)
		}
		return nil
	})
	return last, err
}
