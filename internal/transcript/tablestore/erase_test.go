package tablestore_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// lively stores a conversation of several days and users, with rows of table
// recent that writers left behind, and another conversation that is to stay.
func (w *world) lively(t *testing.T) {
	t.Helper()
	var records []transcript.Record
	for i := range 110 { // more than a transaction takes
		records = append(records, w.said(fmt.Sprint("many ", i), i, []string{"first", "second"}[i%2]))
	}
	for i, user := range []string{"third", "dl_fourth", "it's /#?"} {
		records = append(records, w.said("late", (i+1)*3*nextDay, user))
	}
	records = append(records, w.told("greeting", 60, "fifth"))
	records = append(records, w.saidIn("kept", "1", 0, "first"), w.saidIn("kept", "2", nextDay, "second"))
	mustPut(t, w.other(t), records...)
	for _, minute := range []int{0, 50, 3 * nextDay} {
		w.leaveBehind(t, noon().Add(time.Duration(minute)*time.Minute))
	}
}

// leaveBehind puts a row of the conversation into table recent as a writer that
// ended too soon leaves it.
func (w *world) leaveBehind(t *testing.T, at time.Time) {
	t.Helper()
	key := transcript.ConversationRow("conversation")
	entity, err := json.Marshal(map[string]any{
		"PartitionKey": transcript.DayPartition(w.assistant, at), "RowKey": transcript.RecentRow(at, key), "ConversationKey": key,
		"ConversationId": "conversation", "LastText": "stale", "LastActivityAt": at, "LastActivityAt@odata.type": "Edm.DateTime",
		"LastKey": transcript.NewKey(w.assistant, "conversation", "stale", at).Row,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.table(t, "recent").UpsertEntity(t.Context(), entity, nil); err != nil {
		t.Fatal(err)
	}
}

const keptListed = "kept: second says 2"

func TestRowsLeftBehindDoNotShow(t *testing.T) {
	w := newWorld(t)
	w.lively(t)
	w.wantListed(t, "conversation: it's /#? says late", keptListed)
}

// snapshot is all that the tables hold of the assistant.
func (w *world) snapshot(t *testing.T) map[string][]row {
	t.Helper()
	all := make(map[string][]row)
	for _, table := range []string{"messages", "conversations", "recent", "users"} {
		all[table] = w.rows(t, table)
	}
	return all
}

// An erasure ends at any of its requests. Then nothing has happened yet, or it is
// among the unfinished; and whoever goes on with it leaves nothing.
func TestAnErasureEndsAtAnyPoint(t *testing.T) {
	w := newWorld(t)
	points := 0
	for finished := false; !finished && !t.Failed(); points++ {
		t.Run(fmt.Sprint("after write ", points), func(t *testing.T) {
			finished = eraseKilledAfter(t, w, points)
		})
	}
	if points < 10 {
		t.Errorf("it ended at %d points only", points)
	}
}

func eraseKilledAfter(t *testing.T, w *world, writes int) (finished bool) {
	w.turn()
	w.lively(t)
	before := w.snapshot(t)
	w.proxy.FailAfter(writes, changes)
	err := w.victim(t).Erase(t.Context(), w.assistant, "conversation")
	w.proxy.FailWhen(nil)

	store := w.other(t)
	unfinished, unfinishedErr := store.Unfinished(t.Context(), w.assistant)
	if unfinishedErr != nil {
		t.Fatal(unfinishedErr)
	}
	if err != nil && len(unfinished) == 0 {
		if diff := cmp.Diff(before, w.snapshot(t)); diff != "" {
			t.Errorf("nobody knows that an erasure began, which changed (-before +after):\n%s", diff)
		}
	}
	if writes%2 == 0 || len(unfinished) == 0 {
		unfinished = []string{"conversation"}
	}
	for _, key := range unfinished {
		if err := store.Erase(t.Context(), w.assistant, key); err != nil {
			t.Errorf("Erase: %v", err)
		}
	}
	w.wantTraceless(t, "conversation")
	w.wantListed(t, keptListed)
	w.wantConsistent(t, false)
	return err == nil
}

// Another instance stores at any point of an erasure.
func TestAnActivityComesAtAnyPointOfAnErasure(t *testing.T) {
	coming := map[string]func(*world) transcript.Record{
		"newer":            func(w *world) transcript.Record { return w.said("coming", 9, "third") },
		"the same again":   func(w *world) transcript.Record { return w.said("1", 0, "first") },
		"on another day":   func(w *world) transcript.Record { return w.said("coming", 2*nextDay, "third") },
		"on a day between": func(w *world) transcript.Record { return w.said("coming", nextDay, "second") },
	}
	for name, next := range coming {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for point, reached := 0, true; reached; point++ {
				w.turn()
				known := w.other(t)
				mustPut(t, known, w.said("1", 0, "first"), w.said("2", 5, "second"), w.said("3", 3*nextDay, "first"))
				writer := []*tablestore.Store{known, w.other(t)}[point%2]
				reached = false
				w.proxy.Before(nth(point), func() {
					reached = true
					mustPut(t, writer, next(w))
				})
				w.erase(t, w.victim(t))
				w.proxy.FailWhen(nil)
				w.wantSeenOrGone(t)
				mustPut(t, writer, next(w))
				w.wantListed(t, newest([]transcript.Record{next(w)}))
				if point%5 == 0 {
					w.erase(t, w.victim(t))
					w.wantTraceless(t, "conversation")
				}
				if t.Failed() {
					t.Fatalf("stored at request %d", point)
				}
			}
		})
	}
}

// A Put that ended between the users and the index, and was never repeated, left
// nobody in the index.
func TestUsersWhomTheIndexDoesNotNameAreErased(t *testing.T) {
	w := newWorld(t)
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("recent") {
			return tablestest.Answer(http.StatusForbidden, "")
		}
		return nil
	})
	if _, err := w.victim(t).Put(t.Context(), []transcript.Record{w.said("1", 0, "first"), w.said("2", 1, "dl_second")}); err == nil {
		t.Fatal("Put reports success")
	}
	if users := w.rows(t, "users"); len(users) != 2*2 {
		t.Fatalf("table users has %v", users)
	}
	w.erase(t, w.other(t))
	w.wantTraceless(t, "conversation")
}

// A Put stored its activities, then they are erased, and then it ends after any of
// its writes, before it notices. What it leaves of the day is erased with the
// rest of the conversation, whose other day is as it should be.
func TestWhatAPutLeftAfterAnErasureIsErased(t *testing.T) {
	w := newWorld(t)
	for writes, finished := 0, false; !finished; writes++ {
		w.turn()
		store := w.victim(t)
		mustPut(t, w.other(t), w.told("0", nextDay, "first"))
		erased, changed := false, 0
		w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
			if !r.Writes("users") && !erased {
				return nil
			}
			if !erased {
				erased = true
				return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
					w.erase(t, w.other(t))
					mustPut(t, w.other(t), w.told("0", nextDay, "first"))
					if changed++; changed > writes {
						tablestest.Answer(http.StatusForbidden, "")(rw, r, service)
						return
					}
					service.ServeHTTP(rw, r)
				}
			}
			if changed > writes || r.Changes() && changed == writes {
				changed = writes + 1
				return tablestest.Answer(http.StatusForbidden, "")
			}
			if r.Changes() {
				changed++
			}
			return nil
		})
		_, err := store.Put(t.Context(), []transcript.Record{w.told("1", 0, "second")})
		finished = err == nil
		w.proxy.FailWhen(nil)
		w.erase(t, w.other(t))
		w.wantTraceless(t, "conversation")
		if t.Failed() {
			t.Fatalf("it ended after %d writes", writes)
		}
	}
}

// A Put ends right after it wrote a row of the index, which an erasure between its
// writes had no chance to see: there is nothing else of that day. The walk over
// old days finds it.
func TestADayThatNothingElseLeadsToIsErasedByItsRow(t *testing.T) {
	w := newWorld(t)
	w.lively(t)
	w.erase(t, w.other(t)) // so that the tables are there
	store := w.victim(t)
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if !r.Writes("conversations") {
			return nil
		}
		return func(rw http.ResponseWriter, r *http.Request, service http.Handler) {
			w.erase(t, w.other(t))
			service.ServeHTTP(rw, r)
			w.proxy.FailWhen(func(tablestest.Request) tablestest.Fault { return tablestest.Answer(http.StatusForbidden, "") })
		}
	})
	if _, err := store.Put(t.Context(), []transcript.Record{w.said("1", 0, "first")}); err == nil {
		t.Fatal("Put reports success")
	}
	w.proxy.FailWhen(nil)
	days, err := w.other(t).Expired(t.Context(), w.assistant, noon().Add(9*day), "", 10)
	place := slices.IndexFunc(days, func(row transcript.DayRow) bool { return row.Key == "conversation" })
	if err != nil || place < 0 {
		t.Fatalf("expired are %v, %v: this test sees too little", days, err)
	}
	if err := w.other(t).EraseIdle(t.Context(), w.assistant, days[place], noon()); err != nil {
		t.Errorf("EraseIdle: %v", err)
	}
	w.wantTraceless(t, "conversation")
	w.wantListed(t, keptListed)
}

// Erasing what is not there, or once more, takes as many requests however many
// conversations there are, and none goes through a whole table.
func TestErasingWhatIsGoneTakesFewRequests(t *testing.T) {
	proxy, through, past := emulator.NewProxy(t)
	seed(t, past, 3000, overAYear)
	mustPut(t, open(t, past, tablestore.Options{}), said(1), said(2))
	store := open(t, through, tablestest.Impatient(t))
	if err := store.Erase(t.Context(), "bankx", "conversation000000"); err != nil { // which makes the tables
		t.Fatal(err)
	}
	for _, test := range []struct {
		key      string
		requests int
	}{{"made-up", 3}, {"conversation", 13}, {"conversation", 3}} {
		proxy.Take()
		if err := store.Erase(t.Context(), "bankx", test.key); err != nil {
			t.Fatal(err)
		}
		requests := proxy.Take()
		if len(requests) > test.requests {
			t.Errorf("erasing %q takes %d requests, want %d", test.key, len(requests), test.requests)
		}
		for _, r := range requests {
			if r.Method == http.MethodGet && strings.HasSuffix(r.Path, "()") && !strings.Contains(r.Query, "PartitionKey+eq+") {
				t.Errorf("erasing %q asks %s?%s", test.key, r.Path, r.Query)
			}
		}
	}
}

// A row of the index names 64 users; table users has all.
func TestACrowdIsErased(t *testing.T) {
	w := newWorld(t)
	var records []transcript.Record
	for i := range 150 {
		records = append(records, w.told(fmt.Sprint(i), i, fmt.Sprint("user ", i)))
	}
	store := w.other(t)
	for few := range slices.Chunk(records, 30) {
		mustPut(t, store, few...)
	}
	users := w.rows(t, "users")
	if len(users) != 2*150 {
		t.Fatalf("table users has %d rows", len(users))
	}
	for _, i := range []int{0, 150, 299} { // what a transaction too large for the service may have parted
		if row := users[i]; !strings.HasPrefix(row.text("RowKey"), "~") {
			if _, err := w.table(t, "users").DeleteEntity(t.Context(), row.text("PartitionKey"), row.text("RowKey"), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.erase(t, store)
	w.wantTraceless(t, "conversation")
}

// ghost stores a conversation of two days and removes activities past the store,
// as an erasure in the middle of a Put does that never came to its end.
func (w *world) ghost(t *testing.T, isGone func(messageRow string) bool) {
	t.Helper()
	mustPut(t, w.other(t), w.said("1", 0, "first"), w.said("2", nextDay, "second"))
	messages := w.table(t, "messages")
	for _, r := range w.rows(t, "messages") {
		if isGone(r.text("RowKey")) {
			if _, err := messages.DeleteEntity(t.Context(), r.text("PartitionKey"), r.text("RowKey"), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhatTheIndexSaysOfErasedActivitiesDoesNotShowAndIsErased(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		isGone func(string) bool
		listed []string
	}{
		"all are gone":           {func(string) bool { return true }, nil},
		"the newest day is gone": {func(row string) bool { return strings.HasSuffix(row, ".2") }, []string{"conversation: first says 1"}},
		"an older day is gone":   {func(row string) bool { return strings.HasSuffix(row, ".1") }, []string{"conversation: second says 2"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w.turn()
			w.ghost(t, test.isGone)
			w.wantListed(t, test.listed...)
			w.erase(t, w.other(t))
			w.wantListed(t)
			w.wantTraceless(t, "conversation")
		})
	}
}

func TestAnErasureKeepsToTheLimitsOfTransactions(t *testing.T) {
	w := newWorld(t)
	w.lively(t)
	w.proxy.Take()
	w.erase(t, w.victim(t))
	transactions := 0
	for _, r := range w.proxy.Take() {
		if r.IsTransaction() {
			transactions++
			if rows := r.Operations(); rows > 100 {
				t.Errorf("a transaction of %d rows", rows)
			}
		}
	}
	if transactions < 8 {
		t.Errorf("saw %d transactions: this test sees too little", transactions)
	}
}

// A conversation of more days than a journal holds is erased part by part, and
// known to be unfinished all the time.
func TestAConversationOfManyDays(t *testing.T) {
	w := newWorld(t)
	var records []transcript.Record
	for i := range 110 {
		records = append(records, w.said(fmt.Sprint(i), i*nextDay, "first"))
	}
	mustPut(t, w.other(t), records...)
	removals := 0
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Method != http.MethodDelete {
			return nil
		}
		if removals++; removals%50 == 1 && len(w.rows(t, "erasures")) == 0 {
			t.Error("a row of the index goes without a journal")
		}
		return nil
	})
	w.erase(t, w.victim(t))
	w.wantTraceless(t, "conversation")
}
