package tablestore_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"pgregory.net/rapid"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// aConversation is a service that has one conversation, of activities at the
// given times, and the index of its newest day.
func aConversation(tb testing.TB, times []time.Time) memoryService {
	tb.Helper()
	service := memoryService{}
	add := func(table string, place transcript.Key, columns map[string]any) {
		entity, err := json.Marshal(aztables.EDMEntity{Entity: aztables.Entity{PartitionKey: place.Partition, RowKey: place.Row}, Properties: columns})
		if err != nil {
			tb.Fatal(err)
		}
		service[table] = append(service[table], memoryRow{place, entity})
	}
	var last transcript.Key
	for i, at := range times {
		place := transcript.NewKey("bankx", "conversation", fmt.Sprintf("%06d", i), at)
		add("messages", place, map[string]any{"ConversationId": "conversation", "Text": "Hello", "Activity": `{"type":"message","text":"Hello"}`, "SentAt": aztables.EDMDateTime(at)})
		if place.Row > last.Row {
			last = place
		}
	}
	slices.SortFunc(service["messages"], func(a, b memoryRow) int { return cmp.Compare(a.place.Row, b.place.Row) })
	at, _ := transcript.RowTime(last.Row)
	add("conversations", transcript.Key{Partition: transcript.DayPartition("bankx", at), Row: "conversation"}, map[string]any{
		"ConversationId": "conversation", "LastKey": last.Row, "LastActivityAt": aztables.EDMDateTime(at),
	})
	return service
}

// counted returns a Store at a service in memory, and the number of requests
// that it has made.
func counted(tb testing.TB, service http.Handler) (*tablestore.Store, *atomic.Int64) {
	tb.Helper()
	requests := new(atomic.Int64)
	options := tablestore.Options{}
	options.Transport = transport(func(r *http.Request) (*http.Response, error) {
		requests.Add(1)
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, r)
		return answer.Result(), r.Context().Err()
	})
	return open(tb, "AccountName=a;AccountKey="+azurite.Key+";TableEndpoint=http://127.0.0.1:1/", options), requests
}

// When conversations of so many activities have them.
var spreads = map[string]func(i, of int) time.Duration{
	"evenly": func(i, _ int) time.Duration { return time.Duration(i) * time.Minute },
	"more and more": func(i, of int) time.Duration {
		return time.Duration(1000 * float64(day) * math.Sqrt(float64(i)/float64(of)))
	},
	"in bursts": func(i, _ int) time.Duration { return time.Duration(i/700)*30*day + time.Duration(i%700)*time.Second },
	"one long before": func(i, _ int) time.Duration {
		return time.Duration(min(i, 1))*20*366*day + time.Duration(i)*time.Second
	},
	"all at once": func(_, _ int) time.Duration { return 0 },
}

func timesOf(count int, spread func(i, of int) time.Duration) []time.Time {
	times := make([]time.Time, count)
	for i := range times {
		times[i] = noon().Add(spread(i, count))
	}
	return times
}

// A conversation of many activities is not gone through for each of its pages:
// the requests that its newest activity takes grow with the logarithm of their
// number, and hardly with it. Only activities of one moment cannot be told apart.
func TestTheNewestOfManyActivitiesTakesFewRequests(t *testing.T) {
	for name, spread := range spreads {
		if name == "all at once" {
			continue
		}
		for count, most := range map[int]int64{1: 2, 999: 2, 1000: 4, 10_000: 13} {
			store, requests := counted(t, aConversation(t, timesOf(count, spread)))
			if _, err := store.Conversation(t.Context(), "bankx", "conversation"); err != nil {
				t.Fatal(err)
			}
			first := requests.Swap(0)
			if first > most {
				t.Errorf("%d activities %s: %d requests, want at most %d", count, name, first, most)
			}
			if _, err := store.Conversation(t.Context(), "bankx", "conversation"); err != nil {
				t.Fatal(err)
			}
			if again := requests.Load(); again != 2 {
				t.Errorf("%d activities %s: once more takes %d requests, want one for the newest activity and one for its day", count, name, again)
			}
		}
	}
}

func TestTheNewestActivityIsFoundWhereverItIs(t *testing.T) {
	for name, spread := range spreads {
		for _, count := range []int{1, 2, 999, 1000, 1001, 2000, 5500} {
			if err := wrongNewest(t, timesOf(count, spread)); err != nil {
				t.Errorf("%d activities %s: %v", count, name, err)
			}
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		widest := rapid.Int64Range(1, int64(200*366*day)).Draw(r, "nanoseconds")
		times := make([]time.Time, rapid.IntRange(1, 3000).Draw(r, "activities"))
		for i := range times {
			times[i] = noon().Add(-time.Duration(random.Int64N(1 + random.Int64N(widest))))
		}
		if err := wrongNewest(t, times); err != nil {
			r.Error(err)
		}
	})
}

// wrongNewest says what is wrong with the newest activity that a Store finds,
// whatever the order in which the service gives rows back.
func wrongNewest(t *testing.T, times []time.Time) error {
	t.Helper()
	service := aConversation(t, times)
	newest := slices.MaxFunc(times, time.Time.Compare)
	for name, service := range map[string]http.Handler{"in order": service, "backwards": backwards{service}} {
		store, requests := counted(t, service)
		at, err := store.LastActivity(t.Context(), "bankx", "conversation")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if !at.Equal(newest) {
			return fmt.Errorf("%s: found %v, want %v", name, at, newest)
		}
		if most := int64(130); requests.Load() > most {
			return fmt.Errorf("%s: %d requests", name, requests.Load())
		}
	}
	return nil
}

// backwards gives the rows of each page back in the reverse order, as Cosmos DB
// for Table may: it promises none.
type backwards struct {
	service http.Handler
}

func (b backwards) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorder := httptest.NewRecorder()
	b.service.ServeHTTP(recorder, r)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	var page struct {
		Value []json.RawMessage `json:"value"`
	}
	_ = json.Unmarshal(recorder.Body.Bytes(), &page)
	slices.Reverse(page.Value)
	w.WriteHeader(recorder.Code)
	_ = json.NewEncoder(w).Encode(page)
}

// What was read before may be gone, and all of it erased.
func TestAnActivityThatWasTheNewestMayBeGone(t *testing.T) {
	service := aConversation(t, timesOf(3000, spreads["evenly"]))
	store, _ := counted(t, service)
	if _, err := store.Conversation(t.Context(), "bankx", "conversation"); err != nil {
		t.Fatal(err)
	}
	service["messages"] = service["messages"][:1500]
	got, err := store.Conversation(t.Context(), "bankx", "conversation")
	if want := noon().Add(1499 * time.Minute); err != nil || !got.LastActivityAt.Equal(want) {
		t.Errorf("last active at %v, %v; want %v", got.LastActivityAt, err, want)
	}
	service["messages"] = nil
	if got, err := store.Conversation(t.Context(), "bankx", "conversation"); !errors.Is(err, transcript.ErrNoConversation) {
		t.Errorf("found %+v, %v", got, err)
	}
}

// BenchmarkTranscript reads a page of 100 activities from the middle of a
// conversation, as the service desk does, and reports how many requests that
// takes.
//
//	go test ./internal/transcript/tablestore -run '^$' -bench Transcript
func BenchmarkTranscript(b *testing.B) {
	for _, count := range []int{100, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint("activities=", count), func(b *testing.B) {
			times := timesOf(count, spreads["evenly"])
			store, requests := counted(b, aConversation(b, times))
			middle := transcript.NewKey("bankx", "conversation", fmt.Sprintf("%06d", count/2), times[count/2]).Row
			read := func() {
				_, err := store.Conversation(b.Context(), "bankx", "conversation")
				if err != nil {
					b.Fatal(err)
				}
				if _, err := store.Excerpt(b.Context(), "bankx", "conversation", transcript.Part{After: middle, Limit: 100, MaxBytes: 4 << 20}); err != nil {
					b.Fatal(err)
				}
			}
			read()
			first := requests.Swap(0)
			for b.Loop() {
				read()
			}
			b.ReportMetric(float64(first), "requests/first-page")
			b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/next-page")
		})
	}
}
