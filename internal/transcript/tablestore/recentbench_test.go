package tablestore_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/transcript"
)

// BenchmarkRecent reads a page of 50 conversations from the middle of the list
// and reports how many requests to the table service that takes, which is what
// it costs anywhere. The service is one in memory, since Azurite takes hours to
// get 100,000 rows into one partition.
//
//	go test ./internal/transcript/tablestore -run '^$' -bench Recent
func BenchmarkRecent(b *testing.B) {
	for _, conversations := range []int{100, 10_000, 100_000} {
		for name, at := range map[string]func(int) time.Time{"one-day": inOneDay, "a-year": overAYear} {
			b.Run(fmt.Sprintf("conversations=%d/%s", conversations, name), func(b *testing.B) {
				service := httptest.NewServer(newMemoryService(conversations, at))
				defer service.Close()
				store, requests := counting(b, "AccountName=a;AccountKey="+azurite.Key+";TableEndpoint="+service.URL)
				middle := transcript.NewMark(at(conversations/2), "-")
				readPage(b, store, middle)
				requests.Store(0)
				for b.Loop() {
					readPage(b, store, middle)
				}
				b.ReportMetric(float64(requests.Load())/float64(b.N), "requests/page")
			})
		}
	}
}

// memoryService answers queries and gets over rows in memory, in the order of
// keys and with continuations, as the table service does.
type memoryService map[string][]memoryRow

type memoryRow struct {
	place transcript.Key
	json  []byte
}

func newMemoryService(conversations int, at func(int) time.Time) memoryService {
	service := make(memoryService)
	for _, table := range []string{"messages", "conversations", "recent"} {
		rows := make([]memoryRow, conversations)
		for i := range rows {
			entity := seededRow(table, i, at(i))
			var place struct{ PartitionKey, RowKey string }
			_ = json.Unmarshal(entity, &place)
			rows[i] = memoryRow{transcript.Key{Partition: place.PartitionKey, Row: place.RowKey}, entity}
		}
		slices.SortFunc(rows, func(a, b memoryRow) int { return compareKeys(placeOf(a.place), placeOf(b.place)) })
		service[table] = rows
	}
	return service
}

// placeOf joins a key so that the order of the text is that of keys.
func placeOf(key transcript.Key) string { return key.Partition + "\x00" + key.Row }

func (s memoryService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, arguments, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "(")
	rows := s[name]
	w.Header().Set("Content-Type", "application/json")
	if key := regexp.MustCompile(`^PartitionKey='(.*)',RowKey='(.*)'\)$`).FindStringSubmatch(arguments); key != nil {
		place := placeOf(transcript.Key{Partition: key[1], Row: key[2]})
		found := sort.Search(len(rows), func(i int) bool { return placeOf(rows[i].place) >= place })
		if found == len(rows) || placeOf(rows[found].place) != place {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"odata.error":{"code":"ResourceNotFound"}}`)
			return
		}
		w.Header().Set("ETag", "1")
		_, _ = w.Write(rows[found].json)
		return
	}
	page, next := query(rows, r.URL.Query())
	if next != nil {
		w.Header().Set("x-ms-continuation-NextPartitionKey", next.place.Partition)
		w.Header().Set("x-ms-continuation-NextRowKey", next.place.Row)
	}
	_, _ = fmt.Fprintf(w, `{"value":[%s]}`, strings.Join(page, ","))
}

// query returns a page of the rows that match, and the row that the next begins
// with.
func query(rows []memoryRow, parameters url.Values) (page []string, next *memoryRow) {
	const bound = `(PartitionKey|RowKey) (eq|ge|gt|lt) '([^']*)'`
	conditions := regexp.MustCompile(bound).FindAllStringSubmatch(parameters.Get("$filter"), -1)
	most, _ := strconv.Atoi(parameters.Get("$top"))
	var from transcript.Key
	for _, c := range conditions {
		switch {
		case c[1] == "PartitionKey" && c[2] != "lt":
			from.Partition = c[3]
		case conditions[0][2] == "eq" && c[2] == "ge":
			from.Row = max(from.Row, c[3])
		case conditions[0][2] == "eq" && c[2] == "gt":
			from.Row = max(from.Row, c[3]+"\x00")
		}
	}
	if partition := parameters.Get("NextPartitionKey"); partition != "" {
		from = transcript.Key{Partition: partition, Row: parameters.Get("NextRowKey")}
	}
	begin := sort.Search(len(rows), func(i int) bool { return placeOf(rows[i].place) >= placeOf(from) })
	for i := begin; i < len(rows); i++ {
		if len(page) == most {
			return page, &rows[i]
		}
		if matches(rows[i].place, conditions) {
			page = append(page, string(rows[i].json))
		} else if conditions[0][2] == "eq" || rows[i].place.Partition > from.Partition {
			return page, nil
		}
	}
	return page, nil
}

func matches(place transcript.Key, conditions [][]string) bool {
	for _, c := range conditions {
		value := place.Partition
		if c[1] == "RowKey" {
			value = place.Row
		}
		if is := compareKeys(value, c[3]); !slices.Contains(map[string][]int{"eq": {0}, "ge": {0, 1}, "gt": {1}, "lt": {-1}}[c[2]], is) {
			return false
		}
	}
	return true
}
