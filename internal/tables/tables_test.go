package tables_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/tables"
	"chatgate/internal/tables/tablestest"
)

var emulator *tablestest.Emulator

func TestMain(m *testing.M) {
	tablestest.Main(m, 32, func(e *tablestest.Emulator) { emulator = e })
}

// newTable returns a table that does not exist yet, behind a proxy.
func newTable(t *testing.T) (*tables.Table, *tablestest.Proxy) {
	t.Helper()
	proxy, through, _ := emulator.NewProxy(t)
	options := tablestest.Impatient(t)
	service, err := tables.NewServiceFromConnectionString(through, &options)
	if err != nil {
		t.Fatal(err)
	}
	return service.Table("rows"), proxy
}

func key(partition string, row int) tables.Key {
	return tables.Key{Partition: partition, Row: fmt.Sprintf("%04d", row)}
}

func entity(key tables.Key, text string) []byte {
	e := tables.NewEntity(key, len(text))
	e.Text("Text", text)
	return e.JSON()
}

// fill upserts the rows from..to of a partition.
func fill(t *testing.T, table *tables.Table, partition string, from, to int) {
	t.Helper()
	var operations []tables.Operation
	for i := from; i < to; i++ {
		operations = append(operations, table.Upsert(key(partition, i), entity(key(partition, i), "text")))
	}
	if err := table.CommitAll(t.Context(), operations); err != nil {
		t.Fatal(err)
	}
}

func rowNames(from, to int) []string {
	var rows []string
	for i := from; i < to; i++ {
		rows = append(rows, key("", i).Row)
	}
	return rows
}

// fields returns columns of a row.
func fields(t *testing.T, entity []byte, names ...string) []string {
	t.Helper()
	var row map[string]any
	if err := json.Unmarshal(entity, &row); err != nil {
		t.Fatal(err)
	}
	values := make([]string, len(names))
	for i, name := range names {
		values[i], _ = row[name].(string)
	}
	return values
}

// keysOf collects rows as partition/row.
func keysOf(t *testing.T, rows iter.Seq2[[]byte, error]) []string {
	t.Helper()
	var keys []string
	for entity, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, strings.Join(fields(t, entity, "PartitionKey", "RowKey"), "/"))
	}
	return keys
}

func allOf(t *testing.T, table *tables.Table, partition string) []string {
	t.Helper()
	return keysOf(t, table.Query(t.Context(), tables.Query{Filter: "PartitionKey eq " + tables.Quote(partition), Page: 1000}))
}

func TestRowsAreChangedUnderTheirETag(t *testing.T) {
	table, _ := newTable(t)
	place := key("p", 1)
	commit := func(operation tables.Operation) ([]azcore.ETag, error) {
		return table.Commit(t.Context(), []tables.Operation{operation})
	}
	if entity, etag, err := table.Get(t.Context(), place); entity != nil || etag != "" || err != nil {
		t.Fatalf("before there is a table, a row reads as %s, %s, %v", entity, etag, err)
	}
	first, err := commit(table.Insert(place, entity(place, "first")))
	if err != nil || len(first) != 1 {
		t.Fatalf("inserting gave %v, %v", first, err)
	}
	second, err := commit(table.Replace(place, entity(place, "second"), first[0]))
	if err != nil || len(second) != 1 {
		t.Fatalf("replacing gave %v, %v", second, err)
	}
	lost := map[string]error{}
	_, lost["inserting again"] = commit(table.Insert(place, entity(place, "lost")))
	_, lost["replacing an older one"] = commit(table.Replace(place, entity(place, "lost"), first[0]))
	lost["deleting an older one"] = table.Delete(t.Context(), place, first[0])
	for name, err := range lost {
		if !tables.IsConflict(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	row, etag, err := table.Get(t.Context(), place)
	if err != nil || etag != second[0] || fields(t, row, "Text")[0] != "second" {
		t.Errorf("the row is %s, %s, %v", row, etag, err)
	}
	if err := table.Delete(t.Context(), place, etag); err != nil {
		t.Error(err)
	}
	if _, err := commit(table.Replace(place, entity(place, "lost"), etag)); !tables.IsConflict(err) {
		t.Errorf("replacing a row that is gone: %v", err)
	}
}

func TestDeletingARowThatIsNotThereIsFine(t *testing.T) {
	table, _ := newTable(t)
	for _, state := range []string{"without the table", "with the table"} {
		if err := table.Delete(t.Context(), key("p", 1), ""); err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if err := table.DeleteAll(t.Context(), "p", rowNames(0, 3)); err != nil {
			t.Errorf("%s, several: %v", state, err)
		}
		fill(t, table, "other", 0, 1)
	}
	fill(t, table, "p", 0, 1)
	if err := table.Delete(t.Context(), key("p", 0), ""); err != nil {
		t.Error(err)
	}
	if left := allOf(t, table, "p"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// One row that is not there makes the service refuse a whole transaction.
func TestTrapRowsAreDeletedAlthoughSomeAreMissing(t *testing.T) {
	tests := map[string]struct {
		there  [][2]int
		delete [2]int
		left   []string
	}{
		"all there":         {there: [][2]int{{0, 5}}, delete: [2]int{0, 5}},
		"none there":        {delete: [2]int{0, 5}},
		"the first missing": {there: [][2]int{{1, 5}}, delete: [2]int{0, 5}},
		"the last missing":  {there: [][2]int{{0, 4}}, delete: [2]int{0, 5}},
		"gaps":              {there: [][2]int{{1, 2}, {3, 4}}, delete: [2]int{0, 6}},
		"more than a transaction holds, some missing": {there: [][2]int{{0, 50}, {52, 230}}, delete: [2]int{0, 230}},
		"others stay": {there: [][2]int{{0, 5}}, delete: [2]int{1, 4}, left: []string{"p/0000", "p/0004"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			table, proxy := newTable(t)
			fill(t, table, "other", 0, 1)
			for _, rows := range test.there {
				fill(t, table, "p", rows[0], rows[1])
			}
			proxy.Take()
			if err := table.DeleteAll(t.Context(), "p", rowNames(test.delete[0], test.delete[1])); err != nil {
				t.Fatal(err)
			}
			wantTransactionsWithin(t, proxy.Take(), 100)
			if left := allOf(t, table, "p"); !slices.Equal(left, test.left) {
				t.Errorf("left are %q, want %q", left, test.left)
			}
			if others := allOf(t, table, "other"); len(others) != 1 {
				t.Errorf("of another partition are left %q", others)
			}
		})
	}
}

func TestDeletingOutlivesFaults(t *testing.T) {
	faults := map[string]tablestest.Fault{
		"cut after the commit": tablestest.CutAfterCommit, "the answer breaks off": tablestest.BreakOff,
		"cut before it is read": tablestest.Cut, "503": tablestest.Answer(http.StatusServiceUnavailable, ""),
	}
	for name, wrong := range faults {
		t.Run(name, func(t *testing.T) {
			table, proxy := newTable(t)
			fill(t, table, "p", 0, 9)
			proxy.FailFirst(1, false, wrong)
			err := table.DeleteAll(t.Context(), "p", rowNames(0, 9))
			proxy.FailWhen(nil)
			if left := allOf(t, table, "p"); err != nil || len(left) > 0 {
				t.Errorf("left are %q: %v", left, err)
			}
		})
	}
}

// A transaction that is refused for a row which the service does not name is
// divided until it takes it.
func TestDeletingDividesWhatIsRefusedAsAWhole(t *testing.T) {
	faults := map[string]tablestest.Fault{
		"missing, but which?":   tablestest.AnswerInTransaction(http.StatusNotFound, "ResourceNotFound", "The row."),
		"missing, out of range": tablestest.AnswerInTransaction(http.StatusNotFound, "ResourceNotFound", "77:The row."),
		"too large":             tablestest.Answer(http.StatusRequestEntityTooLarge, ""),
	}
	for name, wrong := range faults {
		t.Run(name, func(t *testing.T) {
			table, proxy := newTable(t)
			fill(t, table, "p", 0, 9)
			proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
				if r.Operations() > 1 {
					return wrong
				}
				return nil
			})
			err := table.DeleteAll(t.Context(), "p", rowNames(0, 12))
			proxy.FailWhen(nil)
			if left := allOf(t, table, "p"); err != nil || len(left) > 0 {
				t.Errorf("left are %q: %v", left, err)
			}
		})
	}
}

func TestDeletingReportsWhatFailed(t *testing.T) {
	table, proxy := newTable(t)
	fill(t, table, "p", 0, 150)
	proxy.FailWhen(func(tablestest.Request) tablestest.Fault {
		return tablestest.Answer(http.StatusForbidden, `{"odata.error":{"code":"AuthorizationFailure"}}`)
	})
	var refusal *tables.Error
	for name, err := range map[string]error{
		"DeleteAll": table.DeleteAll(t.Context(), "p", rowNames(0, 150)),
		"Delete":    table.Delete(t.Context(), key("p", 0), ""),
	} {
		if !errors.As(err, &refusal) || refusal.StatusCode != http.StatusForbidden || strings.Contains(err.Error(), "0000") {
			t.Errorf("%s: %v", name, err)
		}
	}
	proxy.FailWhen(nil)
	if left := allOf(t, table, "p"); len(left) != 150 {
		t.Errorf("%d rows are left", len(left))
	}
}

func TestCommitAllKeepsToTheLimits(t *testing.T) {
	table, proxy := newTable(t)
	fill(t, table, "p", 0, 230)
	wantTransactionsWithin(t, proxy.Take(), 100)
	if got := allOf(t, table, "p"); len(got) != 230 {
		t.Errorf("%d rows are there", len(got))
	}
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if len(r.Body) > 6<<10 { // Cosmos DB takes less
			return tablestest.Answer(http.StatusRequestEntityTooLarge, "")
		}
		return nil
	})
	fill(t, table, "q", 0, 30)
	if got := allOf(t, table, "q"); len(got) != 30 {
		t.Errorf("%d rows are there", len(got))
	}
}

// wantTransactionsWithin expects transactions of at most so many rows.
func wantTransactionsWithin(t *testing.T, requests []tablestest.Request, most int) {
	t.Helper()
	seen := 0
	for i := range requests {
		if !requests[i].IsTransaction() {
			continue
		}
		seen++
		if rows := requests[i].Operations(); rows > most {
			t.Errorf("a transaction of %d rows", rows)
		}
	}
	if seen == 0 {
		t.Error("there were no transactions")
	}
}

func TestRangesGoOnFromPartitionToPartition(t *testing.T) {
	table, _ := newTable(t)
	for _, partition := range []string{"a", "b", "c", "d"} {
		fill(t, table, partition, 0, 3)
	}
	at := func(partition, row string) tables.Key { return tables.Key{Partition: partition, Row: row} }
	tests := map[string]struct {
		from, to tables.Key
		want     []string
	}{
		"within a partition":       {at("b", "0001"), at("b", "0002"), []string{"b/0001"}},
		"to its end":               {at("b", "0001"), at("b", "9"), []string{"b/0001", "b/0002"}},
		"over a border":            {at("a", "0002"), at("b", "0001"), []string{"a/0002", "b/0000"}},
		"over a whole partition":   {at("a", "0002"), at("c", "0001"), []string{"a/0002", "b/0000", "b/0001", "b/0002", "c/0000"}},
		"from a border":            {at("b", ""), at("c", "0001"), []string{"b/0000", "b/0001", "b/0002", "c/0000"}},
		"to a border":              {at("a", "0002"), at("c", ""), []string{"a/0002", "b/0000", "b/0001", "b/0002"}},
		"between partitions":       {at("ab", "5"), at("cd", "5"), []string{"b/0000", "b/0001", "b/0002", "c/0000", "c/0001", "c/0002"}},
		"nothing":                  {at("b", "0001"), at("b", "0001"), nil},
		"turned round":             {at("c", "0001"), at("b", "0001"), nil},
		"turned round in the same": {at("b", "0002"), at("b", "0001"), nil},
		"quotes do not break it":   {at("a' or PartitionKey ne '", ""), at("b", "' or RowKey ne '"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, page := range []int{1, 2, 1000} {
				got := keysOf(t, table.Range(t.Context(), test.from, test.to, tables.Query{Page: page, Columns: []string{"PartitionKey", "RowKey"}}))
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("with pages of %d (-want +got):\n%s", page, diff)
				}
			}
			filtered := keysOf(t, table.Range(t.Context(), test.from, test.to, tables.Query{Page: 5, Filter: "Text eq 'other'"}))
			if len(filtered) > 0 {
				t.Errorf("the filter let %q through", filtered)
			}
		})
	}
}

func TestTrapAnEmptyPageCarriesAContinuation(t *testing.T) {
	table, proxy := newTable(t)
	fill(t, table, "p", 0, 5)
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if r.Reads("rows") {
			return tablestest.EmptyPageFirst
		}
		return nil
	})
	proxy.Take()
	got := keysOf(t, table.Query(t.Context(), tables.Query{Filter: "PartitionKey eq 'p'", Page: 2}))
	if len(got) != 5 || len(proxy.Take()) != 4 {
		t.Errorf("got %q", got)
	}
}

func TestAReaderMayStopAndChangeRowsMeanwhile(t *testing.T) {
	table, _ := newTable(t)
	fill(t, table, "p", 0, 9)
	read := 0
	for _, err := range table.Query(t.Context(), tables.Query{Filter: "PartitionKey eq 'p'", Page: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := table.DeleteAll(t.Context(), "p", rowNames(read, read+1)); err != nil {
			t.Fatal(err)
		}
		if read++; read == 6 {
			break
		}
	}
	if left := allOf(t, table, "p"); len(left) != 3 {
		t.Errorf("left are %q", left)
	}
}
