package tablestore_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// gatedErasure is an erasure that stops before it removes rows of table users:
// it has looked at the rows by then, and at the activities.
type gatedErasure struct {
	arrived, open, ended chan struct{}
}

func (g *gatedErasure) hold(rw http.ResponseWriter, r *http.Request, service http.Handler) {
	close(g.arrived)
	<-g.open
	service.ServeHTTP(rw, r)
}

// begin runs the erasure up to its gate.
func (g *gatedErasure) begin(t *testing.T, w *world, store *tablestore.Store) {
	go func() {
		defer close(g.ended)
		w.erase(t, store)
	}()
	select {
	case <-g.arrived:
	case <-g.ended:
		t.Error("the erasure removes no users: this test sees too little")
	}
}

func (g *gatedErasure) end() {
	close(g.open)
	<-g.ended
}

// beside lets a Put store its activities, has an erasure remove them, and runs
// insert when the Put, which has entered its users, makes the row of the index.
// Where the activities are gone before the users are entered, the erasure knows
// their day by the users alone. Its requests pass the proxy like the Put's.
func (w *world) beside(t *testing.T, isGoneBefore bool, insert func(g *gatedErasure, rw http.ResponseWriter, r *http.Request, service http.Handler)) {
	t.Helper()
	g := &gatedErasure{arrived: make(chan struct{}), open: make(chan struct{}), ended: make(chan struct{})}
	eraser := w.victim(t)
	inserts, isEntered, isHeld := 0, false, false
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		switch {
		case r.Writes("conversations"):
			if inserts++; inserts > 1 {
				return nil
			}
			return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
				g.begin(t, w, eraser)
				insert(g, rw, r, service)
			}
		case isGoneBefore && !isEntered && r.Writes("users"):
			isEntered = true
			return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
				w.erase(t, w.other(t))
				service.ServeHTTP(rw, r)
			}
		case inserts > 0 && !isHeld && r.Writes("users"):
			isHeld = true
			return g.hold
		}
		return nil
	})
}

// wantFoundByUser expects that a user's conversation is found and erased by their
// id.
func (w *world) wantFoundByUser(t *testing.T, user string) {
	t.Helper()
	store := w.other(t)
	keys, err := store.UserConversations(t.Context(), w.assistant, user)
	if key := transcript.ConversationRow("conversation"); err != nil || !slices.Contains(keys, key) {
		t.Errorf("%s has conversations %q: %v", user, keys, err)
	}
	w.wantConsistent(t, false)
	w.erase(t, store)
	w.wantTraceless(t, "conversation")
}

// A Put has entered its users and not yet its row of the index when an erasure
// looks, which erases the activities and the users. The row is made before those
// are removed, or after it. Another Put of the same instance, of a message of the
// bot to nobody, finds that row and remembers it with its own activity. The first
// must not take that for a row whose users it has entered.
func TestUsersThatAnErasureRemovedBesideAWriteAreEnteredAgain(t *testing.T) {
	for name, isLate := range map[string]bool{"the row comes before they are removed": false, "the row comes after they are removed": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWithTables(t)
			store := w.victim(t)
			w.beside(t, false, func(g *gatedErasure, rw http.ResponseWriter, r *http.Request, service http.Handler) {
				if isLate {
					g.end()
				}
				withheld(rw, r, service, func() {
					if !isLate {
						g.end()
					}
					// The Put looks for its activity.
					w.proxy.Before(func(r tablestest.Request) bool { return r.Reads("messages") }, func() {
						mustPut(t, store, w.anonymous("reply", 1))
					})
				})
			})
			mustPut(t, store, w.said("1", 0, "first"))
			w.proxy.FailWhen(nil)
			w.wantListed(t, "conversation: nobody says reply")
			w.wantFoundByUser(t, "first")
		})
	}
}

// The writer ends after it made its row of the index, between an erasure's look
// at the rows and its removal of the users, by which alone that row is found.
func TestARowThatComesWhileItsUsersAreRemovedIsErased(t *testing.T) {
	for name, isGoneBefore := range map[string]bool{"of a day of the erasure": false, "of a day that only its users tell of": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorldWithTables(t)
			w.beside(t, isGoneBefore, func(g *gatedErasure, rw http.ResponseWriter, r *http.Request, service http.Handler) {
				service.ServeHTTP(httptest.NewRecorder(), r)
				g.end()
				w.proxy.FailWhen(func(tablestest.Request) tablestest.Fault { return tablestest.Answer(http.StatusForbidden, "") })
				tablestest.Answer(http.StatusForbidden, "")(rw, r, service)
			})
			if _, err := w.victim(t).Put(t.Context(), []transcript.Record{w.said("1", 0, "first")}); err == nil {
				t.Fatal("Put reports success")
			}
			w.proxy.FailWhen(nil)
			w.wantTraceless(t, "conversation")
		})
	}
}

// usersWritten counts the transactions that enter users.
func usersWritten(requests []tablestest.Request) (written int) {
	for i := range requests {
		if requests[i].Writes("users") {
			written++
		}
	}
	return written
}

func TestUsersAreEnteredOnceByEachInstance(t *testing.T) {
	w := newWorld(t)
	mustPut(t, w.other(t), w.said("0", 0, "other"))
	for instance := range 2 {
		store, later := w.victim(t), (1+instance)*nextDay
		wantUsers := func(when string, want int, records ...transcript.Record) {
			t.Helper()
			w.proxy.Take()
			mustPut(t, store, records...)
			if got := usersWritten(w.proxy.Take()); got != want {
				t.Errorf("instance %d, %s: users are entered %d times, want %d", instance, when, got, want)
			}
		}
		// Taken for a new row at first, and then read.
		wantUsers("of a row that others wrote", 2, w.said("1", 1, "first"))
		wantUsers("of a row that it wrote", 0, w.said("2", 2, "first"))
		wantUsers("to nobody", 0, w.anonymous("3", 3))
		wantUsers("of another user", 1, w.said("4", 4, "second"), w.said("5", 5, "first"))
		wantUsers("of both", 0, w.said("6", 6, "second"), w.said("7", 7, "first"))
		wantUsers("of one whom only others entered", 1, w.said("8", 8, "other"))
		wantUsers("of all, on another day", 1, w.said("9", later, "second"), w.said("10", later, "first"), w.said("11", later, "other"))
	}
	w.wantConsistent(t, false)
}

// An activity is delivered twice, to a second instance while the first has it in
// hand and an erasure passes. The second ends right after it stored the activity.
// The first then finds an activity, and it is not the one that it entered the
// users for; so what comes once more, to the first, must enter them.
func TestAnActivityThatSomebodyElseStoredAgainDoesNotMakeItsUsersEntered(t *testing.T) {
	w := newWorldWithTables(t)
	store, second := w.victim(t), w.victim(t)
	record := w.said("1", 0, "first")
	w.beside(t, false, func(g *gatedErasure, rw http.ResponseWriter, r *http.Request, service http.Handler) {
		g.end()
		w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
			if r.Writes("users") {
				return tablestest.Answer(http.StatusForbidden, "")
			}
			return nil
		})
		if _, err := second.Put(t.Context(), []transcript.Record{record}); err == nil {
			t.Error("the second Put reports success")
		}
		w.proxy.FailWhen(nil)
		service.ServeHTTP(rw, r)
	})
	mustPut(t, store, record)
	mustPut(t, store, record)
	w.wantFoundByUser(t, "first")
}
