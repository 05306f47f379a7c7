package filestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"chatgate/internal/login"
	"chatgate/internal/login/attemptstest"
	"chatgate/internal/login/filestore"
	conversations "chatgate/internal/transcript/filestore"
)

func open(t *testing.T, path string) *filestore.Store {
	t.Helper()
	store, err := filestore.Open(path, &filestore.Options{LockTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "store.db")
	attemptstest.Run(t, func(t *testing.T) login.Attempts { return open(t, path) })
	attemptstest.RunPurge(t, func(t *testing.T) login.Purger { return open(t, path) })
}

// In Development there is one file for everything.
func TestTheFileIsThatOfConversationsToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := conversations.Open(path, nil); err != nil {
		t.Fatal(err)
	}
	attemptstest.Run(t, func(t *testing.T) login.Attempts { return open(t, path) })
}

func TestADamagedRowIsAnError(t *testing.T) {
	for _, damage := range []string{"", "{", "[]", "{}"} {
		path := filepath.Join(t.TempDir(), "store.db")
		store, key := open(t, path), login.Key{Partition: "bankx", Row: "c.1"}
		if _, err := store.Save(t.Context(), key, login.Row{State: login.StatePending}, ""); err != nil {
			t.Fatal(err)
		}
		overwrite(t, path, "bankx/c.1", damage)
		if row, etag, err := store.Load(t.Context(), key); err == nil {
			t.Errorf("%q reads as %+v, %q", damage, row, etag)
		}
		if _, err := store.Save(t.Context(), key, login.Row{}, ""); err == nil {
			t.Errorf("%q was overwritten", damage)
		}
		if _, err := store.Purge(t.Context(), "bankx", time.Now(), 1); err == nil {
			t.Errorf("%q was purged", damage)
		}
	}
}

func overwrite(t *testing.T, path, key, text string) {
	t.Helper()
	file, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	err = file.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("logins")).Put([]byte(key), []byte(text)) })
	if err != nil {
		t.Fatal(err)
	}
}
