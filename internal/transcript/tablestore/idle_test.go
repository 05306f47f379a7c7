package tablestore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// bound is the moment before which the conversations of these tests are old, in
// minutes past noon.
const bound = 10

func (w *world) eraseIdle(t *testing.T, store *tablestore.Store) error {
	t.Helper()
	day := transcript.DayRow{Key: "conversation", Day: noon().Truncate(day)}
	err := store.EraseIdle(t.Context(), w.assistant, day, noon().Add(bound*time.Minute))
	if errors.Is(err, transcript.ErrActive) {
		return nil
	}
	return err
}

// fresh are activities that come while a conversation is erased as idle: by users
// that it had and by new ones, on days that it had and on others.
func fresh() map[string]func(*world) transcript.Record {
	return map[string]func(*world) transcript.Record{
		"on the same day":                 func(w *world) transcript.Record { return w.said("fresh", bound+1, "first") },
		"on the same day, of a new user":  func(w *world) transcript.Record { return w.said("fresh", bound, "third") },
		"on another day":                  func(w *world) transcript.Record { return w.said("fresh", 2*nextDay, "second") },
		"on another day, of a new user":   func(w *world) transcript.Record { return w.said("fresh", nextDay, "third") },
		"of the bot, which names nobody":  func(w *world) transcript.Record { return w.anonymous("fresh", bound+1) },
		"of the bot to a user of another": func(w *world) transcript.Record { return w.told("fresh", bound+1, "second") },
	}
}

// anonymous is an activity whose user nobody knows.
func (w *world) anonymous(id string, minutes int) transcript.Record {
	record := w.told(id, minutes, "nobody")
	record.User = transcript.Party{}
	return record
}

func (w *world) old(t *testing.T, store *tablestore.Store) {
	t.Helper()
	mustPut(t, store, w.said("1", dayBefore, "first"), w.said("2", 0, "second"), w.said("3", 5, "first"))
}

// wantFresh expects that an activity is found by the list, by its day and by its
// user.
func (w *world) wantFresh(t *testing.T, record transcript.Record) {
	t.Helper()
	w.wantListed(t, "conversation: "+record.Text)
	w.wantConsistent(t, false)
	store := w.other(t)
	records := collect(t, store.Activities(t.Context(), w.assistant, "conversation"))
	if !slices.ContainsFunc(records, func(r transcript.Record) bool { return r.Key == record.Key }) {
		t.Errorf("%q is not among %d activities", record.Text, len(records))
	}
	if record.User.ID == "" {
		return
	}
	if keys, err := store.UserConversations(t.Context(), w.assistant, record.User.ID); err != nil || len(keys) != 1 {
		t.Errorf("%s has conversations %q: %v", record.User.ID, keys, err)
	}
}

func TestAnActivityComesAtAnyPointOfAnErasureAsIdle(t *testing.T) {
	for name, next := range fresh() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for point, reached := 0, true; reached; point++ {
				w.turn()
				known := w.other(t)
				w.old(t, known)
				writer := []*tablestore.Store{known, w.other(t)}[point%2]
				reached = false
				w.proxy.Before(nth(point), func() {
					reached = true
					mustPut(t, writer, next(w))
				})
				if err := w.eraseIdle(t, w.victim(t)); err != nil {
					t.Errorf("EraseIdle: %v", err)
				}
				w.proxy.FailWhen(nil)
				if reached {
					w.wantFresh(t, next(w))
				}
				mustPut(t, writer, next(w))
				w.wantFresh(t, next(w))
				w.erase(t, w.other(t))
				w.wantTraceless(t, "conversation")
				if t.Failed() {
					t.Fatalf("stored at request %d", point)
				}
			}
		})
	}
}

// An erasure as idle ends at any of its requests, somebody writes, and whoever
// finishes it leaves that.
func TestAnErasureAsIdleThatEndedIsFinishedAsIdle(t *testing.T) {
	w := newWorld(t)
	points := 0
	for finished := false; !finished && !t.Failed(); points++ {
		t.Run(fmt.Sprint("after write ", points), func(t *testing.T) {
			w.turn()
			w.old(t, w.other(t))
			w.proxy.FailAfter(points, changes)
			finished = w.eraseIdle(t, w.victim(t)) == nil
			w.proxy.FailWhen(nil)
			record := w.said("fresh", bound+1, "first")
			mustPut(t, w.other(t), record)
			store := w.other(t)
			unfinished, err := store.Unfinished(t.Context(), w.assistant)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range unfinished {
				if done, err := store.Finish(t.Context(), w.assistant, key); done || err != nil {
					t.Errorf("Finish: %v, %v; want that it is not done, since the conversation goes on", done, err)
				}
			}
			w.wantFresh(t, record)
			if rows := w.rows(t, "erasures"); len(rows) > 0 {
				t.Errorf("table erasures has %v", rows)
			}
			w.erase(t, store)
			w.wantTraceless(t, "conversation")
		})
	}
	if points < 6 {
		t.Errorf("it ended at %d points only", points)
	}
}

// Whoever erases a conversation that somebody else began to erase as idle wants
// all of it gone, also where a third has to finish it.
func TestAnErasureTakesOverOneAsIdle(t *testing.T) {
	w := newWorld(t)
	for taken := 0; taken < 3; taken++ {
		w.turn()
		w.old(t, w.other(t))
		w.proxy.FailAfter(1, changes)
		if err := w.eraseIdle(t, w.victim(t)); err == nil {
			t.Fatal("EraseIdle was not interrupted")
		}
		w.proxy.FailWhen(nil)
		mustPut(t, w.other(t), w.said("fresh", bound+1, "third"))
		w.proxy.FailAfter(taken, changes)
		if err := w.victim(t).Erase(t.Context(), w.assistant, "conversation"); err == nil {
			t.Fatal("Erase was not interrupted")
		}
		w.proxy.FailWhen(nil)
		if done, err := w.other(t).Finish(t.Context(), w.assistant, "conversation"); done != (taken > 0) || err != nil {
			t.Errorf("Finish: %v, %v", done, err)
		}
		if taken == 0 { // nothing had come of the second erasure
			w.wantFresh(t, w.said("fresh", bound+1, "third"))
			continue
		}
		w.wantTraceless(t, "conversation")
	}
}
