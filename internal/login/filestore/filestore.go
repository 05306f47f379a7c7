// Package filestore keeps the state of logins in a file, for development on one
// machine; see package localfile. It may be the file of other stores too.
package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"chatgate/internal/localfile"
	"chatgate/internal/login"
)

// The bucket has the name of the table. Its keys are partition and row with
// rowMark between, which is part of neither.
const (
	bucket       = "logins"
	rowMark      = "/"
	afterRowMark = "0"
)

// Options are the optional settings of a [Store].
type Options = localfile.Options

// Store is a [login.Purger] in a file. It is safe for use by several goroutines
// at once, and several processes may have a Store on the same file. There is
// nothing to close.
type Store struct {
	file *localfile.File
}

var _ login.Purger = (*Store)(nil)

// Open returns the Store in the file at path, which it creates where it is
// missing. Options may be nil.
func Open(path string, options *Options) (*Store, error) {
	file, err := localfile.Open(path, options)
	if err != nil {
		return nil, err
	}
	return &Store{file: file}, nil
}

// stored is a row in the file.
type stored struct {
	// Version is another for each write to the bucket, so that a row that was
	// removed is never taken for its successor.
	Version uint64
	Row     login.Row
}

func (s stored) etag() login.ETag {
	return login.ETag(strconv.FormatUint(s.Version, 10))
}

var errRow = errors.New("a row of another form")

// decode reads a row; of nothing it is the zero one.
func decode(text []byte) (stored, error) {
	var row stored
	if text == nil {
		return row, nil
	}
	if err := json.Unmarshal(text, &row); err != nil || row.Version == 0 {
		return stored{}, errRow
	}
	return row, nil
}

func bucketKey(key login.Key) []byte {
	return []byte(key.Partition + rowMark + key.Row)
}

// Load implements [login.Attempts].
func (s *Store) Load(ctx context.Context, key login.Key) (login.Row, login.ETag, error) {
	var found stored
	err := s.file.View(ctx, func(tx *bbolt.Tx) (err error) {
		if table := tx.Bucket([]byte(bucket)); table != nil {
			found, err = decode(table.Get(bucketKey(key)))
		}
		return err
	})
	if err != nil || found.Version == 0 {
		return login.Row{}, "", wrap("reading a login", err)
	}
	return found.Row, found.etag(), nil
}

// Save implements [login.Attempts]. It is on disk when Save returns.
func (s *Store) Save(ctx context.Context, key login.Key, row login.Row, etag login.ETag) (login.ETag, error) {
	var written stored
	err := s.file.Update(ctx, func(tx *bbolt.Tx) error {
		table, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		before, err := decode(table.Get(bucketKey(key)))
		if err != nil {
			return err
		}
		if before.Version == 0 != (etag == "") || before.Version > 0 && before.etag() != etag {
			return login.ErrConflict
		}
		written, err = put(table, key, row)
		return err
	})
	if err != nil {
		return "", wrap("writing a login", err)
	}
	return written.etag(), nil
}

func put(table *bbolt.Bucket, key login.Key, row login.Row) (stored, error) {
	version, err := table.NextSequence()
	if err != nil {
		return stored{}, err
	}
	written := stored{Version: version, Row: row}
	text, err := json.Marshal(written)
	if err != nil {
		return stored{}, err
	}
	return written, table.Put(bucketKey(key), text)
}

// Purge implements [login.Purger], in one transaction.
func (s *Store) Purge(ctx context.Context, assistant string, before time.Time, limit int) (removed int, err error) {
	err = s.file.Update(ctx, func(tx *bbolt.Tx) error {
		table := tx.Bucket([]byte(bucket))
		if table == nil {
			return nil
		}
		old, err := oldKeys(table, assistant, before, limit)
		if err != nil {
			return err
		}
		for _, key := range old {
			if err := table.Delete(key); err != nil {
				return err
			}
		}
		removed = len(old)
		return nil
	})
	if err != nil {
		return 0, wrap("removing logins", err)
	}
	return removed, nil
}

// oldKeys finds rows first: deleting moves a cursor.
func oldKeys(table *bbolt.Bucket, assistant string, before time.Time, limit int) ([][]byte, error) {
	var old [][]byte
	cursor := table.Cursor()
	for key, text := cursor.Seek([]byte(assistant + rowMark)); key != nil && len(old) < limit; key, text = cursor.Next() {
		if string(key) >= assistant+afterRowMark {
			break
		}
		found, err := decode(text)
		if err != nil {
			return nil, err
		}
		if found.Row.LastTime().Before(before) {
			old = append(old, bytes.Clone(key))
		}
	}
	return old, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
