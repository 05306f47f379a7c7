package tablestore

import (
	"fmt"

	"chatgate/internal/transcript"
)

// maxCosmosRowKey is how many bytes a row key has in Cosmos DB for Table at most
// (https://learn.microsoft.com/azure/cosmos-db/table/faq, "Where is API for Table
// not identical with Azure Table storage behavior?"), a quarter of what Table
// Storage takes.
const maxCosmosRowKey = 255

// fitting parts records from those of which some row has a key that the service
// never takes. What Cosmos DB for Table answers to one is written nowhere; that
// it would refuse a whole transaction for it is certain.
func (s *Store) fitting(records []transcript.Record) ([]transcript.Record, []transcript.Refusal) {
	if s.maxRowKey == 0 {
		return records, nil
	}
	var fit []transcript.Record
	var refused []transcript.Refusal
	for i := range records {
		if longest := longestRowKey(records[i]); longest > s.maxRowKey {
			cause := fmt.Errorf("a row key of %d bytes, and Cosmos DB for Table takes %d: an id is too long", longest, s.maxRowKey)
			refused = append(refused, transcript.Refusal{Record: records[i], Cause: cause})
			continue
		}
		fit = append(fit, records[i])
	}
	return fit, refused
}

// longestRowKey is how long the row keys of an activity get, in any table.
func longestRowKey(record transcript.Record) int {
	summary := transcript.Summarize([]transcript.Record{record})[0]
	longest := max(len(record.Key.Row), len(summary.Key.Row), len(recentRow(&summary)))
	for _, presence := range summary.Presences() {
		longest = max(longest, len(presence.RowByUser()), len(presence.RowByConversation()))
	}
	return longest
}
