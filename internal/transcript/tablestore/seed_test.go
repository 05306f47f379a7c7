package tablestore_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// seed puts conversations of assistant bankx, of one activity each, into the
// tables as a Store would leave them, in batches of 100 rows: Azurite takes them
// although they are of several partitions, and would take minutes for
// transactions of one row each.
func seed(tb testing.TB, connection string, conversations int, at func(i int) time.Time) {
	tb.Helper()
	service, err := aztables.NewServiceClientFromConnectionString(connection, bareOptions(tb))
	if err != nil {
		tb.Fatal(err)
	}
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(2)
	for _, name := range []string{"messages", "conversations", "recent"} {
		table := service.NewClient(name)
		if _, err := table.CreateTable(ctx, nil); err != nil {
			tb.Fatal(err)
		}
		for from := 0; from < conversations; from += 100 {
			group.Go(func() error {
				var batch []aztables.TransactionAction
				for i := from; i < min(from+100, conversations); i++ {
					entity := seededRow(name, i, at(i))
					batch = append(batch, aztables.TransactionAction{ActionType: aztables.TransactionTypeAdd, Entity: entity})
				}
				_, err := table.SubmitTransaction(ctx, batch, nil)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
}

// seededRow is a row of the i-th conversation.
func seededRow(table string, i int, at time.Time) []byte {
	id := fmt.Sprintf("conversation%06d", i)
	activity := transcript.NewKey("bankx", id, "1", at)
	columns := map[string]any{"ConversationId": id, "Text": "Hello", "SentAt": aztables.EDMDateTime(at)}
	place := activity
	if table != "messages" {
		place = transcript.Key{Partition: transcript.DayPartition("bankx", at), Row: transcript.ConversationRow(id)}
		columns = map[string]any{
			"ConversationId": id, "UserId": "dl_visitor", "ChannelId": "directline", "LastText": "Hello", "LastKey": activity.Row,
			"LastActivityAt": aztables.EDMDateTime(at), "UserKey": activity.Row, "UserCertainty": int32(1),
		}
	}
	if table == "recent" {
		place.Row = transcript.RecentRow(at, transcript.ConversationRow(id))
	}
	entity, _ := json.Marshal(aztables.EDMEntity{Entity: aztables.Entity{PartitionKey: place.Partition, RowKey: place.Row}, Properties: columns})
	return entity
}

// inOneDay and overAYear are when the conversations of a seed are active.
func inOneDay(i int) time.Time {
	return noon().Add(time.Duration(i%100_000) * 400 * time.Millisecond)
}

func overAYear(i int) time.Time {
	return inOneDay(i).Add(-time.Duration(i%365) * day)
}

// counting returns a Store and the number of requests that it has made.
func counting(tb testing.TB, connection string) (*tablestore.Store, *atomic.Int64) {
	tb.Helper()
	requests := new(atomic.Int64)
	client := tablestest.NewHTTPClient(tb)
	options := tablestore.Options{}
	options.Transport = transport(func(r *http.Request) (*http.Response, error) {
		requests.Add(1)
		return client.Do(r)
	})
	return open(tb, connection, options), requests
}

const pageLength = 50

// readPage reads a full page of the list.
func readPage(tb testing.TB, store *tablestore.Store, after transcript.Mark) transcript.Listing {
	tb.Helper()
	page, err := store.Recent(tb.Context(), "bankx", transcript.Span{}, after, pageLength)
	if err != nil {
		tb.Fatal(err)
	}
	if len(page.Items) != pageLength {
		tb.Fatalf("the page has %d conversations", len(page.Items))
	}
	return page
}

// What a page costs does not depend on how many conversations there are, nor on
// how far down the list it is.
func TestAPageTakesAsManyRequestsHoweverManyConversationsThereAre(t *testing.T) {
	spreads := map[string]func(int) time.Time{"in one day": inOneDay, "over a year": overAYear}
	for name, at := range spreads {
		t.Run(name, func(t *testing.T) {
			var counts []int64
			for _, conversations := range []int{110, 3000} {
				_, connection := emulator.Account(t)
				seed(t, connection, conversations, at)
				store, requests := counting(t, connection)
				first := readPage(t, store, transcript.Mark{})
				counts = append(counts, requests.Swap(0))
				readPage(t, store, first.Next)
				counts = append(counts, requests.Swap(0))
			}
			// A query of table recent (two, where the mark is within a day), and
			// one of the activities of each conversation.
			for _, count := range counts {
				if count > pageLength+2 {
					t.Errorf("pages took %d requests", counts)
					break
				}
			}
		})
	}
}
