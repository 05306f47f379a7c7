package settings_test

import (
	"strings"
	"testing"

	"chatgate/internal/settings"
)

const bankBot = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-bank/providers/Microsoft.BotService/botServices/bankx-bot"

func oneBotResource() settings.BotResource {
	return settings.BotResource{SubscriptionID: "0b1f6471-1bf0-4dda-aec3-cb9272f09590", ResourceGroup: "rg-bank", Name: "bankx-bot"}
}

func TestLoadRotation(t *testing.T) {
	two := []string{
		"KEY_VAULT_URI=https://bank-vault.vault.azure.net/",
		"Assistants__BankX__DirectLineSecretName=bankx-direct-line", "Assistants__BankX__BotResourceId=" + bankBot,
		"Assistants__BankY__DirectLineSecretName=banky-direct-line",
	}
	for name, test := range map[string]struct {
		environ   []string
		assistant string
		says      string
	}{
		"named":                     {two, "bankx", ""},
		"named in another spelling": {two, "BANKX", ""},
		"the only one":              {two[:3], "", ""},
		"several, none named":       {two, "", "name one"},
		"unknown":                   {two, "bankz", "not set for this assistant"},
		"without a bot":             {two, "banky", "Assistants__BankY__BotResourceId"},
		"without anything":          {nil, "bankx", "not set"},
		"without a vault":           {two[1:3], "", "KEY_VAULT_URI"},
		"more than a vault":         {append([]string{"KEY_VAULT_URI=https://bank-vault.vault.azure.net/secrets/x"}, two[1:3]...), "", "KEY_VAULT_URI is more than the vault's address"},
		"a vault by http":           {append([]string{"KEY_VAULT_URI=http://127.0.0.1:9"}, two[1:3]...), "", "KEY_VAULT_URI must begin with https://"},
		"an id of other characters": {[]string{"Assistants__bank-x__BotResourceId=" + bankBot}, "", "Assistants__bank-x__… has the assistant id"},
		"another endpoint by http":  {append([]string{"Assistants__bankx__DirectLineEndpoint=http://a.example"}, two[:3]...), "", "DirectLineEndpoint must begin with https://"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := settings.LoadRotation(test.environ, test.assistant)
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("err = %v, want %q", err, test.says)
				}
				return
			}
			if err != nil || got.Assistant.ID != "bankx" || got.Assistant.Bot != oneBotResource() || got.KeyVaultURI != "https://bank-vault.vault.azure.net" ||
				got.Assistant.DirectLineSiteName != "Default Site" || got.Assistant.DirectLineSecretName != "bankx-direct-line" {
				t.Errorf("LoadRotation = %+v, %v", got, err)
			}
		})
	}
}

func TestBusNamespace(t *testing.T) {
	if got := settings.BusNamespace([]string{"conversationbus__FULLYQUALIFIEDNAMESPACE=x.servicebus.windows.net"}); got != "x.servicebus.windows.net" {
		t.Errorf("BusNamespace = %q", got)
	}
}
