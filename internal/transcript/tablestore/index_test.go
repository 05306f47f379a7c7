package tablestore_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// said is an activity of one conversation, n seconds past noon.
func said(n int) transcript.Record {
	return message("conversation", strconv.Itoa(n), noon().Add(time.Duration(n)*time.Second), fmt.Sprint("turn ", n))
}

// countIndex counts the requests that write and that read rows of the index.
func countIndex(requests []tablestest.Request) (written, read int) {
	for i := range requests {
		switch r := &requests[i]; {
		case r.Writes("conversations"):
			written++
		case r.Method == http.MethodGet && strings.Contains(r.Path, "/conversations("):
			read++
		}
	}
	return written, read
}

func wantIndexRequests(t *testing.T, when string, requests []tablestest.Request, written, read int) {
	t.Helper()
	if gotWritten, gotRead := countIndex(requests); gotWritten != written || gotRead != read {
		t.Errorf("%s: %d writes and %d reads of the index, want %d and %d", when, gotWritten, gotRead, written, read)
	}
}

func wantLast(t *testing.T, store transcript.Contents, n int) {
	t.Helper()
	index := collect(t, store.Conversations(t.Context(), "bankx"))
	if want := fmt.Sprint("turn ", n); len(index) != 1 || index[0].LastText != want {
		t.Errorf("the index says %+v, want %s", index, want)
	}
}

func TestTheIndexIsWrittenWithoutReadingIt(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	mustPut(t, store, said(1))
	proxy.Take()

	mustPut(t, store, said(2))
	wantIndexRequests(t, "a new activity", proxy.Take(), 1, 0)
	mustPut(t, store, said(3))
	wantIndexRequests(t, "another", proxy.Take(), 1, 0)
	// Also what it knows to be there is written: it may have been erased.
	mustPut(t, store, said(3), said(2))
	wantIndexRequests(t, "a redelivery", proxy.Take(), 1, 0)
	wantLast(t, store, 3)
}

// After a restart a Store remembers nothing: it takes the row for a new one, is
// told of the conflict and reads it, once.
func TestAStoreThatRemembersNothingFindsTheRow(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	mustPut(t, open(t, through, tablestest.Impatient(t)), said(5))
	proxy.Take()

	restarted := open(t, through, tablestest.Impatient(t))
	mustPut(t, restarted, said(4))
	wantIndexRequests(t, "an older activity", proxy.Take(), 2, 1)
	mustPut(t, restarted, said(6))
	wantIndexRequests(t, "a newer activity", proxy.Take(), 1, 0)
	wantLast(t, restarted, 6)
}

func TestManyRowsThatNobodyRemembersAreReadOnceEach(t *testing.T) {
	const rows, together = 40, 8
	proxy, through, _ := emulator.NewProxy(t)
	mustPut(t, open(t, through, tablestest.Impatient(t)), chatter(rows, 1)...)
	proxy.Take()
	mustPut(t, open(t, through, tablestest.Impatient(t)), chatter(rows, 2)...)
	wantIndexRequests(t, "the first Put after a restart", proxy.Take(), 1+rows/together, rows)
}

// The table holds times to 100 ns; a redelivery must not look newer than its row
// for the rest. It is written over the row once: what was there before may be what
// an erasure is about to remove.
func TestARedeliveryIsNotNewerThanItsRow(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	precise := message("conversation", "1", noon().Add(89), "turn 1")
	mustPut(t, open(t, through, tablestest.Impatient(t)), precise)
	proxy.Take()
	restarted := open(t, through, tablestest.Impatient(t))
	mustPut(t, restarted, precise)
	wantIndexRequests(t, "a redelivery to another instance", proxy.Take(), 2, 1)
	mustPut(t, restarted, precise)
	wantIndexRequests(t, "a redelivery to the same one", proxy.Take(), 1, 0)
	wantLast(t, restarted, 1)
}

func TestAnotherInstanceChangesTheRowInBetween(t *testing.T) {
	proxy, through, past := emulator.NewProxy(t)
	ours, other := open(t, through, tablestest.Impatient(t)), open(t, past, tablestore.Options{})
	mustPut(t, ours, said(1))
	mustPut(t, other, said(9))
	proxy.Take()

	mustPut(t, ours, said(5))
	wantIndexRequests(t, "an activity older than the other's", proxy.Take(), 2, 1)
	wantLast(t, ours, 9)
	mustPut(t, other, said(10))
	mustPut(t, ours, said(11))
	wantLast(t, other, 11)
	mustPut(t, other, said(12))
	wantLast(t, ours, 12)
}

func TestAnotherInstanceRemovesTheRowInBetween(t *testing.T) {
	_, connection := emulator.Account(t)
	store := open(t, connection, tablestore.Options{})
	mustPut(t, store, said(1))
	service, err := aztables.NewServiceClientFromConnectionString(connection, bareOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	index := service.NewClient("conversations")
	if _, err := index.DeleteEntity(t.Context(), transcript.DayPartition("bankx", noon()), transcript.ConversationRow("conversation"), nil); err != nil {
		t.Fatal(err)
	}
	mustPut(t, store, said(2))
	wantLast(t, store, 2)

	if _, err := index.Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	mustPut(t, store, said(3))
	wantLast(t, store, 3)
}

// The row changes between every look at it and the write that follows.
func TestAWriterThatIsAlwaysLateGivesUp(t *testing.T) {
	proxy, through, past := emulator.NewProxy(t)
	late, early := open(t, through, tablestest.Impatient(t)), open(t, past, tablestore.Options{})
	mustPut(t, early, said(0))
	changes := 0
	overtake := func(w http.ResponseWriter, r *http.Request, service http.Handler) {
		changes++
		if _, err := early.Put(r.Context(), []transcript.Record{said(changes)}); err != nil {
			t.Error(err)
		}
		service.ServeHTTP(w, r)
	}
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("conversations") {
			return overtake
		}
		return nil
	})
	record := said(1000)
	if _, err := late.Put(t.Context(), []transcript.Record{record}); err == nil || !strings.Contains(err.Error(), "conflicts") {
		t.Errorf("Put returned %v, want that it gave up after conflicts", err)
	}
	if changes < 10 {
		t.Errorf("it gave up after %d conflicts", changes)
	}
	proxy.FailWhen(nil)
	mustPut(t, late, record)
	wantLast(t, early, 1000)
}

// Instances that get the messages of the same conversations in turns write
// the same rows of one day at once, in transactions of many rows.
func TestManyInstancesConverge(t *testing.T) {
	_, connection := emulator.Account(t)
	const writers, turns, conversations = 4, 4, 20
	records := chatter(conversations, writers*turns)
	want := cleanDelivery(t, records)
	var instances sync.WaitGroup
	for i := range writers {
		store := open(t, connection, tablestore.Options{})
		instances.Go(func() {
			for turn := range turns {
				from := (turn*writers + i) * conversations // one row of each conversation
				if _, err := store.Put(t.Context(), records[from:from+conversations]); err != nil {
					t.Errorf("instance %d: %v", i, err)
				}
			}
		})
	}
	instances.Wait()
	wantSame(t, readAll(t, open(t, connection, tablestore.Options{}), records), want)
}
