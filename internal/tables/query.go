package tables

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// Query says which rows to read.
type Query struct {
	// Filter is in the service's language; see [Quote]. It needs no parentheses.
	Filter string
	// Columns are what is read of each row; none means all.
	Columns []string
	// Page is how many rows are asked for at a time, 1 to 1,000, and not more
	// than [FullRows] where the rows may be full.
	Page int
}

// Quote returns text as a literal of a filter, in which a quote is doubled:
// filters are raw strings.
func Quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// QuoteTime returns at as a literal of a filter. The service takes the years 1601
// to 9999.
func QuoteTime(at time.Time) string {
	return "datetime" + Quote(Instant(at).Format(edmTime))
}

// Query yields the rows that a query finds, as JSON, in the order of their keys.
// It stops after the first error. A table that does not exist has no rows.
//
// A page without rows may have another after it, because the service ends a page
// at a partition's border or after five seconds, so only the continuation tells
// the end.
func (t *Table) Query(ctx context.Context, query Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		pager := t.client.NewListEntitiesPager(query.options())
		for pager.More() {
			rows, err := t.nextPage(ctx, pager)
			if isMissingTable(err) {
				return
			}
			if err != nil {
				yield(nil, fmt.Errorf("reading table %s: %w", t.name, err))
				return
			}
			for _, entity := range rows.Entities {
				if !yield(entity, nil) {
					return
				}
			}
		}
	}
}

func (t *Table) nextPage(ctx context.Context, pager *runtime.Pager[aztables.ListEntitiesResponse]) (aztables.ListEntitiesResponse, error) {
	if err := t.enter(ctx); err != nil {
		return aztables.ListEntitiesResponse{}, err
	}
	defer t.leave()
	rows, err := pager.NextPage(ctx)
	return rows, plain(err)
}

// Range yields the rows from key from up to before key to, in the order of
// partitions and in these of rows, as far as the query's own filter lets them
// through. An empty row stands before all of a partition.
//
// It asks for the first and the last partition by themselves: the service finds
// the beginning of a row range within one partition, but would go through all
// rows of several.
func (t *Table) Range(ctx context.Context, from, to Key, query Query) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, filter := range rangeFilters(from, to) {
			part := query
			if part.Filter = filter; query.Filter != "" {
				part.Filter += " and " + query.Filter
			}
			for entity, err := range t.Query(ctx, part) {
				if !yield(entity, err) || err != nil {
					return
				}
			}
		}
	}
}

// rangeFilters returns the filters that together, one after the other, let
// through what lies between two keys.
func rangeFilters(from, to Key) []string {
	first, last := "PartitionKey eq "+Quote(from.Partition), "PartitionKey eq "+Quote(to.Partition)
	fromRow, toRow := " and RowKey ge "+Quote(from.Row), " and RowKey lt "+Quote(to.Row)
	if from.Partition >= to.Partition {
		if from.Partition > to.Partition || from.Row >= to.Row {
			return nil
		}
		return []string{first + fromRow + toRow}
	}
	var filters []string
	beyond := "PartitionKey ge "
	if from.Row != "" {
		filters, beyond = append(filters, first+fromRow), "PartitionKey gt "
	}
	filters = append(filters, beyond+Quote(from.Partition)+" and PartitionKey lt "+Quote(to.Partition))
	if to.Row != "" {
		filters = append(filters, last+toRow)
	}
	return filters
}

func (q Query) options() *aztables.ListEntitiesOptions {
	options := &aztables.ListEntitiesOptions{Filter: &q.Filter, Top: to.Ptr(int32(min(max(q.Page, 1), 1000)))}
	if len(q.Columns) > 0 {
		options.Select = to.Ptr(strings.Join(q.Columns, ","))
	}
	return options
}

// Decoded yields rows decoded. It stops after the first error, which does not
// quote the row.
func Decoded[T any](rows iter.Seq2[[]byte, error], decode func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for entity, err := range rows {
			var row T
			if err == nil {
				row, err = decode(entity)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}
