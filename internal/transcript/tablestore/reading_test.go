package tablestore_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// fullActivity is an activity whose gzip nearly fills a row.
func fullActivity(t *testing.T) (activity, compressed []byte) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 1_300_000)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range text {
		text[i] = letters[random.IntN(len(letters))]
	}
	activity = fmt.Appendf(nil, `{"type":"message","text":"%s"}`, text)
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(activity); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if size := packed.Len(); size < transcript.MaxRow*9/10 || size > transcript.MaxRow {
		t.Fatalf("the activity takes %d bytes gzipped, not nearly a row", size)
	}
	return activity, packed.Bytes()
}

// page is an answer to a query, with the rows' ids and the way to the next page.
type page struct {
	ids  []string
	next string
}

// The service ends a page at a partition's border or after five seconds, so a
// page may be empty and still not the last.
func TestTrapAnEmptyPageCarriesAContinuation(t *testing.T) {
	pages := map[string]page{
		"":       {next: "second"},
		"second": {ids: []string{"1", "2"}, next: "third"},
		"third":  {next: "fourth"},
		"fourth": {ids: []string{"3"}},
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current := pages[r.URL.Query().Get("NextPartitionKey")]
		rows := []map[string]string{}
		for _, id := range current.ids {
			rows = append(rows, map[string]string{
				"PartitionKey": "p", "RowKey": id, "ConversationId": id, "ActivityId": id, "Activity": "{}",
				"SentAt": "2026-11-21T12:00:00Z", "LastActivityAt": "2026-11-21T12:00:00Z",
			})
		}
		if current.next != "" {
			w.Header().Set("x-ms-continuation-NextPartitionKey", current.next)
			w.Header().Set("x-ms-continuation-NextRowKey", "row")
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"value": rows})
	}))
	defer service.Close()
	store := open(t, "AccountName=a;AccountKey="+azurite.Key+";TableEndpoint="+service.URL, tablestest.Impatient(t))

	var ids []string
	for _, record := range collect(t, store.Activities(t.Context(), "bankx", "conversation")) {
		ids = append(ids, record.ActivityID)
	}
	for _, row := range collect(t, store.Conversations(t.Context(), "bankx")) {
		ids = append(ids, row.ConversationID)
	}
	if diff := cmp.Diff([]string{"1", "2", "3", "1", "2", "3"}, ids); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Filters are raw strings: a quote in a value would end it.
func TestTrapQuotesInFilters(t *testing.T) {
	_, connection := emulator.Account(t)
	store := open(t, connection, tablestore.Options{})
	records := []transcript.Record{
		message("it's", "1", noon(), "quoted"),
		message("' or PartitionKey gt '", "1", noon(), "injected"),
		message("plain", "1", noon(), "plain"),
	}
	mustPut(t, store, records...)
	for i := range records {
		got := collect(t, store.Activities(t.Context(), "bankx", records[i].ConversationID))
		if len(got) != 1 || got[0].Text != records[i].Text {
			t.Errorf("conversation %q reads %d records", records[i].ConversationID, len(got))
		}
	}
	for _, assistant := range []string{"bankx'", "' or PartitionKey gt '"} {
		if rows := collect(t, store.Conversations(t.Context(), assistant)); len(rows) > 0 {
			t.Errorf("assistant %q reads %d conversations of others", assistant, len(rows))
		}
	}
}

func TestRowsOfAnotherFormAreErrors(t *testing.T) {
	tests := map[string]string{
		"no activity":             `{"PartitionKey":"p","RowKey":"r"}`,
		"a gzip that is none":     `{"ActivityGzip0":"AAAA"}`,
		"a part that is no bytes": `{"ActivityGzip0":"%"}`,
		"a time that is none":     `{"Activity":"{}","SentAt":"yesterday"}`,
		"another type":            `{"Activity":1}`,
	}
	for name, row := range tests {
		t.Run(name, func(t *testing.T) {
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"value":[%s]}`, row)
			}))
			defer service.Close()
			store := open(t, "AccountName=a;AccountKey="+azurite.Key+";TableEndpoint="+service.URL, tablestest.Impatient(t))
			var readErr error
			count := 0
			for _, err := range store.Activities(t.Context(), "bankx", "conversation") {
				count++
				readErr = err
			}
			if readErr == nil || count != 1 || strings.Contains(readErr.Error(), "yesterday") {
				t.Errorf("read %d rows, then %v", count, readErr)
			}
		})
	}
}
