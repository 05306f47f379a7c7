package tablestore_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// willing is a table service that takes whatever it is sent, by several goroutines
// at once, and notes the row keys.
type willing struct {
	mu   sync.Mutex
	rows map[string]bool
}

func (w *willing) Do(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	if r.Method == http.MethodGet {
		answer.Header().Set("ETag", "1")
		_, _ = io.WriteString(answer, "{}")
		return answer.Result(), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	written := regexp.MustCompile(`"RowKey":"([^"]*)"`).FindAllSubmatch(body, -1)
	w.mu.Lock()
	for _, row := range written {
		w.rows[string(row[1])] = true
	}
	w.mu.Unlock()
	answer.Header().Set("Content-Type", "multipart/mixed; boundary=b")
	answer.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(answer, "--b\r\n\r\n"+strings.Repeat("HTTP/1.1 204 No Content\r\nETag: 1\r\n\r\n", len(written)))
	return answer.Result(), nil
}

func storeAt(t *testing.T, endpoint string) (*tablestore.Store, *willing) {
	t.Helper()
	service := &willing{rows: map[string]bool{}}
	store, err := tablestore.New(endpoint, new(identity), &tablestore.Options{ClientOptions: policy.ClientOptions{Transport: service}})
	if err != nil {
		t.Fatal(err)
	}
	return store, service
}

// maxCosmosRowKey is what Microsoft's documents say, in bytes.
const maxCosmosRowKey = 255

// ids are what lengthens the row keys of an activity, in all tables.
func withIDs(conversation, activity, user string) transcript.Record {
	record := message(conversation, activity, noon(), "")
	record.User.ID = user
	return record
}

// Row keys of Cosmos DB for Table have at most 255 bytes. A record that needs a
// longer one in some table can never be stored; sent with others, it would take
// them along, again and again.
func TestRecordsWithRowKeysTooLongForCosmosDBAreRefusedAlone(t *testing.T) {
	long := strings.Repeat("x", 400)
	fine := []transcript.Record{
		withIDs("c1", "1", "user"), withIDs("c1", strings.Repeat("a", 255-len("20261121T120000.000000000Z.")), "user"),
		withIDs(strings.Repeat("c", 200), "1", "user"),
	}
	tooLong := []transcript.Record{
		withIDs("c1", long, "user"),
		withIDs(long, "1", "user"),                                      // in conversations
		withIDs(strings.Repeat("d", 240), "1", "user"),                  // in recent
		withIDs(strings.Repeat("e", 200), "1", strings.Repeat("u", 96)), // in users
		withIDs("c1", strings.Repeat("b", 256-len("20261121T120000.000000000Z.")), "user"),
	}
	store, service := storeAt(t, "https://account.table.cosmos.azure.com")
	refused, err := store.Put(t.Context(), append(append([]transcript.Record{}, tooLong...), fine...))
	if err != nil || len(refused) != len(tooLong) {
		t.Fatalf("Put refused %d records, %v; want %d", len(refused), err, len(tooLong))
	}
	for i := range refused {
		if refused[i].Record.Key != tooLong[i].Key || !strings.Contains(refused[i].Cause.Error(), "255") {
			t.Errorf("refused is %s: %v", refused[i].Record.Key.Row, refused[i].Cause)
		}
	}
	for _, record := range fine {
		if !service.rows[record.Key.Row] {
			t.Errorf("%s was not stored", record.Key.Row)
		}
	}
	for row := range service.rows {
		if len(row) > maxCosmosRowKey {
			t.Errorf("a row key of %d bytes was sent", len(row))
		}
	}
}

func TestTableStorageTakesLongRowKeys(t *testing.T) {
	store, service := storeAt(t, "https://account.table.core.windows.net")
	record := withIDs(strings.Repeat("c", 400), strings.Repeat("a", 400), strings.Repeat("u", 96))
	refused, err := store.Put(t.Context(), []transcript.Record{record})
	if err != nil || len(refused) > 0 || !service.rows[record.Key.Row] {
		t.Errorf("Put refused %d records, %v", len(refused), err)
	}
}
