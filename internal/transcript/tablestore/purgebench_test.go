package tablestore_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"chatgate/internal/retention"
	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// BenchmarkPurge has the retention remove conversations of ten activities from
// Azurite, at its own pace and where each request takes 10 ms more, about what
// one to Table Storage in the same region takes. Azurite itself is the bound of
// the first.
//
//	go test ./internal/transcript/tablestore -run '^$' -bench Purge -benchtime 1x
func BenchmarkPurge(b *testing.B) {
	for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
		b.Run(fmt.Sprint("delay=", delay), func(b *testing.B) {
			const conversations = 500
			_, connection := emulator.Account(b)
			writer := open(b, connection, tablestore.Options{})
			for i := range conversations {
				var records []transcript.Record
				for j := range 10 {
					records = append(records, message(fmt.Sprint("conversation", i), fmt.Sprint(j), noon().Add(time.Duration(j)*time.Second), "Hello"))
				}
				if _, err := writer.Put(b.Context(), records); err != nil {
					b.Fatal(err)
				}
			}
			var requests atomic.Int64
			client := tablestest.NewHTTPClient(b)
			options := tablestore.Options{}
			options.Transport = transport(func(r *http.Request) (*http.Response, error) {
				requests.Add(1)
				time.Sleep(delay)
				return client.Do(r)
			})
			store := open(b, connection, options)
			purger := retention.New(retention.Options{
				Assistants: []string{"bankx"}, Days: 30, Eraser: store, Ledger: store.Ledger(),
				Now: func() time.Time { return noon().AddDate(1, 0, 0) },
			})
			b.ResetTimer()
			report, err := purger.Run(b.Context(), "")
			if err != nil || report.Erased != conversations {
				b.Fatalf("%+v %v", report, err)
			}
			b.ReportMetric(conversations/b.Elapsed().Seconds(), "conversations/s")
			b.ReportMetric(float64(requests.Load())/conversations, "requests/conversation")
		})
	}
}
