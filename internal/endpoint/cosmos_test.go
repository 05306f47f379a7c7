package endpoint_test

import (
	"testing"

	"chatgate/internal/endpoint"
)

func TestCosmosDBIsToldByItsName(t *testing.T) {
	for text, want := range map[string]bool{
		"https://bank.table.cosmos.azure.com":                                true,
		"https://bank.table.cosmos.azure.com:443/":                           true,
		"https://bank-westeurope.table.cosmos.azure.com":                     true,
		"https://Bank.Table.Cosmos.Azure.COM":                                true,
		"https://bank.table.cosmos.azure.us":                                 true,
		"https://bank.table.cosmos.azure.cn":                                 true,
		"https://bank.table.cosmosdb.azure.com":                              true,
		"AccountName=a;TableEndpoint=https://a.table.cosmos.azure.com:443/;": true,
		"https://bank.table.core.windows.net":                                false,
		"https://cosmos.table.core.windows.net":                              false,
		"https://bank.table.core.usgovcloudapi.net":                          false,
		"http://127.0.0.1:10002/devstoreaccount1":                            false,
		"UseDevelopmentStorage=true":                                         false,
		"":                                                                   false,
	} {
		if got := endpoint.IsCosmos(text); got != want {
			t.Errorf("IsCosmos(%q) = %t", text, got)
		}
	}
}
