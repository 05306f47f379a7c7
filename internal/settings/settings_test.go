package settings_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatgate/internal/redacted"
	"chatgate/internal/settings"
)

// production is the least that a deployed app needs.
func production(extra ...string) []string {
	return append([]string{
		"KEY_VAULT_URI=https://bank-vault.vault.azure.net/",
		"ConversationStore__tableServiceUri=https://bankstore.table.core.windows.net/",
		"Assistants__BankX__DirectLineSecretName=bankx-direct-line",
		"Assistants__BankX__AllowedOrigins=https://www.bankx.example, https://bankx.example",
	}, extra...)
}

func TestDefaults(t *testing.T) {
	got, err := settings.Load(production())
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Settings{
		Port:                 8080,
		LogLevel:             slog.LevelInfo,
		KeyVaultURI:          "https://bank-vault.vault.azure.net",
		SecretMaxAge:         5 * time.Minute,
		Store:                settings.Store{TableServiceURI: "https://bankstore.table.core.windows.net"},
		SkippedActivityTypes: []string{"typing", "trace"},
		TokenRateLimit:       settings.Rate{Count: 60, Period: time.Minute},
		AssistantRateLimit:   settings.Rate{Count: 6000, Period: time.Minute},
		Authority:            "https://login.microsoftonline.com",
		Assistants: []settings.Assistant{{
			ID:                   "bankx",
			DirectLineSecretName: "bankx-direct-line",
			DirectLineEndpoint:   "https://directline.botframework.com/v3/directline",
			AllowedOrigins:       []string{"https://www.bankx.example", "https://bankx.example"},
			TrustedOrigins:       []string{"https://www.bankx.example", "https://bankx.example"},
			DirectLineSiteName:   "Default Site",
		}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameText), cmpopts.IgnoreUnexported(settings.Settings{})); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
	if warnings := got.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %+v", warnings)
	}
}

func sameText(a, b redacted.Text) bool { return a.Reveal() == b.Reveal() }

func TestEverySettingIsRead(t *testing.T) {
	got, err := settings.Load(production(
		"FUNCTIONS_CUSTOMHANDLER_PORT=4711",
		"log_level=WARN", // names are compared ignoring case
		"AZURE_CLIENT_ID=00000000-0000-0000-0000-000000000001",
		"SecretMaxAge=30s",
		"VisitorKeySecretName=visitor-key",
		"SkippedActivityTypes=typing , endOfConversation",
		"TokenRateLimit=5/s",
		"AssistantRateLimit=off",
		"ClientAddressSource=front-door:0f0e0d0c-0b0a-0908-0706-050403020100",
		"WebChatUrl=/local/webchat.js",
		"Api__ClientId=0B1F6471-1BF0-4DDA-AEC3-CB9272F09590",
		"Authority=https://login.microsoftonline.us/",
		"RetentionDays=90",
		"RetentionDryRun=True",
		"Assistants__bankx__DeskTenantId=7D8B0D2F-1BF0-4DDA-AEC3-CB9272F09590",
		"Assistants__bankx__TrustedOrigins=https://bankx.example",
		"Assistants__bankx__AllowNoOrigin=true",
		"Assistants__bankx__DirectLineEndpoint=https://europe.directline.botframework.com/v3/directline",
		"Assistants__bankx__BotResourceId="+bankBot,
		"Assistants__bankx__DirectLineSiteName=web",
		"SealingKeySecretName=sealing-key",
		"Assistants__bankx__LoginUrl=https://api.bankx.example/login/",
		"Assistants__bankx__LoginApiKeySecretName=bankx-login-key",
		"Assistants__bankx__OAuthConnections=graph , crm,graph",
		"Assistants__bankx__TokenServiceUrl=https://europe.api.botframework.com/",
		"Assistants__bankx__BackendUrl=https://api.bankx.example/v1",
		"Assistants__bankx__BotTenantId=7D8B0D2F-1BF0-4DDA-AEC3-CB9272F09591",
		"Assistants__bankx__BotClientId=7D8B0D2F-1BF0-4DDA-AEC3-CB9272F09592",
	))
	if err != nil {
		t.Fatal(err)
	}
	bankx := got.Assistants[0]
	wantLogin := settings.Login{
		URL:              "https://api.bankx.example/login",
		APIKeySecretName: "bankx-login-key",
		OAuthConnections: []string{"crm", "graph"},
		TokenServiceURL:  "https://europe.api.botframework.com",
		BackendURL:       "https://api.bankx.example/v1",
		BotTenantID:      "7d8b0d2f-1bf0-4dda-aec3-cb9272f09591",
		BotClientID:      "7d8b0d2f-1bf0-4dda-aec3-cb9272f09592",
	}
	if diff := cmp.Diff(wantLogin, bankx.Login); diff != "" {
		t.Errorf("the login (-want +got):\n%s", diff)
	}
	for name, ok := range map[string]bool{
		"port":       got.Port == 4711,
		"level":      got.LogLevel == slog.LevelWarn,
		"client id":  strings.HasSuffix(got.ClientID, "1"),
		"max age":    got.SecretMaxAge == 30*time.Second,
		"key":        got.VisitorKeySecretName == "visitor-key",
		"sealing":    got.SealingKeySecretName == "sealing-key",
		"skipped":    slices.Equal(got.SkippedActivityTypes, []string{"typing", "endOfConversation"}),
		"rate":       got.TokenRateLimit == settings.Rate{Count: 5, Period: time.Second},
		"off":        got.AssistantRateLimit == settings.Rate{Off: true},
		"front door": strings.HasPrefix(got.FrontDoorID, "0f0e"),
		"web chat":   got.WebChatURL == "/local/webchat.js",
		"api":        got.APIClientID == "0b1f6471-1bf0-4dda-aec3-cb9272f09590",
		"authority":  got.Authority == "https://login.microsoftonline.us",
		"retention":  got.RetentionDays == 90 && got.RetentionDryRun,
		"desk":       bankx.DeskTenantID == "7d8b0d2f-1bf0-4dda-aec3-cb9272f09590",
		"one only":   len(got.Assistants) == 1,
		"trusted":    slices.Equal(bankx.TrustedOrigins, []string{"https://bankx.example"}),
		"no origin":  bankx.AllowNoOrigin,
		"bot":        bankx.Bot == oneBotResource(),
		"site":       bankx.DirectLineSiteName == "web",
		"endpoint":   bankx.DirectLineEndpoint == "https://europe.directline.botframework.com/v3/directline",
	} {
		if !ok {
			t.Errorf("%s was not read: %+v", name, got)
		}
	}
}

func TestDevelopmentNeedsNoVault(t *testing.T) {
	got, err := settings.Load([]string{
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"ConversationStore=file:.local/store.db",
		"Assistants__demo__DirectLineSecret=canary",
		"Assistants__demo__DirectLineEndpoint=http://127.0.0.1:7071/v3/directline",
		"Assistants__demo__AllowedOrigins=http://localhost:7071",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Store.File != ".local/store.db" || got.Assistants[0].DirectLineSecret.Reveal() != "canary" {
		t.Errorf("Load = %+v", got)
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := settings.Load([]string{
		"LOG_LEVEL=loud",
		"SecretMaxAge=5",
		"TokenRateLimit=0/m",
		"AssistantRateLimit=many",
		"ClientAddressSource=x-real-ip",
		"KEY_VAULT_URI=http://vault.example",
		"ConversationStore=UseDevelopmentStorage=true",
		"WebChatUrl=javascript:alert(1)",
		"Authority=http://127.0.0.1:7071/local/entra",
		"RetentionDays=-1",
		"RetentionDryRun=maybe",
		"Assistants__bank-x__DeskTenantId=common",
		"Assistants__bank-x__DirectLineSecretName=name",
		"Assistants__banky__DirectLineSecret=canary-6d2e",
		"Assistants__banky__AllowedOrigins=https://a.example/path",
		"Assistants__banky__AllowNoOrigin=perhaps",
		"Assistants__banky__DirectLineEndpoint=http://127.0.0.1:1/v3/directline",
		"Assistants__banky__BotResourceId=banky-bot",
		"Assistants__banky__DirectLineSiteName=two\nlines",
		"SealingKey=canary-6d2e",
		"Assistants__banky__LoginUrl=http://127.0.0.1:1/login",
		"Assistants__banky__LoginApiKeySecretName=aB3.canary-6d2e",
		"Assistants__banky__OAuthConnections=,",
		"Assistants__banky__TokenServiceUrl=https://a.example?x",
		"Assistants__banky__BackendUrl=https://rita@a.example",
		"Assistants__banky__BotTenantId=common",
		"Assistants__bankz__BackendUrl=https://a.example",
	})
	var invalid *settings.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("Load = %v, want *InvalidError", err)
	}
	var named []string
	for _, problem := range invalid.Problems {
		named = append(named, problem.Setting)
	}
	for _, want := range []string{
		"LOG_LEVEL", "SecretMaxAge", "TokenRateLimit", "AssistantRateLimit", "ClientAddressSource", "KEY_VAULT_URI",
		"ConversationStore", "WebChatUrl", "Api__ClientId", "Authority", "RetentionDays", "RetentionDryRun",
		"Assistants__bank-x__DeskTenantId",
		"Assistants__bank-x__…", "Assistants__bank-x__AllowedOrigins",
		"Assistants__banky__DirectLineSecret", "Assistants__banky__AllowedOrigins",
		// What stands in their place does not count here, so they are missing too.
		"Assistants__banky__DirectLineSecretName", "ConversationStore__tableServiceUri",
		"Assistants__banky__AllowNoOrigin", "Assistants__banky__DirectLineEndpoint",
		"Assistants__banky__BotResourceId", "Assistants__banky__DirectLineSiteName",
		"SealingKey", "SealingKeySecretName", "Assistants__banky__LoginUrl", "Assistants__banky__LoginApiKeySecretName",
		"Assistants__banky__OAuthConnections", "Assistants__banky__TokenServiceUrl", "Assistants__banky__BackendUrl",
		"Assistants__banky__BotTenantId", "Assistants__banky__BotClientId", "Assistants__bankz__BackendUrl",
	} {
		if !slices.Contains(named, want) {
			t.Errorf("%s is not complained of in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "canary-6d2e") {
		t.Errorf("the message gives a secret away:\n%v", err)
	}
}

// What the services' clients would refuse later is refused at once.
func TestAddresses(t *testing.T) {
	for entry, setting := range map[string]string{
		"KEY_VAULT_URI=https://bank.vault.azure.net/secrets":                "KEY_VAULT_URI",
		"KEY_VAULT_URI=http://127.0.0.1:9":                                  "KEY_VAULT_URI",
		"ConversationStore__tableServiceUri=http://127.0.0.1:10002/devacct": "ConversationStore__tableServiceUri",
		"Assistants__BankX__DirectLineEndpoint=https://:443/v3/directline":  "Assistants__BankX__DirectLineEndpoint",
		"Assistants__BankX__DirectLineEndpoint=https://a;b/v3/directline":   "Assistants__BankX__DirectLineEndpoint",
		"ConversationStore=garbage":                                         "ConversationStore",
		"key_vault_uri=https://other.vault.azure.net":                       "key_vault_uri",
	} {
		_, err := settings.Load(production("AZURE_FUNCTIONS_ENVIRONMENT=Development", entry))
		var invalid *settings.InvalidError
		if !errors.As(err, &invalid) || invalid.Problems[0].Setting != setting {
			t.Errorf("Load with %s = %v, want a complaint about %s", entry, err, setting)
		}
	}
}

// One rule for all addresses, which is internal/endpoint's; http is for
// Development only.
func TestHTTPIsForLoopbackInDevelopment(t *testing.T) {
	for address, ok := range map[string]bool{
		"http://127.0.0.1:1/v3/directline":                      true,
		"http://127.0.0.2:1/v3/directline":                      true,
		"http://LOCALHOST/v3/directline":                        true,
		"http://[::1]:1/v3/directline":                          true,
		"http://directline.example/v3/directline":               false,
		"http://localhost.evil.example/v3/directline":           false,
		"https://Europe.Directline.example/v3/directline/":      true,
		"https://rita@directline.example/v3/directline":         false,
		"https://directline.example/v3/directline?":             false,
		"https://directline.example/v3/directline#":             false,
		"directline.example/v3/directline":                      false,
		"wss://directline.example/v3/directline":                false,
		"https://direct;line.example/v3/directline":             false,
		"https://xn--direct-line.example:8443/v3/directline///": true,
	} {
		for _, development := range []bool{true, false} {
			environ := production("Assistants__bankx__DirectLineEndpoint=" + address)
			if development {
				environ = append(environ, "AZURE_FUNCTIONS_ENVIRONMENT=Development")
			}
			got, err := settings.Load(environ)
			if want := ok && (development || strings.HasPrefix(address, "https")); (err == nil) != want {
				t.Errorf("%s, Development %t: %v", address, development, err)
			}
			if strings.HasPrefix(address, "http://") && err != nil && !strings.Contains(err.Error(), "DirectLineEndpoint must begin with https:// (http only in Development, on loopback)") {
				t.Errorf("%s: %v", address, err)
			}
			if err == nil && got.Assistants[0].DirectLineEndpoint != strings.ToLower(strings.TrimRight(address, "/")) {
				t.Errorf("%s is read as %s", address, got.Assistants[0].DirectLineEndpoint)
			}
		}
	}
}

func TestMissingSettingsAreNamed(t *testing.T) {
	_, err := settings.Load(nil)
	for _, want := range []string{"KEY_VAULT_URI", "ConversationStore__tableServiceUri", "Assistants__<id>__DirectLineSecretName"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(nothing) = %v, does not name %s", err, want)
		}
	}
}

func TestASecretInPlaceOfItsNameIsNotPrinted(t *testing.T) {
	_, err := settings.Load(production("Assistants__banky__DirectLineSecretName=aB3.cwAA.canary_77"))
	if err == nil || strings.Contains(err.Error(), "canary_77") {
		t.Errorf("Load = %v, want a complaint without the value", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("Assistants__a__AllowedOrigins", "https://a.example")
	f.Add("TokenRateLimit", "60/m")
	f.Add("ConversationStore", "file:x")
	f.Add("Assistants____x", "y")
	f.Add("Assistants__", "y")
	f.Fuzz(func(t *testing.T, name, value string) {
		loaded, err := settings.Load(production(name + "=" + value))
		if err == nil && len(loaded.Assistants) == 0 {
			t.Errorf("Load with %s=%s accepts settings without an assistant", name, value)
		}
	})
}
