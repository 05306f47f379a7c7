package tablestore_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
)

// spoilJournal makes the journal of the conversation one that nobody can read.
func (w *world) spoilJournal(t *testing.T, columns map[string]string) {
	t.Helper()
	rows := w.rows(t, "erasures")
	if len(rows) != 1 {
		t.Fatalf("table erasures has %v", rows)
	}
	columns["PartitionKey"], columns["RowKey"] = rows[0].text("PartitionKey"), rows[0].text("RowKey")
	entity, err := json.Marshal(columns)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.table(t, "erasures").UpsertEntity(t.Context(), entity, nil); err != nil {
		t.Fatal(err)
	}
}

// unreadable are rows of table erasures that are no journals.
func unreadable() []map[string]string {
	return []map[string]string{{}, {"Days": "?"}, {"Days": `["2026-11-21T12:00:00Z"]`}, {"Days": "[]", "Before": "?"}}
}

// interrupted begins to erase a lively conversation, ends after some writes, and
// spoils the journal.
func (w *world) interrupted(t *testing.T, writes int, columns map[string]string) {
	t.Helper()
	w.turn()
	w.lively(t)
	w.proxy.FailAfter(writes, changes)
	if err := w.victim(t).Erase(t.Context(), w.assistant, "conversation"); err == nil {
		t.Fatal("Erase was not interrupted")
	}
	w.proxy.FailWhen(nil)
	w.spoilJournal(t, columns)
}

func TestWhereTheJournalCannotBeReadAllOfAConversationIsErasedOnRequest(t *testing.T) {
	w := newWorldWithTables(t)
	idle := func() error {
		row := transcript.DayRow{Key: "conversation", Day: noon().Truncate(day)}
		return w.other(t).EraseIdle(t.Context(), w.assistant, row, noon().Add(100*day))
	}
	all := func() error { return w.other(t).Erase(t.Context(), w.assistant, "conversation") }
	for i, columns := range unreadable() {
		for _, writes := range []int{1, 2, 4, 6} { // the journal, activities, rows
			w.interrupted(t, writes, columns)
			if err := []func() error{all, idle}[(i+writes/2)%2](); err != nil {
				t.Errorf("%v after %d writes: %v", columns, writes, err)
			}
			w.wantTraceless(t, "conversation")
			w.wantListed(t, keptListed)
		}
	}
}

func TestWhereTheJournalCannotBeReadAConversationThatGoesOnIsKept(t *testing.T) {
	w := newWorldWithTables(t)
	w.interrupted(t, 1, map[string]string{"Days": "?"})
	row := transcript.DayRow{Key: "conversation", Day: noon().Truncate(day)}
	if err := w.other(t).EraseIdle(t.Context(), w.assistant, row, noon()); !errors.Is(err, transcript.ErrActive) {
		t.Errorf("EraseIdle: %v", err)
	}
	w.wantListed(t, "conversation: it's /#? says late", keptListed)
}

// A journal that cannot be read does not tell what its erasure keeps. What has
// activities yet stays as it is, for whoever erases the conversation or a user.
func TestFinishingByAJournalThatCannotBeReadKeepsWhatIsLeft(t *testing.T) {
	w := newWorldWithTables(t)
	for writes := 1; writes < 7; writes++ {
		w.interrupted(t, writes, unreadable()[writes%4])
		store := w.other(t)
		left := collect(t, store.Activities(t.Context(), w.assistant, "conversation"))
		done, err := store.Finish(t.Context(), w.assistant, "conversation")
		if done != (len(left) == 0) || err != nil {
			t.Errorf("after %d writes, with %d activities left: %v, %v", writes, len(left), done, err)
		}
		if got := collect(t, store.Activities(t.Context(), w.assistant, "conversation")); len(got) != len(left) {
			t.Errorf("after %d writes: of %d activities %d are left", writes, len(left), len(got))
		}
		if keys, err := store.Unfinished(t.Context(), w.assistant); err != nil || len(keys) > 0 {
			t.Errorf("after %d writes: unfinished are %q, %v", writes, keys, err)
		}
		if len(left) == 0 {
			w.wantTraceless(t, "conversation")
			w.wantListed(t, keptListed)
			continue
		}
		w.wantListed(t, "conversation: it's /#? says late", keptListed)
		for _, record := range left {
			if keys, err := store.UserConversations(t.Context(), w.assistant, record.FromID); record.FromID != "bot" && (err != nil || !slices.Contains(keys, "conversation")) {
				t.Errorf("%s has conversations %q: %v", record.FromID, keys, err)
			}
		}
	}
}

// Another erasure's journal is found to be unreadable where this one's was to be.
func TestAJournalThatCannotBeReadComesBesideAnErasure(t *testing.T) {
	w := newWorldWithTables(t)
	for at := range 2 {
		w.turn()
		w.lively(t)
		changed := 0
		w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
			isJournal := r.Writes("erasures") || r.Method == http.MethodDelete && strings.Contains(r.Path, "/erasures(")
			if !isJournal {
				return nil
			}
			if changed++; changed != at+1 {
				return nil
			}
			return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
				entity, _ := json.Marshal(map[string]string{"PartitionKey": w.assistant, "RowKey": "c.conversation", "Days": "?"})
				if _, err := w.table(t, "erasures").UpsertEntity(t.Context(), entity, nil); err != nil {
					t.Error(err)
				}
				service.ServeHTTP(rw, r)
			}
		})
		w.erase(t, w.victim(t))
		if changed <= at {
			t.Fatalf("it changes its journal %d times: this test sees too little", changed)
		}
		w.wantTraceless(t, "conversation")
	}
}
