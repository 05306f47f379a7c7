package tables

import "strings"

// MaxCosmosRowKey is how many bytes a row key has in Cosmos DB for Table at most
// (https://learn.microsoft.com/azure/cosmos-db/table/faq, "Where is API for Table
// not identical with Azure Table storage behavior?"), a quarter of what Table
// Storage takes.
const MaxCosmosRowKey = 255

// IsCosmos reports whether an endpoint or a connection string is of Cosmos DB
// for Table, in any of Azure's clouds: by the names by which aztables tells it.
//
// Such a service gives rows back in no order (see [MaxCosmosRowKey] for the
// source): nothing that reads in the order of keys may be built on it.
func IsCosmos(endpoint string) bool {
	endpoint = strings.ToLower(endpoint)
	return strings.Contains(endpoint, ".table.cosmos.") || strings.Contains(endpoint, ".table.cosmosdb.")
}
