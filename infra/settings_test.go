package infra

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/settings"
)

func readJSON[T any](t *testing.T, path string) T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return value
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documented is a setting of docs/reference/settings.md, which a test of
// internal/settings holds equal to what the code reads.
type documented struct {
	required bool
	fallback string // empty where the table says it in words
}

func documentedSettings(t *testing.T) map[string]documented {
	t.Helper()
	everywhere, _, _ := strings.Cut(read(t, "docs", "reference", "settings.md"), "## Development only")
	found := map[string]documented{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z_<>]+)` \\| ([^|]*) \\|").FindAllStringSubmatch(everywhere, -1) {
		d := documented{required: row[2] == "required"}
		if text, code := strings.CutPrefix(row[2], "`"); code {
			d.fallback = strings.TrimSuffix(text, "`")
		}
		found[row[1]] = d
	}
	return found
}

// keysOf are the settings that a variable of modules/app.bicep holds, and the
// expressions of their values.
func keysOf(t *testing.T, variable string) map[string]string {
	t.Helper()
	declaration, ok := parse(t)["modules/app.bicep"].variables[variable]
	if !ok {
		t.Fatalf("modules/app.bicep has no variable %s", variable)
	}
	found := map[string]string{}
	for name, value := range declaration.object().properties() {
		found[strings.Replace(name, "${a.id}", "<id>", 1)] = value.Text
	}
	return found
}

// Every setting in Bicep is one that the code reads, and every one that the code
// reads is in Bicep, apart from those that the host sets.
func TestSettingsAreThoseThatTheCodeReads(t *testing.T) {
	set := append(sortedKeys(keysOf(t, "handlerSettings")), sortedKeys(keysOf(t, "assistantSettings"))...)
	known := documentedSettings(t)
	for _, name := range sortedKeys(keysOf(t, "rotationSettings")) {
		// Read by the rotation alone, so documented once that exists.
		if _, err := os.Stat(filepath.Join(root, "functions", "RotateDirectLineKey")); err == nil || known[name] != (documented{}) {
			set = append(set, name)
		}
	}
	var read []string
	for _, name := range sortedKeys(known) {
		if name != "AZURE_FUNCTIONS_ENVIRONMENT" && name != "FUNCTIONS_CUSTOMHANDLER_PORT" {
			read = append(read, name)
		}
	}
	slices.Sort(set)
	if diff := cmp.Diff(read, set); diff != "" {
		t.Errorf("(-read by the code, +set in Bicep):\n%s", diff)
	}
}

func TestHostSettings(t *testing.T) {
	want := []string{
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "APPLICATIONINSIGHTS_CONNECTION_STRING",
		"AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__clientId", "AzureWebJobsStorage__credential",
		"AzureWebJobsStorage__queueServiceUri", "AzureWebJobsStorage__tableServiceUri",
		"ConversationBus__clientId", "ConversationBus__credential", "ConversationBus__fullyQualifiedNamespace",
	}
	if diff := cmp.Diff(want, sortedKeys(keysOf(t, "hostSettings"))); diff != "" {
		t.Errorf("(-want +Bicep):\n%s", diff)
	}
}

func TestRotationSettings(t *testing.T) {
	want := []string{"Assistants__<id>__BotResourceId", "Assistants__<id>__DirectLineSiteName"}
	if diff := cmp.Diff(want, sortedKeys(keysOf(t, "rotationSettings"))); diff != "" {
		t.Errorf("(-want +Bicep):\n%s", diff)
	}
}

// Flex Consumption refuses these settings, or breaks with them.
func TestForbiddenSettings(t *testing.T) {
	for name, f := range parse(t) {
		for _, forbidden := range []string{
			"FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENT", "SCM_DO_BUILD_DURING_DEPLOYMENT",
			"AZURE_FUNCTIONS_ENVIRONMENT", "DirectLineSecret'", "AccountKey", "SharedAccessKey", "listKeys(",
		} {
			if strings.Contains(f.tree.Text, forbidden) {
				t.Errorf("%s holds %s", name, forbidden)
			}
		}
	}
}

// asText are the ways in which a parameter that is no string becomes a setting.
var asText = regexp.MustCompile(`^string\((\w+)\)$|^(\w+) \? 'true' : 'false'$`)

// defaultOf is what a setting is where nobody gave the parameter that its
// expression stands for; false where it stands for none.
func defaultOf(t *testing.T, expression string) (string, bool) {
	t.Helper()
	if match := asText.FindStringSubmatch(expression); match != nil {
		expression = match[1] + match[2]
	}
	p, ok := parse(t)["main.bicep"].params[expression]
	if p.fallback == "environment().authentication.loginEndpoint" {
		return "https://login.microsoftonline.com", ok // in the public cloud
	}
	return unquote(p.fallback), ok
}

// A default in Bicep that differs from the code's would surprise whoever reads
// the reference.
func TestDefaultsAreThoseOfTheReference(t *testing.T) {
	known := documentedSettings(t)
	var compared []string
	for name, expression := range keysOf(t, "handlerSettings") {
		got, ok := defaultOf(t, expression)
		if !ok || known[name].fallback == "" {
			continue
		}
		compared = append(compared, name)
		if got != known[name].fallback {
			t.Errorf("%s is %q by default in Bicep and %q in the code", name, got, known[name].fallback)
		}
	}
	want := []string{
		"AssistantRateLimit", "Authority", "ClientAddressSource", "LOG_LEVEL", "RetentionDays", "RetentionDryRun", "SecretMaxAge", "SkippedActivityTypes", "TokenRateLimit",
	}
	if diff := cmp.Diff(want, sorted(compared)); diff != "" {
		t.Errorf("defaults that were compared (-want +got):\n%s", diff)
	}
}

// The handler starts with what Bicep sets, in the production environment.
func TestHandlerAcceptsTheSettings(t *testing.T) {
	values := map[string]string{
		"AZURE_CLIENT_ID":                           "00000000-0000-0000-0000-000000000000",
		"KEY_VAULT_URI":                             "https://kv-example.vault.azure.net/",
		"ConversationStore__tableServiceUri":        "https://stexample.table.core.windows.net/",
		"Assistants__<id>__DirectLineSecretName":    "bankx-direct-line",
		"Assistants__<id>__AllowedOrigins":          "https://www.bankx.example,https://func-example.azurewebsites.net",
		"Assistants__<id>__TrustedOrigins":          "",
		"Assistants__<id>__AllowNoOrigin":           "false",
		"Assistants__<id>__DirectLineEndpoint":      "",
		"Assistants__<id>__DeskTenantId":            "1f0c6f2e-6a0b-4b4e-9d0e-2f6f0f5b7c11",
		"Api__ClientId":                             "7a3e5b52-9f0a-4c1d-8e57-0d2c4b6a8e90",
		"RetentionDays":                             "365",
		"RetentionDryRun":                           "true",
		"Assistants__<id>__LoginUrl":                "https://login.bankx.example/chat",
		"Assistants__<id>__LoginApiKeySecretName":   "bankx-login-key",
		"Assistants__<id>__OAuthConnections":        "bankx-aad,bankx-crm",
		"Assistants__<id>__TokenServiceUrl":         "https://europe.token.botframework.com",
		"Assistants__<id>__BackendUrl":              "https://api.bankx.example/v1",
		"Assistants__<id>__BotTenantId":             "1f0c6f2e-6a0b-4b4e-9d0e-2f6f0f5b7c11",
		"Assistants__<id>__BotClientId":             "3d3a1a4c-52f0-4a49-8f0e-5b6c7d8e9f10",
		"Assistants__<id>__DirectLineSiteName":      "Default Site",
		"Assistants__<id>__BotResourceId":           "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/g/providers/Microsoft.BotService/botServices/bankx-bot",
		"ConversationBus__fullyQualifiedNamespace":  "sb-example.servicebus.windows.net",
		"APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "ClientId=x;Authorization=AAD",
	}
	var environ []string
	for _, variable := range []string{"hostSettings", "handlerSettings", "assistantSettings", "rotationSettings"} {
		for name, expression := range keysOf(t, variable) {
			value, ok := values[name]
			if fallback, isParam := defaultOf(t, expression); !ok && isParam {
				value = fallback
			}
			environ = append(environ, strings.Replace(name, "<id>", "bankx", 1)+"="+value)
		}
	}
	loaded, err := settings.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	// Set under names that the code does not read, they would be their zero values.
	if loaded.APIClientID == "" || loaded.RetentionDays != 365 || !loaded.RetentionDryRun || loaded.Assistants[0].DeskTenantID == "" {
		t.Errorf("the handler did not take the settings of the service desk and the retention: %+v", loaded)
	}
	if login := loaded.Assistants[0].Login; login.URL == "" || login.APIKeySecretName == "" || len(login.OAuthConnections) != 2 || login.TokenServiceURL == "" ||
		login.BackendURL == "" || login.BotTenantID == "" || login.BotClientID == "" || loaded.SealingKeySecretName != "sealing-key" {
		t.Errorf("the handler did not take the settings of the login: %+v", loaded)
	}
}
