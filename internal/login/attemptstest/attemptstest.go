// Package attemptstest is the behaviour that every [login.Attempts] has, written
// as tests, and one in memory for the tests of what uses it.
package attemptstest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatgate/internal/login"
)

// Open opens an instance of the store under test. Each call opens another
// instance of the same underlying table, as several processes would.
type Open func(t *testing.T) login.Attempts

// Run holds the store to its contract. The table need not be empty.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"a row that is missing is zero":         missing,
		"every column comes back":               everyColumn,
		"a first row is written once":           firstOnce,
		"only who saw the newest state writes":  newestOnly,
		"of many writers at once one wins":      oneWinner,
		"rows of others stay apart":             apart,
		"a context that has ended is an error":  ended,
		"what one instance writes, others read": shared,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// newKey returns a place that no other test uses.
func newKey(t *testing.T) login.Key {
	t.Helper()
	clean := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '-'
	}, t.Name())
	return login.Key{Partition: "demo", Row: "c." + clean + time.Now().UTC().Format("20060102T150405.000000000")}
}

// full is a row with something in every column. A date-time property counts in
// 100 nanoseconds.
func full() login.Row {
	at := time.Date(2026, 11, 21, 12, 0, 0, 123456700, time.UTC)
	return login.Row{
		State: login.StatePending, Attempt: strings.Repeat("0f", 32), ExpiresAt: at, Interval: 7 * time.Second,
		NotBefore: at.Add(time.Second), CoolDownUntil: at.Add(time.Minute), Denials: 3,
		Starts: []time.Time{at.Add(-time.Minute), at},
	}
}

func save(t *testing.T, store login.Attempts, key login.Key, row login.Row, etag login.ETag) login.ETag {
	t.Helper()
	written, err := store.Save(t.Context(), key, row, etag)
	if err != nil || written == "" {
		t.Fatalf("Save = %q, %v", written, err)
	}
	return written
}

func wantRow(t *testing.T, store login.Attempts, key login.Key, want login.Row) login.ETag {
	t.Helper()
	got, etag, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	return etag
}

func missing(t *testing.T, open Open) {
	if etag := wantRow(t, open(t), newKey(t), login.Row{}); etag != "" {
		t.Errorf("etag = %q", etag)
	}
}

func everyColumn(t *testing.T, open Open) {
	store, key := open(t), newKey(t)
	etag := save(t, store, key, full(), "")
	if got := wantRow(t, store, key, full()); got != etag {
		t.Errorf("Load's etag %q is not Save's %q", got, etag)
	}
	save(t, store, key, login.Row{State: login.StateFailed}, etag)
	wantRow(t, store, key, login.Row{State: login.StateFailed})
}

func firstOnce(t *testing.T, open Open) {
	store, key := open(t), newKey(t)
	save(t, store, key, full(), "")
	if _, err := store.Save(t.Context(), key, login.Row{}, ""); !errors.Is(err, login.ErrConflict) {
		t.Errorf("err = %v", err)
	}
	wantRow(t, store, key, full())
}

func newestOnly(t *testing.T, open Open) {
	store, key := open(t), newKey(t)
	old := save(t, store, key, full(), "")
	changed := full()
	changed.State = login.StateRedeemed
	save(t, store, key, changed, old)
	if _, err := store.Save(t.Context(), key, full(), old); !errors.Is(err, login.ErrConflict) {
		t.Errorf("err = %v", err)
	}
	if _, err := store.Save(t.Context(), newKey(t), full(), old); !errors.Is(err, login.ErrConflict) {
		t.Errorf("an etag of a row that is missing: %v", err)
	}
	wantRow(t, store, key, changed)
}

func oneWinner(t *testing.T, open Open) {
	key := newKey(t)
	etag := save(t, open(t), key, full(), "")
	const writers = 8
	var group sync.WaitGroup
	won := make(chan login.ETag, writers)
	for range writers {
		store := open(t)
		group.Go(func() {
			row := full()
			row.State = login.StateRedeemed
			written, err := store.Save(t.Context(), key, row, etag)
			if err == nil {
				won <- written
			} else if !errors.Is(err, login.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Errorf("%d writers won", len(won))
	}
}

func apart(t *testing.T, open Open) {
	store, key := open(t), newKey(t)
	save(t, store, key, full(), "")
	for _, other := range []login.Key{
		{Partition: key.Partition, Row: key.Row + "x"},
		{Partition: key.Partition + "x", Row: key.Row},
		{Partition: key.Partition, Row: "h" + key.Row[1:]},
	} {
		wantRow(t, store, other, login.Row{})
	}
}

func ended(t *testing.T, open Open) {
	store, key := open(t), newKey(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := store.Load(ctx, key); err == nil {
		t.Error("Load passed")
	}
	if _, err := store.Save(ctx, key, full(), ""); err == nil || errors.Is(err, login.ErrConflict) {
		t.Errorf("Save: %v", err)
	}
}

func shared(t *testing.T, open Open) {
	one, other, key := open(t), open(t), newKey(t)
	etag := save(t, one, key, full(), "")
	if got := wantRow(t, other, key, full()); got != etag {
		t.Errorf("etag = %q, want %q", got, etag)
	}
	save(t, other, key, login.Row{State: login.StateExpired}, etag)
	wantRow(t, one, key, login.Row{State: login.StateExpired})
}
