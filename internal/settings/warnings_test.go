package settings_test

import (
	"strings"
	"testing"

	"chatgate/internal/settings"
)

func TestAllowedOriginsThatAreNotTrustedAreWarnedOf(t *testing.T) {
	for name, test := range map[string]struct {
		trusted string
		left    string // out of the trusted ones
	}{
		"the default":           {"", ""},
		"the same":              {"https://bankx.example,https://www.bankx.example", ""},
		"in another spelling":   {"HTTPS://BankX.example:443, https://WWW.bankx.example", ""},
		"more than is allowed":  {"https://bankx.example,https://www.bankx.example,https://x.example", ""},
		"one is left out":       {"https://bankx.example", "https://www.bankx.example"},
		"all are":               {"https://x.example", "https://www.bankx.example, https://bankx.example"},
		"another port is other": {"https://bankx.example:8443,https://www.bankx.example", "https://bankx.example"},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := settings.Load(production("Assistants__BankX__TrustedOrigins="+test.trusted,
				"Assistants__banky__DirectLineSecretName=n", "Assistants__banky__AllowedOrigins=https://banky.example"))
			if err != nil {
				t.Fatal(err)
			}
			warnings := loaded.Warnings()
			if test.left == "" {
				if len(warnings) > 0 {
					t.Errorf("warnings: %+v", warnings)
				}
				return
			}
			if len(warnings) != 1 || warnings[0].Setting != "Assistants__bankx__TrustedOrigins" || !strings.HasPrefix(warnings[0].What, "leaves out "+test.left+" of AllowedOrigins; ") {
				t.Errorf("warnings: %+v; want one about %s", warnings, test.left)
			}
		})
	}
}

func TestEachAssistantHasItsOwnWarning(t *testing.T) {
	loaded, err := settings.Load(production("Assistants__bankx__TrustedOrigins=https://x.example",
		"Assistants__banky__DirectLineSecretName=n", "Assistants__banky__AllowedOrigins=https://banky.example", "Assistants__banky__TrustedOrigins=https://y.example"))
	if warnings := loaded.Warnings(); err != nil || len(warnings) != 2 || warnings[1].Setting != "Assistants__banky__TrustedOrigins" {
		t.Errorf("%+v, %v", warnings, err)
	}
	if warnings := (&settings.Settings{}).Warnings(); len(warnings) > 0 {
		t.Errorf("of nothing: %+v", warnings)
	}
}
