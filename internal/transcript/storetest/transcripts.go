package storetest

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// Transcripts returns real conversations by the names of their files: the small
// ones of this package, and, where ../shared/data lies beside the repository, the
// whole and larger ones of there. root is the repository's folder as the test
// sees it.
func Transcripts(t *testing.T, root string) map[string][]byte {
	t.Helper()
	found := readTranscripts(t, filepath.Join(root, "internal", "transcript", "storetest", "testdata"))
	if len(found) == 0 {
		t.Fatalf("no transcripts below %s", root)
	}
	larger := readTranscripts(t, filepath.Join(root, "..", "shared", "data", "transcripts"))
	if len(larger) == 0 {
		t.Run("larger transcripts", func(t *testing.T) {
			t.Skip("there are none in ../shared/data/transcripts: only small conversations are tested")
		})
	}
	maps.Copy(found, larger)
	return found
}

func readTranscripts(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.transcript"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, path := range paths {
		if found[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return found
}
