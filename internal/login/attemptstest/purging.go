package attemptstest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
)

// OpenPurger opens an instance of the store under test, as [Open] does.
type OpenPurger func(t *testing.T) login.Purger

// RunPurge holds the store to the contract of [login.Purger]. The table need not
// be empty.
func RunPurge(t *testing.T, open OpenPurger) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, OpenPurger){
		"rows whose every time is past go":      everyTimePast,
		"other assistants' rows stay":           othersStay,
		"not more rows than asked for go":       noMoreThanLimit,
		"a row that went is missing":            gone,
		"a row that is changed meanwhile stays": changedMeanwhile,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// newAssistant returns one that no other test uses.
func newAssistant() string {
	return "purge" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

func cutoff() time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
}

// past is a row whose every time is before the cutoff.
func past() login.Row {
	at := cutoff().Add(-time.Hour)
	return login.Row{State: login.StateExpired, Attempt: "0f", ExpiresAt: at, Interval: time.Second, NotBefore: at, CoolDownUntil: at, Starts: []time.Time{at, at}}
}

func purge(t *testing.T, store login.Purger, assistant string, limit, want int) {
	t.Helper()
	removed, err := store.Purge(t.Context(), assistant, cutoff(), limit)
	if err != nil || removed != want {
		t.Errorf("Purge removed %d, %v; want %d", removed, err, want)
	}
}

func isThere(t *testing.T, store login.Attempts, key login.Key) bool {
	t.Helper()
	_, etag, err := store.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return etag != ""
}

func everyTimePast(t *testing.T, open OpenPurger) {
	store, assistant := open(t), newAssistant()
	stays := map[string]func(*login.Row){
		"expiry":    func(r *login.Row) { r.ExpiresAt = cutoff() },
		"turn":      func(r *login.Row) { r.NotBefore = cutoff().Add(time.Second) },
		"cool-down": func(r *login.Row) { r.CoolDownUntil = cutoff().Add(time.Hour) },
		"start":     func(r *login.Row) { r.Starts[1] = cutoff() },
	}
	for name, change := range stays {
		row := past()
		change(&row)
		save(t, store, login.Key{Partition: assistant, Row: "c." + name}, row, "")
	}
	save(t, store, login.Key{Partition: assistant, Row: "c.past"}, past(), "")
	save(t, store, login.Key{Partition: assistant, Row: "h.counted"}, login.Row{Starts: past().Starts}, "")
	save(t, store, login.Key{Partition: assistant, Row: "h.empty"}, login.Row{}, "")
	purge(t, store, assistant, 100, 3)
	for name := range stays {
		if !isThere(t, store, login.Key{Partition: assistant, Row: "c." + name}) {
			t.Errorf("a row with a later %s is gone", name)
		}
	}
	purge(t, store, assistant, 100, 0)
}

func othersStay(t *testing.T, open OpenPurger) {
	store, assistant := open(t), newAssistant()
	others := []login.Key{{Partition: assistant + "0", Row: "c.1"}, {Partition: assistant[:len(assistant)-1], Row: "c.1"}}
	for _, other := range others {
		save(t, store, other, past(), "")
	}
	purge(t, store, assistant, 100, 0)
	for _, other := range others {
		if !isThere(t, store, other) {
			t.Errorf("a row of %s is gone", other.Partition)
		}
	}
}

func noMoreThanLimit(t *testing.T, open OpenPurger) {
	store, assistant := open(t), newAssistant()
	for i := range 5 {
		save(t, store, login.Key{Partition: assistant, Row: fmt.Sprint("c.", i)}, past(), "")
	}
	for _, want := range []int{2, 2, 1, 0} {
		purge(t, store, assistant, 2, want)
	}
}

// gone: a writer that saw the row must not take its successor for it.
func gone(t *testing.T, open OpenPurger) {
	store, key := open(t), login.Key{Partition: newAssistant(), Row: "c.1"}
	old := save(t, store, key, past(), "")
	purge(t, store, key.Partition, 100, 1)
	if isThere(t, store, key) {
		t.Error("the row is there")
	}
	if _, err := store.Save(t.Context(), key, past(), old); !errors.Is(err, login.ErrConflict) {
		t.Errorf("err = %v", err)
	}
	save(t, store, key, past(), "")
	if _, err := store.Save(t.Context(), key, past(), old); !errors.Is(err, login.ErrConflict) {
		t.Errorf("over the row's successor: %v", err)
	}
}

func changedMeanwhile(t *testing.T, open OpenPurger) {
	store, assistant := open(t), newAssistant()
	const rows = 12
	keys, etags := make([]login.Key, rows), make([]login.ETag, rows)
	for i := range rows {
		keys[i] = login.Key{Partition: assistant, Row: fmt.Sprint("c.", i)}
		etags[i] = save(t, store, keys[i], past(), "")
	}
	purger := open(t)
	saved := make([]bool, rows)
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := purger.Purge(t.Context(), assistant, cutoff(), rows); err != nil {
			t.Error(err)
		}
	})
	for i := range rows {
		group.Go(func() {
			_, err := store.Save(t.Context(), keys[i], full(), etags[i])
			saved[i] = err == nil
			if err != nil && !errors.Is(err, login.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for i, key := range keys {
		if isThere(t, store, key) != saved[i] {
			t.Errorf("row %d: saved %t, there %t", i, saved[i], !saved[i])
		}
	}
}
