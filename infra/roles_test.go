package infra

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// grant is a role on one resource.
type grant struct {
	Role  string
	Scope string // file, symbol and type of the resource
}

// grants are all role assignments of Azure RBAC.
func grants(t *testing.T) []grant {
	t.Helper()
	var found []grant
	for name, f := range parse(t) {
		for symbol, r := range f.resources {
			if !strings.HasPrefix(r.kind, "Microsoft.Authorization/roleAssignments@") {
				continue
			}
			body := r.body.object().properties()
			scope, ok := body["scope"]
			if !ok {
				t.Errorf("%s: %s grants a role on the whole resource group", name, symbol)
				continue
			}
			target := f.resources[scope.Text[strings.LastIndex(scope.Text, ":")+1:]]
			kind, _, _ := strings.Cut(target.kind, "@")
			found = append(found, grant{Role: roleOf(t, f, body["properties"].properties()["roleDefinitionId"].Text), Scope: name + " " + target.symbol + " " + kind})
			if got := body["properties"].properties()["principalType"].Text; got != "'ServicePrincipal'" {
				t.Errorf("%s: %s names no principal type, so a fresh identity may not be found yet", name, symbol)
			}
		}
	}
	return found
}

var builtInRole = regexp.MustCompile(`^subscriptionResourceId\('Microsoft\.Authorization/roleDefinitions', (\w+)\)$`)

func roleOf(t *testing.T, f file, expression string) string {
	t.Helper()
	if match := builtInRole.FindStringSubmatch(expression); match != nil {
		return unquote(f.variables[match[1]].Children[1].Text)
	}
	if symbol, ok := strings.CutSuffix(expression, ".id"); ok && strings.HasPrefix(f.resources[symbol].kind, "Microsoft.Authorization/roleDefinitions@") {
		return "custom"
	}
	t.Errorf("%s: cannot tell which role %s is", f.name, expression)
	return ""
}

// Least privilege: these roles at these scopes, and no other anywhere.
func TestRoles(t *testing.T) {
	want := []grant{
		{"b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "modules/storage.bicep host Microsoft.Storage/storageAccounts"},            // Storage Blob Data Owner
		{"974c5e8b-45b9-4653-ba55-5f855dd0fb88", "modules/storage.bicep host Microsoft.Storage/storageAccounts"},            // Storage Queue Data Contributor
		{"0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "modules/storage.bicep conversation Microsoft.Storage/storageAccounts"},    // Storage Table Data Contributor
		{"4633458b-17de-408a-b874-0445c86b69e6", "modules/vault.bicep vault Microsoft.KeyVault/vaults"},                     // Key Vault Secrets User
		{"b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "modules/rotation-secret.bicep secret Microsoft.KeyVault/vaults/secrets"},  // Key Vault Secrets Officer
		{"4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "modules/bus.bicep activities Microsoft.ServiceBus/namespaces/queues"},     // Service Bus Data Receiver
		{"4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "modules/bus.bicep vaultEvents Microsoft.ServiceBus/namespaces/queues"},    // Service Bus Data Receiver
		{"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "modules/bus.bicep quarantine Microsoft.ServiceBus/namespaces/queues"},     // Service Bus Data Sender
		{"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "modules/bus.bicep activities Microsoft.ServiceBus/namespaces/queues"},     // Service Bus Data Sender: the bots
		{"69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "modules/events.bicep vaultEvents Microsoft.ServiceBus/namespaces/queues"}, // Service Bus Data Sender: Event Grid
		{"3913510d-42f4-4e42-8a64-420c390055eb", "modules/monitoring.bicep insights Microsoft.Insights/components"},         // Monitoring Metrics Publisher
		{"e147488a-f6f5-4113-8e2d-b22465e65bf6", "modules/vault.bicep encryptionKey Microsoft.KeyVault/vaults/keys"},        // Key Vault Crypto Service Encryption User
		{"custom", "modules/rotation-bot.bicep bot Microsoft.BotService/botServices"},
	}
	compare := func(a, b grant) int { return strings.Compare(a.Role+a.Scope, b.Role+b.Scope) }
	got := grants(t)
	slices.SortFunc(want, compare)
	slices.SortFunc(got, compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +Bicep):\n%s", diff)
	}
}

// The rotation lists and regenerates channel keys; it cannot change the bot.
func TestCustomRole(t *testing.T) {
	definition := parse(t)["modules/rotation-bot.bicep"].resources["rotatesKeys"].text
	_, permissions, _ := strings.Cut(definition, "permissions:")
	actions := regexp.MustCompile(`'(Microsoft\.[^']*|\*)'`).FindAllString(permissions, -1)
	want := []string{
		"'Microsoft.BotService/botServices/channels/listchannelwithkeys/action'",
		"'Microsoft.BotService/botServices/channels/regeneratekeys/action'",
	}
	if diff := cmp.Diff(want, actions); diff != "" {
		t.Errorf("(-want +Bicep):\n%s", diff)
	}
}

// Only rotation-bot.bicep leaves the resource group, for bots that exist.
func TestModulesStayInTheResourceGroup(t *testing.T) {
	for symbol, m := range parse(t)["main.bicep"].modules {
		scope := m.body.object().properties()["scope"].Text
		if scope != "group" && symbol != "rotationBots" {
			t.Errorf("module %s is deployed to %s", symbol, scope)
		}
	}
}

// Roles that reach further than any this app needs.
func TestNoBroadRoles(t *testing.T) {
	broad := map[string]string{
		"Owner":                         "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
		"Contributor":                   "b24988ac-6180-42a0-ab88-20f7382dd24c",
		"User Access Administrator":     "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
		"Storage Account Contributor":   "17d1049b-9a84-46fb-8f53-869881c3d3ab",
		"Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
		"Key Vault Administrator":       "00482a5a-887f-4fb3-b363-3b7fe8e74483",
		"Key Vault Contributor":         "f25e0fa2-a7c8-4377-a976-54943a77a395",
		"Service Bus Data Owner":        "090c5cfd-751d-490a-894a-3ce6f1109419",
		"Bot Service Contributor":       "9fc6112f-f48e-4e27-8b09-72a5c94e4ae9",
	}
	for name, f := range parse(t) {
		for role, id := range broad {
			if strings.Contains(strings.ToLower(f.tree.Text), id) {
				t.Errorf("%s names the role %s", name, role)
			}
		}
	}
}
