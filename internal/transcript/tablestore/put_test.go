package tablestore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

func noon() time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
}

// chatter is rows messages each of conversations.
func chatter(conversations, rows int) []transcript.Record {
	var records []transcript.Record
	for row := range rows {
		for i := range conversations {
			conversation := fmt.Sprintf("conversation%d", i)
			records = append(records, message(conversation, strconv.Itoa(row), noon().Add(time.Duration(row)*time.Second), fmt.Sprint("turn ", row)))
		}
	}
	return records
}

// content is all that a store holds of assistant bankx.
type content struct {
	Activities map[string][]string
	Index      []transcript.Conversation
}

func readAll(t *testing.T, store transcript.Contents, records []transcript.Record) content {
	t.Helper()
	all := content{Activities: make(map[string][]string)}
	all.Index = collect(t, store.Conversations(t.Context(), "bankx"))
	for i := range records {
		id := records[i].ConversationID
		if _, read := all.Activities[id]; read {
			continue
		}
		all.Activities[id] = []string{}
		for _, record := range collect(t, store.Activities(t.Context(), "bankx", id)) {
			all.Activities[id] = append(all.Activities[id], string(record.Activity))
		}
	}
	return all
}

func collect[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

// cleanDelivery is what a store holds after an undisturbed Put.
func cleanDelivery(t *testing.T, records []transcript.Record) content {
	t.Helper()
	_, connection := emulator.Account(t)
	store := open(t, connection, tablestore.Options{})
	mustPut(t, store, records...)
	return readAll(t, store, records)
}

func mustPut(t *testing.T, store transcript.Store, records ...transcript.Record) {
	t.Helper()
	refused, err := store.Put(t.Context(), records)
	if err != nil || len(refused) > 0 {
		t.Fatalf("Put refused %d records with error %v", len(refused), err)
	}
}

func wantSame(t *testing.T, got, want content) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestPutOutlivesFaults(t *testing.T) {
	requests := map[string]tablestest.Fault{
		"503 ServerBusy":        tablestest.Answer(http.StatusServiceUnavailable, `{"odata.error":{"code":"ServerBusy"}}`),
		"500":                   tablestest.Answer(http.StatusInternalServerError, ""),
		"429":                   tablestest.Answer(http.StatusTooManyRequests, ""),
		"cut before it is read": tablestest.Cut,
		"cut after the commit":  tablestest.CutAfterCommit,
		"the answer breaks off": tablestest.BreakOff,
	}
	transactions := map[string]tablestest.Fault{
		"a time-out in the transaction": tablestest.AnswerInTransaction(http.StatusInternalServerError, "OperationTimedOut", "0:Later."),
		"an empty answer":               tablestest.Answer(http.StatusAccepted, ""),
		"an answer of no transaction":   tablestest.Answer(http.StatusAccepted, "--x\r\n\r\n--x\r\n\r\n--x--"),
	}
	records := chatter(5, 3)
	want := cleanDelivery(t, records)
	outlive := func(transactionsOnly bool, wrong tablestest.Fault) func(*testing.T) {
		return func(t *testing.T) {
			proxy, through, _ := emulator.NewProxy(t)
			store := open(t, through, tablestest.Impatient(t))
			mustPut(t, store, chatter(1, 1)...) // the tables are there
			proxy.FailFirst(1, transactionsOnly, wrong)
			mustPut(t, store, records...)
			proxy.FailWhen(nil)
			wantSame(t, readAll(t, store, records), want)
		}
	}
	for name, wrong := range requests {
		t.Run(name, outlive(false, wrong))
	}
	for name, wrong := range transactions {
		t.Run(name, outlive(true, wrong))
	}
}

func TestAServiceThatHangsIsCutAndTriedAgain(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	options := tablestest.Impatient(t)
	options.Retry.TryTimeout = time.Second
	store := open(t, through, options)
	records := chatter(2, 2)
	mustPut(t, open(t, through, tablestest.Impatient(t)), records...)

	hung := false
	proxy.FailWhen(func(tablestest.Request) tablestest.Fault {
		if hung {
			return nil
		}
		hung = true
		return tablestest.Hang
	})
	mustPut(t, store, records...)

	proxy.FailWhen(func(tablestest.Request) tablestest.Fault { return tablestest.Hang })
	options.Retry.TryTimeout = 20 * time.Millisecond
	_, err := open(t, through, options).Put(t.Context(), records)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put to a service that hangs returned %v, want a time-out", err)
	}
}

func TestOnePartitionsFailureLeavesTheOthersStored(t *testing.T) {
	records := chatter(12, 3)
	want := cleanDelivery(t, records)
	const failing = "conversation7"
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("messages") && strings.Contains(string(r.Body), failing) {
			return tablestest.Answer(http.StatusInternalServerError, "")
		}
		return nil
	})
	if _, err := store.Put(t.Context(), records); err == nil {
		t.Fatal("Put reports success although a partition failed")
	}
	got := readAll(t, store, records)
	for conversation, activities := range got.Activities {
		if stored := len(activities) == 3; stored == (conversation == failing) {
			t.Errorf("%d activities of %s are stored", len(activities), conversation)
		}
	}
	for _, row := range got.Index {
		if row.ConversationID == failing {
			t.Error("the index shows a conversation whose rows failed")
		}
	}
	if len(got.Index) != 11 {
		t.Errorf("the index shows %d conversations, want the 11 that were stored", len(got.Index))
	}

	proxy.FailWhen(nil)
	mustPut(t, store, records...)
	wantSame(t, readAll(t, store, records), want)
}

func TestTheIndexComesAfterTheMessages(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	records := chatter(3, 2)
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("conversations") {
			return tablestest.Answer(http.StatusInternalServerError, "")
		}
		return nil
	})
	if _, err := store.Put(t.Context(), records); err == nil {
		t.Fatal("Put reports success although the index failed")
	}
	got := readAll(t, store, records)
	if len(got.Activities["conversation2"]) != 2 || len(got.Index) != 0 {
		t.Errorf("%d activities and %d rows of the index are stored, want 2 and 0", len(got.Activities["conversation2"]), len(got.Index))
	}
	proxy.FailWhen(nil)
	mustPut(t, store, records...)
	wantSame(t, readAll(t, store, records), cleanDelivery(t, records))
}

func TestAServiceThatIsAwayIsNotAskedForEveryPartition(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	options := tablestest.Impatient(t)
	options.Parallelism = 4
	store := open(t, through, options)
	proxy.FailWhen(func(tablestest.Request) tablestest.Fault { return tablestest.Answer(http.StatusServiceUnavailable, "") })
	_, err := store.Put(t.Context(), chatter(200, 1))
	if err == nil {
		t.Fatal("Put reports success although the service is away")
	}
	// Four are under way when the first four have failed.
	if got, most := len(proxy.Take()), 2*4*(1+3); got > most {
		t.Errorf("%d requests, want at most %d", got, most)
	}
	if lines := strings.Count(err.Error(), "\n"); lines > 4 {
		t.Errorf("the error is %d lines long", lines)
	}
}

func TestRowsTheServiceNeverTakesAreRefused(t *testing.T) {
	const large = "turn 4"
	tests := map[string]tablestest.Fault{
		"413":                   tablestest.Answer(http.StatusRequestEntityTooLarge, ""),
		"RequestBodyTooLarge":   tablestest.Answer(http.StatusRequestEntityTooLarge, `{"odata.error":{"code":"RequestBodyTooLarge"}}`),
		"EntityTooLarge":        tablestest.AnswerInTransaction(http.StatusBadRequest, "EntityTooLarge", "3:No."),
		"PropertyValueTooLarge": tablestest.AnswerInTransaction(http.StatusBadRequest, "PropertyValueTooLarge", "3:No."),
		"alone: EntityTooLarge": tablestest.Answer(http.StatusBadRequest, `{"odata.error":{"code":"EntityTooLarge"}}`),
	}
	for name, wrong := range tests {
		t.Run(name, func(t *testing.T) {
			proxy, through, _ := emulator.NewProxy(t)
			store := open(t, through, tablestest.Impatient(t))
			records := chatter(2, 9)
			proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
				if !r.Writes("messages") || !strings.Contains(string(r.Body), large) {
					return nil
				}
				return wrong
			})
			refused, err := store.Put(t.Context(), records)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, refusal := range refused {
				texts = append(texts, refusal.Record.Text)
			}
			if diff := cmp.Diff([]string{large, large}, texts); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if got := readAll(t, store, records); len(got.Activities["conversation1"]) != 8 {
				t.Errorf("%d of the other activities are stored, want 8", len(got.Activities["conversation1"]))
			}
		})
	}
}

func TestTheIndexDoesNotShowARefusedRecord(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	records := append(chatter(1, 2), message("alone", "1", noon(), "turn 1"))
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Writes("messages") && strings.Contains(string(r.Body), "turn 1") {
			return tablestest.Answer(http.StatusRequestEntityTooLarge, "")
		}
		return nil
	})
	refused, err := store.Put(t.Context(), records)
	if err != nil || len(refused) != 2 {
		t.Fatalf("Put refused %d records with error %v, want 2", len(refused), err)
	}
	index := readAll(t, store, records).Index
	if len(index) != 1 || index[0].LastText != "turn 0" {
		t.Errorf("the index shows %+v, want turn 0 of the one conversation", index)
	}
}

// Cosmos DB takes less in one transaction than Table Storage does.
func TestTransactionsTooLargeForTheServiceAreDivided(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	records := chatter(12, 25)
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if len(r.Body) > 6<<10 {
			return tablestest.Answer(http.StatusRequestEntityTooLarge, "")
		}
		return nil
	})
	mustPut(t, store, records...)
	proxy.FailWhen(nil)
	wantSame(t, readAll(t, store, records), cleanDelivery(t, records))
}

func TestErrorsTellNeitherAddressNorContent(t *testing.T) {
	faults := map[string]tablestest.Fault{
		"an answer that quotes": tablestest.Answer(http.StatusBadRequest, `{"odata.error":{"code":"InvalidInput","message":{"value":"turn 0"}}}`),
		"a code of no kind":     tablestest.Answer(http.StatusBadRequest, `{"odata.error":{"code":"turn 0\nforged line"}}`),
		"in a transaction":      tablestest.AnswerInTransaction(http.StatusBadRequest, "InvalidInput", "0:turn 0"),
		"no connection":         tablestest.Cut,
	}
	for name, wrong := range faults {
		t.Run(name, func(t *testing.T) {
			proxy, through, _ := emulator.NewProxy(t)
			proxy.FailWhen(func(tablestest.Request) tablestest.Fault { return wrong })
			store := open(t, through, tablestest.Impatient(t))
			_, err := store.Put(t.Context(), chatter(2, 2))
			if err == nil {
				t.Fatal("Put reports success")
			}
			for row, readErr := range store.Activities(t.Context(), "bankx", "conversation0") {
				if readErr == nil {
					t.Fatalf("read %v", row)
				}
				err = errors.Join(err, readErr)
			}
			for _, hidden := range []string{"turn", "http:", "bankx", "conversation0", "forged", "AccountKey"} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("the error tells %q:\n%v", hidden, err)
				}
			}
		})
	}
}

func TestAnErrorSaysWhyThereIsNoConnection(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	proxy.Close()
	_, err := open(t, through, tablestest.Impatient(t)).Put(t.Context(), chatter(1, 1))
	if !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "chatgate") {
		t.Errorf("Put without a service returned %v", err)
	}
}

func TestRequestsUnderWayAreBounded(t *testing.T) {
	const bound = 3
	proxy, through, _ := emulator.NewProxy(t)
	options := tablestest.Impatient(t)
	options.Parallelism = bound
	store := open(t, through, options)
	mustPut(t, store, chatter(1, 1)...)
	var underWay, most atomic.Int64
	proxy.FailWhen(func(tablestest.Request) tablestest.Fault {
		return func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			now := underWay.Add(1)
			defer underWay.Add(-1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			service.ServeHTTP(w, r)
		}
	})
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			if _, err := store.Put(t.Context(), chatter(20, 2)); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if got := most.Load(); got < 2 || got > bound {
		t.Errorf("at most %d requests were under way, want several and at most %d", got, bound)
	}
}
