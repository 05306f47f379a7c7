package tablestore_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// watching tells for how many rows each query asks.
func watching(service http.Handler, asked *[]int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if top, err := strconv.Atoi(r.URL.Query().Get("$top")); err == nil {
			*asked = append(*asked, top)
		}
		service.ServeHTTP(w, r)
	})
}

// An excerpt never holds many full rows, of which each may take 2.5 MiB on its
// way, and small ones come many at a time.
func TestAnExcerptAsksForAsManyActivitiesAsFit(t *testing.T) {
	for name, test := range map[string]struct {
		bytes, activities int
		most, requests    int
	}{
		"small ones":            {bytes: 40, activities: 1000, most: 100, requests: 2},
		"few small ones":        {bytes: 40, activities: 20, most: 25, requests: 1},
		"of 40 KB":              {bytes: 40_000, activities: 1000, most: 81, requests: 2},
		"that fill the excerpt": {bytes: 250_000, activities: 1000, most: 25, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			service := aConversation(t, timesOf(test.activities, spreads["evenly"]))
			for i := range service["messages"] {
				row := &service["messages"][i]
				row.json = []byte(strings.Replace(string(row.json), `\"Hello\"`, `\"`+strings.Repeat("x", test.bytes-32)+`\"`, 1))
			}
			var asked []int
			store, requests := counted(t, watching(service, &asked))
			part := transcript.Part{Limit: 100, MaxBytes: 4 << 20}
			excerpt, err := store.Excerpt(t.Context(), "bankx", "conversation", part)
			if want := min(100, test.activities, 4<<20/test.bytes); err != nil || len(excerpt.Records) != want {
				t.Errorf("it holds %d activities, %v; want %d", len(excerpt.Records), err, want)
			}
			if more := len(excerpt.Records) < test.activities; (excerpt.Next != "") != more {
				t.Errorf("after it comes %q, of %d activities", excerpt.Next, test.activities)
			}
			for _, rows := range asked {
				if rows > test.most {
					t.Errorf("it asked for %d activities at once, want at most %d", rows, test.most)
				}
			}
			if requests.Load() != int64(test.requests) {
				t.Errorf("it took %d requests, want %d", requests.Load(), test.requests)
			}
		})
	}
}

// The bounds of requests are none of the excerpt.
func TestExcerptsFollowEachOtherWhateverTheirRequests(t *testing.T) {
	for _, count := range []int{1, 24, 25, 26, 99, 100, 101, 125, 126, 501} {
		store, _ := counted(t, aConversation(t, timesOf(count, spreads["evenly"])))
		for _, limit := range []int{1, 24, 25, 26, 100, 101, 125, 500} {
			part, read := transcript.Part{Limit: limit, MaxBytes: 1 << 20}, 0
			for more := true; more; more = part.After != "" {
				excerpt, err := store.Excerpt(t.Context(), "bankx", "conversation", part)
				if err != nil {
					t.Fatal(err)
				}
				for _, record := range excerpt.Records {
					if want := noon().Add(time.Duration(read) * time.Minute); !record.SentAt.Equal(want) {
						t.Fatalf("by %d of %d: activity %d is of %v, want %v", limit, count, read, record.SentAt, want)
					}
					read++
				}
				part.After = excerpt.Next
			}
			if read != count {
				t.Errorf("by %d come %d activities of %d", limit, read, count)
			}
		}
	}
}
