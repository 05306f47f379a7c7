package settings_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

const tableService = "ConversationStore__tableServiceUri"

// Cosmos DB for Table gives rows back in no order. Whoever reads in order there
// misses conversations, and would erase some that go on.
func TestWhatReadsInOrderNeedsAStoreThatHasOne(t *testing.T) {
	clouds := []string{
		"https://bank.table.cosmos.azure.com:443/", "https://bank-westeurope.Table.Cosmos.Azure.com",
		"https://bank.table.cosmos.azure.us", "https://bank.table.cosmos.azure.cn", "https://bank.table.cosmosdb.azure.com",
	}
	for _, cloud := range clouds {
		for needs, extra := range map[string][]string{
			"Assistants__BankX__DeskTenantId": {apiClient, deskTenant + oneTenant},
			"RetentionDays":                   {"RetentionDays=30"},
		} {
			found := complaints(t, cosmos(cloud, extra...))
			what := found[tableService]
			if len(found) != 1 || !strings.Contains(what, needs) || !strings.Contains(what, "https://<account>.table.core.windows.net") {
				t.Errorf("%s with %s: %v, want one complaint that says what reads and what to do", cloud, needs, found)
			}
		}
	}
}

func TestEverythingThatReadsInOrderIsNamedAtOnce(t *testing.T) {
	found := complaints(t, cosmos("https://bank.table.cosmos.azure.com", apiClient, deskTenant+oneTenant, "RetentionDays=30", "TokenRateLimit=fast"))
	what := found[tableService]
	if len(found) != 2 || !strings.Contains(what, "DeskTenantId") || !strings.Contains(what, "RetentionDays") {
		t.Errorf("%v, want desk and retention together, and the rate besides", slices.Sorted(maps.Keys(found)))
	}
}

func TestCosmosDBMayStoreWhatNobodyReads(t *testing.T) {
	for _, extra := range [][]string{nil, {apiClient}, {"RetentionDays=0", "RetentionDryRun=true"}} {
		if found := complaints(t, cosmos("https://bank.table.cosmos.azure.com", extra...)); len(found) > 0 {
			t.Errorf("with %v: %v", extra, found)
		}
	}
	if found := complaints(t, production(apiClient, deskTenant+oneTenant, "RetentionDays=30")); len(found) > 0 {
		t.Errorf("a storage account: %v", found)
	}
}

// A connection string may be Cosmos DB's too.
func TestACosmosDBOfDevelopmentHasNoOrderEither(t *testing.T) {
	environ := []string{
		"AZURE_FUNCTIONS_ENVIRONMENT=Development", "KEY_VAULT_URI=https://bank-vault.vault.azure.net", "RetentionDays=30",
		"ConversationStore=DefaultEndpointsProtocol=https;AccountName=bank;AccountKey=canary;TableEndpoint=https://bank.table.cosmos.azure.com:443/;",
		"Assistants__BankX__DirectLineSecretName=bankx-direct-line", "Assistants__BankX__AllowedOrigins=https://bankx.example",
	}
	found := complaints(t, environ)
	if what := found["ConversationStore"]; len(found) != 1 || !strings.Contains(what, "RetentionDays") || strings.Contains(what, "canary") {
		t.Errorf("%v", found)
	}
}

// cosmos is production with another store.
func cosmos(endpoint string, extra ...string) []string {
	environ := production(extra...)
	at := slices.IndexFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, tableService) })
	environ[at] = tableService + "=" + endpoint
	return environ
}
