package tablestore

import (
	"strconv"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/transcript"
)

func keyOf(i int) transcript.Key {
	return transcript.Key{Partition: "day", Row: strconv.Itoa(i)}
}

func rowOf(i int, text string) indexRow {
	row := indexRow{etag: azcore.ETag(strconv.Itoa(i))}
	row.summary.LastText = text
	return row
}

func TestKnownRowsStayWithinTheirBound(t *testing.T) {
	const bound = 100_000
	known := newKnownRows(bound)
	for i := range 1000 {
		known.set(keyOf(i), rowOf(i, strings.Repeat("x", i)))
	}
	size := 0
	for _, generation := range []map[transcript.Key]indexRow{known.younger, known.older} {
		for _, row := range generation {
			size += row.size()
		}
	}
	if size > bound || size < bound/4 {
		t.Errorf("%d bytes are remembered, bound is %d", size, bound)
	}
	if known.get(keyOf(999)).etag == "" {
		t.Error("the newest row is forgotten")
	}
	if known.get(keyOf(0)).etag != "" {
		t.Error("the oldest row is remembered")
	}
}

func TestRowsInUseAreNotForgotten(t *testing.T) {
	known := newKnownRows(100_000)
	known.set(keyOf(-1), rowOf(-1, ""))
	for i := range 10_000 {
		known.set(keyOf(i), rowOf(i, ""))
		if known.get(keyOf(-1)).etag == "" {
			t.Fatalf("after %d others the row in use is forgotten", i)
		}
	}
}

func TestARowWithoutETagIsForgotten(t *testing.T) {
	known := newKnownRows(100_000)
	known.set(keyOf(1), rowOf(1, "old"))
	known.set(keyOf(1), rowOf(2, "new"))
	if got := known.get(keyOf(1)); got.summary.LastText != "new" {
		t.Errorf("remembered is %+v", got)
	}
	known.set(keyOf(1), indexRow{})
	if got := known.get(keyOf(1)); got.etag != "" || known.size != 0 {
		t.Errorf("remembered is %+v, and %d bytes", got, known.size)
	}
}

func TestARowLargerThanTheBoundIsNoTrouble(t *testing.T) {
	known := newKnownRows(1000)
	for i := range 3 {
		known.set(keyOf(i), rowOf(i, strings.Repeat("x", 5000)))
	}
	if len(known.younger)+len(known.older) > 2 {
		t.Errorf("%d rows larger than the bound are remembered", len(known.younger)+len(known.older))
	}
}
