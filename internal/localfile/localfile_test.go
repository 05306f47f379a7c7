package localfile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"chatgate/internal/localfile"

	"go.etcd.io/bbolt"
)

const bucket = "rows"

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "folder", "store.db")
}

func open(t *testing.T, path string) *localfile.File {
	t.Helper()
	file, err := localfile.Open(path, &localfile.Options{LockTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// put writes rows whose content is their key.
func put(t *testing.T, file *localfile.File, keys ...string) {
	t.Helper()
	err := file.Update(t.Context(), func(tx *bbolt.Tx) error {
		table, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := table.Put([]byte(key), []byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func text(row []byte) (string, error) { return string(row), nil }

func rows(t *testing.T, file *localfile.File, from, to string) []string {
	t.Helper()
	var found []string
	for row, err := range localfile.Rows(t.Context(), file, bucket, from, to, text) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, row)
	}
	return found
}

func lastKey(t *testing.T, file *localfile.File, from, to string) (last string) {
	t.Helper()
	err := file.View(t.Context(), func(tx *bbolt.Tx) error {
		last = localfile.LastKey(tx, bucket, from, to)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestRowsAreThoseFromTheFirstKeyUpToBeforeTheLast(t *testing.T) {
	file := open(t, newPath(t))
	if got, last := rows(t, file, "", "z"), lastKey(t, file, "", "z"); len(got) != 0 || last != "" {
		t.Errorf("an empty file has %q, %q", got, last)
	}
	put(t, file, "b", "d", "f")
	for _, test := range []struct {
		from, to string
		want     []string
		last     string
	}{
		{"a", "z", []string{"b", "d", "f"}, "f"},
		{"b", "f", []string{"b", "d"}, "d"},
		{"c", "e", []string{"d"}, "d"},
		{"e", "f", nil, ""},
		{"g", "z", nil, ""},
		{"", "b", nil, ""},
		{"f", "f\x00", []string{"f"}, "f"},
	} {
		if got := rows(t, file, test.from, test.to); !slices.Equal(got, test.want) {
			t.Errorf("rows from %q to %q are %q, want %q", test.from, test.to, got, test.want)
		}
		if got := lastKey(t, file, test.from, test.to); got != test.last {
			t.Errorf("the last key from %q to %q is %q, want %q", test.from, test.to, got, test.last)
		}
	}
}

// More rows than a page has come whole and in order, and the file is free while
// they are looked at.
func TestTheFileIsFreeBetweenRows(t *testing.T) {
	file := open(t, newPath(t))
	var keys []string
	for i := range 600 {
		keys = append(keys, fmt.Sprintf("%04d", i))
	}
	put(t, file, keys...)
	var found []string
	for row, err := range localfile.Rows(t.Context(), file, bucket, "0", "1", text) {
		if err != nil {
			t.Fatal(err)
		}
		if found = append(found, row); len(found) == 300 {
			put(t, file, "0599x")
		}
	}
	want := slices.Concat(keys, []string{"0599x"})
	if !slices.Equal(found, want) {
		t.Errorf("%d rows, want %d", len(found), len(want))
	}
}

func TestLargeRowsAreReadAFewAtATime(t *testing.T) {
	file := open(t, newPath(t))
	large := bytes.Repeat([]byte("x"), 3<<20)
	err := file.Update(t.Context(), func(tx *bbolt.Tx) error {
		table, err := tx.CreateBucket([]byte(bucket))
		for i := range 4 {
			err = errors.Join(err, table.Put([]byte{byte('a' + i)}, large))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := rows(t, file, "a", "z"); len(got) != 4 || len(got[3]) != len(large) {
		t.Errorf("%d rows", len(got))
	}
}

func TestARowThatCannotBeDecodedEndsTheRows(t *testing.T) {
	file := open(t, newPath(t))
	put(t, file, "a", "b", "c")
	broken := errors.New("broken")
	seen := 0
	for _, err := range localfile.Rows(t.Context(), file, bucket, "a", "z", func([]byte) (string, error) { return "", broken }) {
		if seen++; !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if seen != 1 {
		t.Errorf("%d rows", seen)
	}
}

func TestAChangeThatFailsLeavesTheFileAsItWas(t *testing.T) {
	file := open(t, newPath(t))
	put(t, file, "a")
	regret := errors.New("regret")
	err := file.Update(t.Context(), func(tx *bbolt.Tx) error {
		return errors.Join(tx.Bucket([]byte(bucket)).Put([]byte("b"), nil), regret)
	})
	if !errors.Is(err, regret) {
		t.Errorf("err = %v", err)
	}
	if got := rows(t, file, "a", "z"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("rows are %q", got)
	}
}

// Several stores of one process have a File each of the same path.
func TestFilesOfOnePathTakeTurns(t *testing.T) {
	path := newPath(t)
	var group sync.WaitGroup
	for i := range 4 {
		file := open(t, path)
		group.Go(func() {
			for j := range 5 {
				put(t, file, fmt.Sprint(i, j))
			}
		})
	}
	group.Wait()
	if got := rows(t, open(t, path), "0", "9"); len(got) != 20 {
		t.Errorf("%d rows", len(got))
	}
}

func TestAFileThatIsGoneHasNoRows(t *testing.T) {
	path := newPath(t)
	file := open(t, path)
	put(t, file, "a")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, file, "a", "z"); len(got) != 0 {
		t.Errorf("rows are %q", got)
	}
	put(t, file, "b")
	if got := rows(t, file, "a", "z"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("rows are %q", got)
	}
}

func TestWaitingEndsWithTheContextOrTheTimeout(t *testing.T) {
	path := newPath(t)
	open(t, path)
	impatient, err := localfile.Open(path, &localfile.Options{LockTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	other, err := bbolt.Open(path, 0o600, nil) // as a second process would
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	nothing := func(*bbolt.Tx) error { return nil }
	if err := impatient.Update(t.Context(), nothing); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := impatient.View(ctx, nothing); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
}
