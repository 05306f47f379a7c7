package filestore_test

import (
	"path/filepath"
	"testing"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
	"chatgate/internal/transcript/storetest"
)

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	storetest.Run(t, func(t *testing.T) transcript.Store {
		t.Helper()
		return open(t, path)
	})
}

func open(t *testing.T, path string) *filestore.Store {
	t.Helper()
	store, err := filestore.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return store
}
