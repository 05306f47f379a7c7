package tablestore

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/transcript"
)

// How many rows a query asks for at a time. The service would give 1,000, which
// at 1 MiB each is too much to hold.
const (
	pageOfActivities    = 100
	pageOfConversations = 250
)

// Activities yields a conversation's records; see [transcript.Store]. They lack
// User and Compressed, which only writing needs.
func (s *Store) Activities(ctx context.Context, assistant, conversationID string) iter.Seq2[transcript.Record, error] {
	filter := "PartitionKey eq " + literal(transcript.ConversationPartition(assistant, conversationID))
	return query(ctx, s.messages, filter, pageOfActivities, decodeRecord)
}

// Conversations yields an assistant's rows of the index; see [transcript.Store].
func (s *Store) Conversations(ctx context.Context, assistant string) iter.Seq2[transcript.Conversation, error] {
	from, to := transcript.DayRange(assistant)
	filter := "PartitionKey ge " + literal(from) + " and PartitionKey lt " + literal(to)
	return query(ctx, s.index, filter, pageOfConversations, func(entity []byte) (transcript.Conversation, error) {
		summary, err := decodeSummary(assistant, entity)
		return summary.Conversation, err
	})
}

// literal quotes text for a filter, in which a quote is doubled.
func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// query yields the rows that match filter, decoded, and stops after the first
// error. A table that does not exist has no rows. A page without rows may have
// another after it, because the service ends a page at a partition's border or
// after five seconds, so only the continuation tells the end.
func query[T any](ctx context.Context, from *table, filter string, page int32, decode func([]byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		pager := from.client.NewListEntitiesPager(&aztables.ListEntitiesOptions{Filter: &filter, Top: to.Ptr(page)})
		for pager.More() {
			rows, err := pager.NextPage(ctx)
			if err = plain(err); isMissingTable(err) {
				return
			}
			if err != nil {
				yield(none, fmt.Errorf("reading table %s: %w", from.name, err))
				return
			}
			for _, entity := range rows.Entities {
				row, err := decode(entity)
				if err != nil {
					err = fmt.Errorf("reading table %s: %w", from.name, err)
				}
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}
