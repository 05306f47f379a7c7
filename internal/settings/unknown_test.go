package settings_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/settings"
)

func TestMisspeltSettingsAreWarnedOf(t *testing.T) {
	for name, says := range map[string]string{
		"RetentionDay":                       "did you mean RetentionDays?",
		"retentiondayss":                     "did you mean RetentionDays?",
		"RetentoinDays":                      "did you mean RetentionDays?",
		"AssistantsRateLimit":                "did you mean AssistantRateLimit?",
		"KEY_VAULT_URL":                      "did you mean KEY_VAULT_URI?",
		"Assistants__bankx__AllowedOrigin":   "did you mean Assistants__BankX__AllowedOrigins?",
		"Assistant__bankx__AllowNoOrigin":    "did you mean Assistants__BankX__AllowNoOrigin?",
		"Assistants__bankx__Rate":            "is no setting of an assistant; docs/reference/settings.md lists those there are",
		"Assistants__bankx__LoginUrl__Extra": "is no setting of an assistant",
		"Assistants__bankx":                  "is no setting of an assistant",
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := settings.Load(production(name + "=canary-6d2e"))
			if err != nil {
				t.Fatal(err)
			}
			warnings := loaded.Warnings()
			if len(warnings) != 1 || warnings[0].Setting != name || !strings.Contains(warnings[0].What, says) || strings.Contains(warnings[0].What, "canary") {
				t.Errorf("warnings: %+v", warnings)
			}
		})
	}
}

// What stands in the environment has no order that could decide.
func TestOfSeveralSpellingsOfAnAssistantTheSameIsNamedAtEachStart(t *testing.T) {
	for range 100 {
		loaded, err := settings.Load(production("ASSISTANTS__bankX__AllowNoOrigin=true", "Assistants__bankx__AllowedOrigin=https://a.example"))
		if err != nil {
			t.Fatal(err)
		}
		if warnings := loaded.Warnings(); len(warnings) != 1 || !strings.Contains(warnings[0].What, "did you mean Assistants__BankX__AllowedOrigins?") {
			t.Fatalf("warnings: %+v", warnings)
		}
	}
}

// The environment is the platform's as well, and other spellings of a setting are
// that setting.
func TestWhatIsNoSettingOfOursIsNotWarnedOf(t *testing.T) {
	loaded, err := settings.Load(production("PATH=/bin", "HOME=/", "PORT=1", "WEBSITE_SITE_NAME=x", "APPSETTING_RetentionDays=1", "AzureWebJobsStorage=x",
		"FUNCTIONS_EXTENSION_VERSION=~4", "FUNCTIONS_WORKER_RUNTIME=custom", "APPLICATIONINSIGHTS_CONNECTION_STRING=x", "IDENTITY_ENDPOINT=x",
		"ConversationBus__fullyQualifiedNamespace=x", "AZURE_TENANT_ID=x", "RetentionWeek=x", "retentiondays=3", "ASSISTANTS__BANKX__ALLOWNOORIGIN=true", "RetentionDay="))
	if err != nil {
		t.Fatal(err)
	}
	if warnings := loaded.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %+v", warnings)
	}
}

// A setting may be missing because it is misspelt.
func TestMisspeltSettingsStandAmongTheProblemsInOrder(t *testing.T) {
	_, err := settings.Load([]string{
		"KEY_VAULT_URI=https://bank-vault.vault.azure.net/", "ConversationStore__tableServiceUri=https://bankstore.table.core.windows.net/",
		"TokenRateLimit=often", "RetentionDays=x", "Assistants__bankx__DirectLineSecretName=n", "Assistants__bankx__AllowedOrigin=https://a.example",
	})
	var invalid *settings.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	var named []string
	for _, problem := range invalid.Problems {
		named = append(named, problem.Setting)
	}
	if want := []string{"Assistants__bankx__AllowedOrigin", "Assistants__bankx__AllowedOrigins", "RetentionDays", "TokenRateLimit"}; !slices.Equal(named, want) {
		t.Errorf("complaints of %q, want %q", named, want)
	}
}
