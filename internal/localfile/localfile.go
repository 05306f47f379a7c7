// Package localfile keeps rows in a file, for development on one machine. It is
// the plumbing that the stores of that file have in common.
//
// The file is a bbolt database, which one process at a time can write. A [File]
// therefore opens it for each operation and closes it again, so that a second
// process can read while the first goes on storing. This costs some
// milliseconds an operation and is not meant for production.
package localfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Options are the optional settings of a [File].
type Options struct {
	// LockTimeout is how long an operation waits while another process, or
	// another File of this one, has the file. 0 means 10 seconds.
	LockTimeout time.Duration
}

// File is a file of rows in buckets. It is safe for use by several goroutines at
// once, and there may be several Files, in several processes, of the same path.
// There is nothing to close.
type File struct {
	path        string
	lockTimeout time.Duration
	// turn is held by the operation that has the file: waiting for one another
	// within the process is quicker than by the file's lock.
	turn chan struct{}
}

// Open returns the File at path. It creates the file, which only its owner can
// read, and the folder that it is in, where they are missing. Options may be nil.
func Open(path string, options *Options) (*File, error) {
	file := &File{path: path, lockTimeout: 10 * time.Second, turn: make(chan struct{}, 1)}
	if options != nil && options.LockTimeout > 0 {
		file.lockTimeout = options.LockTimeout
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("creating the folder of the local store: %w", err)
	}
	if err := file.Update(context.Background(), func(*bbolt.Tx) error { return nil }); err != nil {
		return nil, err
	}
	return file, nil
}

// Update runs change in a transaction that is on disk when Update returns. An
// error of change, which it wraps, leaves the file as it was.
func (f *File) Update(ctx context.Context, change func(*bbolt.Tx) error) error {
	return f.with(ctx, false, func(file *bbolt.DB) error { return file.Update(change) })
}

// View runs look in a reading transaction. A file that is not there, or was
// never written, has nothing to look at.
func (f *File) View(ctx context.Context, look func(*bbolt.Tx) error) error {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return ctx.Err()
	}
	return f.with(ctx, true, func(file *bbolt.DB) error { return file.View(look) })
}

// with opens the file, which it waits for, and closes it after use.
func (f *File) with(ctx context.Context, readOnly bool, use func(*bbolt.DB) error) (err error) {
	waiting, stop := context.WithTimeout(ctx, f.lockTimeout)
	defer stop()
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-waiting.Done():
		return fmt.Errorf("waiting for the local store: %w", waiting.Err())
	}
	file, err := f.open(waiting, readOnly)
	if err != nil {
		return fmt.Errorf("opening the local store: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := use(file); err != nil {
		return fmt.Errorf("using the local store: %w", err)
	}
	return nil
}

// open tries until nobody else has the file. bbolt's own waiting knows no context
// and looks only each 50 ms.
func (f *File) open(ctx context.Context, readOnly bool) (*bbolt.DB, error) {
	const tryOnce, pause = time.Nanosecond, 3 * time.Millisecond
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		file, err := bbolt.Open(f.path, 0o600, &bbolt.Options{Timeout: tryOnce, ReadOnly: readOnly})
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

// Rows yields the decoded rows of a bucket from key from up to before key to. It
// reads page by page and gives the file back in between. It stops after the first
// error.
func Rows[T any](ctx context.Context, f *File, bucket, from, to string, decode func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for next := []byte(from); next != nil; {
			rows, after, err := f.page(ctx, bucket, next, []byte(to))
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
func (f *File) page(ctx context.Context, bucket string, from, to []byte) (rows [][]byte, next []byte, err error) {
	err = f.View(ctx, func(tx *bbolt.Tx) error {
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

// LastKey returns the last key of a bucket from key from up to before key to;
// nothing where there is none.
func LastKey(tx *bbolt.Tx, bucket, from, to string) string {
	table := tx.Bucket([]byte(bucket))
	if table == nil {
		return ""
	}
	cursor := table.Cursor()
	key, _ := cursor.Seek([]byte(to))
	if key == nil {
		key, _ = cursor.Last()
	} else {
		key, _ = cursor.Prev()
	}
	if string(key) < from {
		return ""
	}
	return string(key)
}
