package filestore_test

import (
	"testing"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"

	"go.etcd.io/bbolt"
)

// replaceFirst puts another row, and where key is not empty another key, in the
// place of a bucket's first one.
func replaceFirst(t *testing.T, path, table, key, row string) {
	t.Helper()
	change(t, path, func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(table))
		first, _ := bucket.Cursor().First()
		if key == "" {
			return bucket.Put(first, []byte(row))
		}
		if err := bucket.Delete(first); err != nil {
			return err
		}
		return bucket.Put([]byte(key), []byte(row))
	})
}

func TestADamagedIndexCannotBeListed(t *testing.T) {
	for _, damage := range []string{"", "{", "[]", `{"Users":"user"}`} {
		path := newPath(t)
		store := open(t, path)
		put(t, store, said("1", "hello"))
		replaceFirst(t, path, "conversations", "", damage)
		_, listing := store.Recent(t.Context(), "bankx", transcript.Span{}, transcript.Mark{}, 10)
		_, conversation := store.Conversation(t.Context(), "bankx", "c")
		_, expired := store.Expired(t.Context(), "bankx", time.Now(), "", 10)
		for name, err := range map[string]error{"Recent": listing, "Conversation": conversation, "Expired": expired} {
			if err == nil {
				t.Errorf("%s read %q", name, damage)
			}
		}
		if err := store.Erase(t.Context(), "bankx", "c"); err != nil {
			t.Errorf("%q cannot be erased: %v", damage, err)
		}
		wantTexts(t, store)
	}
}

func TestARowThatTellsNoTimeIsAnError(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	put(t, store, said("1", "hello"))
	replaceFirst(t, path, "conversations", "", "{}")
	replaceFirst(t, path, "messages", transcript.KeyPartition("bankx", "c")+"/row", "{}\n{}")
	if listing, err := store.Recent(t.Context(), "bankx", transcript.Span{}, transcript.Mark{}, 10); err == nil {
		t.Errorf("Recent read %+v", listing)
	}
	if at, err := store.LastActivity(t.Context(), "bankx", "c"); err == nil {
		t.Errorf("LastActivity read %v", at)
	}
}

func TestADamagedRecordEndsAnExcerpt(t *testing.T) {
	path := newPath(t)
	store := open(t, path)
	put(t, store, said("1", "hello"), said("2", "again"))
	replaceFirst(t, path, "messages", "", "{}")
	if excerpt, err := store.Excerpt(t.Context(), "bankx", "c", transcript.Part{Limit: 10, MaxBytes: 1000}); err == nil || len(excerpt.Records) > 0 {
		t.Errorf("Excerpt read %+v, %v", excerpt, err)
	}
}

func TestADamagedEntryIsAnError(t *testing.T) {
	path := newPath(t)
	ledger := open(t, path).Ledger()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := ledger.Append(t.Context(), audit.Entry{Assistant: "bankx", Action: audit.Purge, At: at}); err != nil {
		t.Fatal(err)
	}
	replaceFirst(t, path, "audit", "", "{")
	if page, err := ledger.Page(t.Context(), "bankx", "", 10); err == nil {
		t.Errorf("Page read %+v", page)
	}
}

func TestANewFileHasNothingToReadOrErase(t *testing.T) {
	store, err := filestore.Open(newPath(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Erase(t.Context(), "bankx", "c"); err != nil {
		t.Errorf("Erase: %v", err)
	}
	if page, err := store.Ledger().Page(t.Context(), "bankx", "", 10); err != nil || len(page.Entries) > 0 {
		t.Errorf("Page read %+v, %v", page, err)
	}
	if place, err := store.Bookmark(t.Context(), "bankx"); err != nil || place != "" {
		t.Errorf("Bookmark is %q, %v", place, err)
	}
}
