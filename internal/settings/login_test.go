package settings_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/settings"
)

const (
	bankx   = "Assistants__BankX__"
	oneKey  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	oneBot  = "5c0a3f5e-1bf0-4dda-aec3-cb9272f09590"
	sealing = "SealingKeySecretName=sealing-key"
)

// aLogin is what a login needs, whatever its provider.
func aLogin(extra ...string) []string {
	return production(append([]string{apiClient, sealing, bankx + "BotTenantId=" + oneTenant, bankx + "BotClientId=" + oneBot}, extra...)...)
}

func TestWhatALoginNeeds(t *testing.T) {
	all := []string{"Api__ClientId", bankx + "BotClientId", bankx + "BotTenantId", "SealingKeySecretName"}
	for _, wanted := range []string{bankx + "LoginUrl=https://api.bankx.example/login", bankx + "OAuthConnections=graph"} {
		found := complaints(t, production(wanted))
		if diff := cmp.Diff(all, slices.Sorted(maps.Keys(found))); diff != "" {
			t.Errorf("with %s alone (-want +got):\n%s", wanted, diff)
		}
		name, _, _ := strings.Cut(wanted, "=")
		for setting, what := range found {
			if !strings.Contains(what, name) {
				t.Errorf("%s %s: it does not say that %s needs it", setting, what, name)
			}
		}
		if found := complaints(t, aLogin(wanted)); len(found) > 0 {
			t.Errorf("with all that %s needs: %v", wanted, found)
		}
	}
	// The bot may be named before there is a login.
	if found := complaints(t, aLogin()); len(found) > 0 {
		t.Errorf("without a login: %v", found)
	}
}

func TestWhatIsOfNoUseWithoutALogin(t *testing.T) {
	for entry, needs := range map[string]string{
		bankx + "BackendUrl=https://api.bankx.example": "OAuthConnections",
		bankx + "LoginApiKeySecretName=key":            "LoginUrl",
	} {
		name, _, _ := strings.Cut(entry, "=")
		if what := complaints(t, aLogin(entry))[name]; !strings.Contains(what, needs) {
			t.Errorf("%s: %q", entry, what)
		}
	}
	found := complaints(t, aLogin(bankx+"OAuthConnections=graph", bankx+"LoginApiKeySecretName=key"))
	if _, complained := found[bankx+"LoginApiKeySecretName"]; !complained {
		t.Errorf("a key for no Login API: %v", found)
	}
}

// Tokens go to these addresses, so nobody on the way may read them, and nothing
// of a path may end up in a query.
func TestAddressesOfALogin(t *testing.T) {
	for value, ok := range map[string]bool{
		"https://api.bankx.example":         true,
		"https://api.bankx.example:8443/v1": true,
		"http://api.bankx.example":          false,
		"http://127.0.0.1:7071/local":       false,
		"https://rita@api.bankx.example":    false,
		"https://api.bankx.example/v1?":     false,
		"https://api.bankx.example/?x=1":    false,
		"https://api.bankx.example/#x":      false,
		"https://api.bankx.example/#":       false,
		"api.bankx.example":                 false,
		"file:///etc/passwd":                false,
	} {
		for _, name := range []string{"LoginUrl", "BackendUrl", "TokenServiceUrl"} {
			found := complaints(t, aLogin(bankx+"OAuthConnections=graph", bankx+name+"="+value))
			if _, complained := found[bankx+name]; complained == ok {
				t.Errorf("%s=%s: %v", name, value, found)
			}
		}
	}
	development := aLogin("AZURE_FUNCTIONS_ENVIRONMENT=Development", bankx+"LoginUrl=http://127.0.0.1:7071/local/login")
	if found := complaints(t, development); len(found) > 0 {
		t.Errorf("on loopback, in Development: %v", found)
	}
}

func TestSealingKeysInDevelopment(t *testing.T) {
	for value, ok := range map[string]bool{
		oneKey:                                    true,
		strings.TrimRight(oneKey, "="):            true,
		strings.ReplaceAll(oneKey, "H", "-"):      true,
		strings.ReplaceAll(oneKey, "H", "*"):      false,
		oneKey[:len(oneKey)-4]:                    false,
		"AAAA" + oneKey:                           false,
		"canary":                                  false,
		"0123456789abcdef0123456789abcdef0123456": false,
	} {
		environ := production("AZURE_FUNCTIONS_ENVIRONMENT=Development", apiClient, bankx+"LoginUrl=https://api.bankx.example",
			bankx+"BotTenantId="+oneTenant, bankx+"BotClientId="+oneBot, "SealingKey="+value)
		loaded, err := settings.Load(environ)
		if (err == nil) != ok || ok && loaded.SealingKey.Reveal() != value {
			t.Errorf("SealingKey=%s: %v", value, err)
		}
		if err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("the key is quoted: %v", err)
		}
	}
	found := complaints(t, aLogin(bankx+"LoginUrl=https://api.bankx.example", "SealingKey="+oneKey))
	if what := found["SealingKey"]; !strings.Contains(what, "Development") {
		t.Errorf("in production: %v", found)
	}
}

// On other systems than Linux the local vault cannot be reached, so a login must
// get along without one.
func TestALoginInDevelopmentNeedsNoVault(t *testing.T) {
	environ := []string{
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"ConversationStore=file:.local/store.db",
		"Assistants__demo__DirectLineSecret=canary",
		"Assistants__demo__AllowedOrigins=http://localhost:7071",
		apiClient,
		"Assistants__demo__LoginUrl=http://localhost:7071/local/login",
		"Assistants__demo__BotTenantId=" + oneTenant,
		"Assistants__demo__BotClientId=" + oneBot,
	}
	if found := complaints(t, append(environ, "SealingKey="+oneKey)); len(found) > 0 {
		t.Errorf("with a sealing key: %v", found)
	}
	for _, read := range [][]string{{sealing}, {"SealingKey=" + oneKey, "Assistants__demo__LoginApiKeySecretName=key"}} {
		if found := complaints(t, append(environ, read...)); found["KEY_VAULT_URI"] == "" {
			t.Errorf("with %s: %v, want a complaint about the vault", read, found)
		}
	}
}
