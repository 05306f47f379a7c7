package settings

import (
	"strings"
	"testing"
)

func TestParseBotResource(t *testing.T) {
	const bankBot = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-bank/providers/Microsoft.BotService/botServices/bankx-bot"
	with := func(old, replacement string) string { return strings.Replace(bankBot, old, replacement, 1) }
	bank := BotResource{SubscriptionID: "0b1f6471-1bf0-4dda-aec3-cb9272f09590", ResourceGroup: "rg-bank", Name: "bankx-bot"}
	street := bank
	street.ResourceGroup = "rg_(Straße).1"
	for text, want := range map[string]BotResource{
		bankBot:                                  bank,
		with("resourceGroups", "resourcegroups"): bank, // az and the portal differ in spelling
		with("Microsoft.BotService", "microsoft.botservice"): bank,
		with("0b1f6471", "0B1F6471"):                         bank,
		with("rg-bank", "rg_(Straße).1"):                     street,
		// Refused.
		"":                                            {},
		"bankx-bot":                                   {},
		strings.TrimPrefix(bankBot, "/"):              {},
		bankBot + "/":                                 {},
		bankBot + "/channels/Direct":                  {},
		"https://management.azure.com" + bankBot:      {},
		with("0b1f6471", "x"):                         {},
		with("rg-bank", ".."):                         {},
		with("rg-bank", ""):                           {},
		with("rg-bank", "a b"):                        {},
		with("rg-bank", strings.Repeat("a", 91)):      {},
		with("bankx-bot", "..%2f.."):                  {},
		with("bankx-bot", "b"):                        {},
		with("botServices", "sites"):                  {},
		with("Microsoft.BotService", "Microsoft.Web"): {},
	} {
		got, err := parseBotResource(text)
		if got != want || (err == nil) == want.IsZero() {
			t.Errorf("parseBotResource(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}
