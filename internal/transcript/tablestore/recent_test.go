package tablestore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatgate/internal/audit"
	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// A consultant sees a conversation once, also where the index does not come to
// know the newest activities and a row of former ones was left behind.
func TestTheListDoesNotWaitForTheIndex(t *testing.T) {
	w := newWorld(t)
	ahead := map[string]int{"on the same day": 5, "on the next day": nextDay, "before": -5}
	for name, minutes := range ahead {
		for _, table := range []string{"users", "recent", "conversations"} {
			t.Run(name+", without "+table, func(t *testing.T) {
				w.turn()
				store := w.victim(t)
				mustPut(t, store, w.said("0", -30, "first"), w.said("1", 0, "first"))
				w.leaveBehind(t, noon().Add(-30*time.Minute))
				w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
					if r.Writes(table) {
						return tablestest.Answer(403, "")
					}
					return nil
				})
				for i := range 3 {
					_, _ = store.Put(t.Context(), []transcript.Record{w.said("unknown to the index", minutes+i, "second")})
				}
				if got := w.list(t, w.other(t), 1); len(got) != 1 || strings.HasSuffix(got[0], "stale") {
					t.Errorf("the list shows %q", got)
				}
			})
		}
	}
}

// Days on which a conversation was active take no place on a page but the
// newest; a page full of them is empty and has others after it.
func TestAPageLooksAtSoManyRowsOnly(t *testing.T) {
	w := newWorld(t)
	records := []transcript.Record{w.saidIn("once", "1", -1000*nextDay, "first")}
	for i := range 40 {
		records = append(records, w.said("daily", -i*nextDay, "first"))
	}
	mustPut(t, w.other(t), records...)
	store := w.victim(t)
	w.proxy.Take()
	first, err := store.Recent(t.Context(), w.assistant, transcript.Span{}, transcript.Mark{}, 2)
	if err != nil || len(first.Items) != 1 || !first.More {
		t.Fatalf("the first page is %+v, %v", first, err)
	}
	// 1 or 2 queries of table recent, and up to 2 requests for each of 6 rows.
	if got := len(w.proxy.Take()); got > 2+6*2+2 {
		t.Errorf("a page of two took %d requests", got)
	}
	second, err := store.Recent(t.Context(), w.assistant, transcript.Span{}, first.Next, 2)
	if err != nil || len(second.Items) != 0 || !second.More {
		t.Errorf("the second page is %+v, %v", second, err)
	}
	w.wantListed(t, "conversation: first says daily", "once: first says 1")
}

// Every query may answer with an empty page that is not the last.
func TestTrapEmptyPagesCarryContinuations(t *testing.T) {
	w := newWorld(t)
	w.lively(t)
	if err := w.other(t).Ledger().Append(t.Context(), audit.Entry{Assistant: w.assistant, Action: audit.List, At: noon()}); err != nil {
		t.Fatal(err)
	}
	want := w.readings(t, w.other(t))
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if strings.HasSuffix(r.Path, "()") { // a query, not a row
			return tablestest.EmptyPageFirst
		}
		return nil
	})
	got := w.readings(t, w.victim(t))
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0), cmp.AllowUnexported(transcript.Mark{})); diff != "" {
		t.Errorf("with empty pages (-want +got):\n%s", diff)
	}
	w.erase(t, w.victim(t))
	w.wantTraceless(t, "conversation")
}

// readings are the answers to all that there is to ask.
func (w *world) readings(t *testing.T, store *tablestore.Store) map[string]any {
	t.Helper()
	answers := make(map[string]any)
	keep := func(name string, answer any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		answers[name] = answer
	}
	ctx := t.Context()
	page, err := store.Recent(ctx, w.assistant, transcript.Span{}, transcript.Mark{}, 10)
	keep("Recent", page, err)
	conversation, err := store.Conversation(ctx, w.assistant, "conversation")
	keep("Conversation", conversation, err)
	excerpt, err := store.Excerpt(ctx, w.assistant, "conversation", transcript.Part{Limit: 1000, MaxBytes: 1 << 20})
	keep("Excerpt", excerpt, err)
	last, err := store.LastActivity(ctx, w.assistant, "conversation")
	keep("LastActivity", last, err)
	keys, err := store.UserConversations(ctx, w.assistant, "first")
	keep("UserConversations", keys, err)
	expired, err := store.Expired(ctx, w.assistant, noon().Add(1000*day), "", 100)
	keep("Expired", expired, err)
	entries, err := store.Ledger().Page(ctx, w.assistant, "", 10)
	keep("Page", entries, err)
	return answers
}

// The index does not have the newest day yet: the activity tells.
func TestAConversationTheIndexDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	w.proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("recent") {
			return tablestest.Answer(403, "")
		}
		return nil
	})
	newest := w.said("1", 0, "dl_first")
	if _, err := w.victim(t).Put(t.Context(), []transcript.Record{newest}); err == nil {
		t.Fatal("Put reports success")
	}
	got, err := w.other(t).Conversation(t.Context(), w.assistant, "conversation")
	want := transcript.Conversation{
		Assistant: w.assistant, ConversationID: "conversation", UserID: "dl_first", UserName: "Visitor", ChannelID: "directline",
		LastActivityAt: noon(), LastText: "dl_first says 1",
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Duration(0))); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}
