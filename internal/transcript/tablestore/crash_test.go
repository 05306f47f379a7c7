package tablestore_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// delivery is a Put that something happens to.
type delivery struct {
	// before is what is stored when it comes, and whether by the same instance.
	before  func(*world) []transcript.Record
	knowing bool
	records func(*world) []transcript.Record
}

// deliveries are all kinds of them: of conversations that the instance knows,
// that only the table knows, and that nobody knows.
func deliveries() map[string]delivery {
	old := func(w *world) []transcript.Record { return []transcript.Record{w.said("old", 0, "first")} }
	one := func(minutes int, user string) func(*world) []transcript.Record {
		return func(w *world) []transcript.Record { return []transcript.Record{w.said("new", minutes, user)} }
	}
	return map[string]delivery{
		"of a conversation it knows":        {old, true, one(5, "first")},
		"of a conversation in the table":    {old, false, one(5, "first")},
		"with a new user":                   {old, true, one(5, "second")},
		"with a new user, after a restart":  {old, false, one(5, "second")},
		"of an older activity":              {old, true, one(-5, "second")},
		"of an activity at the same moment": {old, false, one(0, "second")},
		"on the next day":                   {old, true, one(nextDay, "second")},
		"on the day before":                 {old, false, one(dayBefore, "second")},
		"of what is there":                  {old, true, old},
		"of what is there, after a restart": {old, false, old},
		"of a new conversation":             {func(*world) []transcript.Record { return nil }, false, one(5, "first")},
		"of a new conversation on two days": {func(*world) []transcript.Record { return nil }, false, func(w *world) []transcript.Record { return append(one(5, "first")(w), one(nextDay, "second")(w)...) }},
	}
}

// begin stores what is there before the delivery, and returns the instance that
// the delivery comes to, and its records.
func (d *delivery) begin(t *testing.T, w *world) (*tablestore.Store, []transcript.Record) {
	t.Helper()
	w.turn()
	store := w.victim(t)
	mustPut(t, store, d.before(w)...)
	if !d.knowing {
		store = w.victim(t)
	}
	return store, d.records(w)
}

// newest returns what the list shows once all is delivered.
func newest(records []transcript.Record) string {
	last := slices.MaxFunc(records, func(a, b transcript.Record) int {
		return compareKeys(a.Key.Row, b.Key.Row)
	})
	return last.ConversationID + ": " + last.Text
}

func compareKeys(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A writer ends after any of its writes: of the users, of the row of table
// recent, of the row of the index, of the removal of the old row of table
// recent. The list shows the conversation once, and after the redelivery as it
// is.
func TestAWriterEndsAtAnyPoint(t *testing.T) {
	for name, d := range deliveries() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			points := 0
			for finished := false; !finished && !t.Failed(); points++ {
				t.Run(fmt.Sprint("after write ", points), func(t *testing.T) {
					finished = putKilledAfter(t, w, d, points)
				})
			}
			if points < 4 { // activities, recent, index
				t.Errorf("it ended at %d points only", points)
			}
		})
	}
}

func putKilledAfter(t *testing.T, w *world, d delivery, writes int) (finished bool) {
	store, records := d.begin(t, w)
	before := d.before(w)
	w.proxy.FailAfter(writes, changes)
	_, err := store.Put(t.Context(), records)
	w.proxy.FailWhen(nil)

	for _, limit := range []int{1, 10} {
		shown := w.list(t, w.other(t), limit)
		if len(shown) > 1 || len(shown) < min(1, len(before)) {
			t.Errorf("with pages of %d the list shows %q", limit, shown)
		}
	}
	mustPut(t, w.other(t), records...)
	w.wantListed(t, newest(slices.Concat(before, records)))
	w.wantConsistent(t, true)

	if writes%3 == 2 {
		w.erase(t, w.other(t))
		w.wantTraceless(t, "conversation")
	}
	return err == nil
}

// Another instance stores at any point of a delivery. The list shows no row that
// either left behind, and both tables say the same.
func TestAWriterIsOvertakenAtAnyPoint(t *testing.T) {
	overtaking := map[string]func(*world) transcript.Record{
		"newer":                         func(w *world) transcript.Record { return w.said("other", 9, "third") },
		"older":                         func(w *world) transcript.Record { return w.said("other", -9, "third") },
		"between":                       func(w *world) transcript.Record { return w.said("other", 2, "third") },
		"at the same moment, before":    func(w *world) transcript.Record { return w.said("a", 5, "third") },
		"at the same moment, after":     func(w *world) transcript.Record { return w.said("z", 5, "third") },
		"the same, delivered there too": func(w *world) transcript.Record { return w.said("new", 5, "first") },
		"on the next day":               func(w *world) transcript.Record { return w.said("other", nextDay+1, "third") },
	}
	for name, overtaker := range overtaking {
		for _, kind := range []string{"of a conversation it knows", "of a conversation in the table", "of a new conversation"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				w, d := newWorld(t), deliveries()[kind]
				for point, reached := 0, true; reached; point++ {
					store, records := d.begin(t, w)
					reached = false
					w.proxy.Before(nth(point), func() {
						reached = true
						mustPut(t, w.other(t), overtaker(w))
					})
					mustPut(t, store, records...)
					w.proxy.FailWhen(nil)
					if reached {
						w.wantListed(t, newest(slices.Concat(d.before(w), records, []transcript.Record{overtaker(w)})))
						w.wantConsistent(t, false)
					}
					if t.Failed() {
						t.Fatalf("overtaken at request %d", point)
					}
				}
			})
		}
	}
}

// Another instance erases the conversation at any point of a delivery: what was
// delivered is found, or is gone.
func TestAConversationIsErasedAtAnyPointOfADelivery(t *testing.T) {
	for _, name := range []string{"of a conversation it knows", "with a new user, after a restart", "of what is there", "of a new conversation on two days"} {
		t.Run(name, func(t *testing.T) {
			w, d := newWorld(t), deliveries()[name]
			for point, reached := 0, true; reached; point++ {
				store, records := d.begin(t, w)
				reached = false
				w.proxy.Before(nth(point), func() {
					reached = true
					w.erase(t, w.other(t))
				})
				mustPut(t, store, records...)
				w.wantSeenOrGone(t)
				if point%3 == 0 {
					w.erase(t, w.other(t))
					w.wantTraceless(t, "conversation")
				}
				mustPut(t, store, records...) // to an instance that remembers rows
				w.wantSeenOrGone(t)
				w.wantListed(t, newest(records))
				if t.Failed() {
					t.Fatalf("erased at request %d", point)
				}
			}
		})
	}
}

// Between the activities and the index of one Put, the conversation is erased
// and another Put of the same instance makes it anew. What the first finds
// remembered then says nothing of its own activities.
func TestAnErasedConversationIsMadeAnewWithinTheSameInstance(t *testing.T) {
	w := newWorld(t)
	store := w.victim(t)
	mustPut(t, store, w.said("old", 0, "first"))
	done := false
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if done || !r.Writes("messages") {
			return nil
		}
		done = true
		return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
			withheld(rw, r, service, func() {
				w.erase(t, w.other(t))
				mustPut(t, store, w.said("other", 1, "second"))
			})
		}
	})
	mustPut(t, store, w.said("new", 5, "third"))
	w.wantListed(t, "conversation: third says new")
	w.wantSeenOrGone(t)
}
