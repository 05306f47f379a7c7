package endpoint

import "strings"

// IsCosmos reports whether an address or a connection string is of Cosmos DB for
// Table, in any of Azure's clouds: by the names by which aztables tells it.
//
// Such a service gives rows back in no order
// (https://learn.microsoft.com/azure/cosmos-db/table/faq, "Where is API for Table
// not identical with Azure Table storage behavior?"): nothing that reads in the
// order of keys may be built on it.
func IsCosmos(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, ".table.cosmos.") || strings.Contains(text, ".table.cosmosdb.")
}
