package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
	"chatgate/internal/transcript/storetest"

	"go.etcd.io/bbolt"
)

func TestStore(t *testing.T) {
	path := newPath(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, path)
	})
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "folder", "store.db")
}

func open(t *testing.T, path string) *filestore.Store {
	t.Helper()
	store, err := filestore.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// said is the record of an activity of conversation c.
func said(id, text string) transcript.Record {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	return transcript.Record{
		Key: transcript.NewKey("bankx", "c", id, at), Assistant: "bankx", ConversationID: "c", ActivityID: id, Type: "message", Text: text, SentAt: at,
		Activity: fmt.Appendf(nil, `{"id":%q}`, id),
	}
}

func put(t *testing.T, store transcript.Store, records ...transcript.Record) {
	t.Helper()
	if refused, err := store.Put(t.Context(), records); err != nil || len(refused) > 0 {
		t.Fatalf("Put: %v, %v", refused, err)
	}
}

// texts reads what was said in conversation c.
func texts(ctx context.Context, store transcript.Contents) (texts []string, err error) {
	for record, err := range store.Activities(ctx, "bankx", "c") {
		if err != nil {
			return nil, err
		}
		texts = append(texts, record.Text)
	}
	return texts, nil
}

func wantTexts(t *testing.T, store transcript.Contents, want ...string) {
	t.Helper()
	got, err := texts(t.Context(), store)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func TestOnlyTheOwnerCanReadTheFile(t *testing.T) {
	path := newPath(t)
	put(t, open(t, path), said("1", "hello"))
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
}

func TestWhatWasStoredIsThereAfterReopening(t *testing.T) {
	path := newPath(t)
	put(t, open(t, path), said("1", "hello"))
	wantTexts(t, open(t, path), "hello")
}

func TestAFileThatIsGoneIsEmpty(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	put(t, store, said("1", "hello"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, store)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, store)
	put(t, store, said("2", "again"))
	wantTexts(t, store, "again")
}

func TestOpenFailsWhereThereCanBeNoFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, []byte("this is no database, however long one looks at it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{folder, file, filepath.Join(file, "below", "store.db"), filepath.Join(file, "store.db")} {
		if _, err := filestore.Open(path, nil); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
}

// hold has the file, as a second process would, until the test ends.
func hold(t *testing.T, path string) {
	t.Helper()
	other, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
}

func TestAFileThatStaysTakenIsAnError(t *testing.T) {
	path := newPath(t)
	open(t, path)
	store, err := filestore.Open(path, &filestore.Options{LockTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, path)
	if _, err := store.Put(t.Context(), []transcript.Record{said("1", "hello")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put: %v, want that the time is up", err)
	}
	if _, err := texts(t.Context(), store); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Activities: %v, want that the time is up", err)
	}
}

func TestWaitingForTheFileEndsWithTheContext(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	hold(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error)
	for range 3 { // one of them waits for the file, the others for their turn
		go func() {
			_, err := store.Put(ctx, []transcript.Record{said("1", "hello")})
			results <- err
		}()
	}
	cancel()
	for range 3 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("Put: %v, want that it was cancelled", err)
		}
	}
}

func TestADamagedRowIsAnError(t *testing.T) {
	for _, damage := range []string{"", "{}", "{\n{}", "\n"} {
		path := newPath(t)
		store := open(t, path)
		put(t, store, said("1", "hello"), said("2", "again"))
		change(t, path, func(tx *bbolt.Tx) error {
			for _, table := range []string{"messages", "conversations"} {
				bucket := tx.Bucket([]byte(table))
				key, _ := bucket.Cursor().First()
				if err := bucket.Put(key, []byte(damage)); err != nil {
					return err
				}
			}
			return nil
		})
		if got, err := texts(t.Context(), store); err == nil {
			t.Errorf("%q reads as %q", damage, got)
		}
		if damage == "{}" {
			continue // nothing is missing from a row of the index that it must have
		}
		for row, err := range store.Conversations(t.Context(), "bankx") {
			if err == nil {
				t.Errorf("%q reads as %+v", damage, row)
			}
		}
		if _, err := store.Put(t.Context(), []transcript.Record{said("3", "more")}); err == nil {
			t.Errorf("%q was merged", damage)
		}
	}
}

func change(t *testing.T, path string, change func(*bbolt.Tx) error) {
	t.Helper()
	file, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Update(change); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// A redelivery must not wear the index: its row stays as it is.
func TestARedeliveryLeavesTheFileAsItWas(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	put(t, store, said("1", "hello"), said("2", "again"))
	before := rowsOf(t, path)
	put(t, store, said("2", "again"))
	put(t, store, said("1", "hello"), said("2", "again"))
	if after := rowsOf(t, path); after != before {
		t.Errorf("rows before:\n%s\nafter:\n%s", before, after)
	}
}

func rowsOf(t *testing.T, path string) (rows string) {
	t.Helper()
	change(t, path, func(tx *bbolt.Tx) error {
		return tx.ForEach(func(table []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(key, row []byte) error {
				rows += fmt.Sprintf("%s %s: %s\n", table, key, row)
				return nil
			})
		})
	})
	return rows
}
