package settings

import (
	"errors"
	"fmt"
	"slices"

	"chatgate/internal/redacted"
)

// Login is how the users of one assistant log in to the client's own system. The
// zero value is no login.
type Login struct {
	// URL is where the client's Login API is; empty where there is none.
	URL string
	// APIKeySecretName names the secret that the Login API wants as x-api-key;
	// empty where it wants none.
	APIKeySecretName string
	// OAuthConnections are those of the bot that users may sign in with.
	OAuthConnections []string
	// TokenServiceURL is where the tokens of OAuth connections are; empty means
	// the global service.
	TokenServiceURL string
	// BackendURL is what the assistant may call for a user; empty: nothing.
	BackendURL string
	// BotTenantID and BotClientID are the bot's, lower-case UUIDs. Where there is
	// a login they are set.
	BotTenantID string
	BotClientID string
}

// IsOn tells whether users can log in.
func (l *Login) IsOn() bool {
	return l.URL != "" || len(l.OAuthConnections) > 0
}

func loadLogin(r *reader, prefix string) Login {
	l := Login{
		URL:              parsed(r, prefix+"LoginUrl", "", r.parseEndpoint),
		APIKeySecretName: parsed(r, prefix+"LoginApiKeySecretName", "", parseSecretName),
		OAuthConnections: parsed(r, prefix+"OAuthConnections", "", parseConnections),
		TokenServiceURL:  parsed(r, prefix+"TokenServiceUrl", "", r.parseEndpoint),
		BackendURL:       parsed(r, prefix+"BackendUrl", "", r.parseEndpoint),
		BotTenantID:      parsed(r, prefix+"BotTenantId", "", parseTenant),
		BotClientID:      parsed(r, prefix+"BotClientId", "", parseUUID),
	}
	if r.has(prefix+"LoginApiKeySecretName") && !r.has(prefix+"LoginUrl") {
		r.complain(prefix+"LoginApiKeySecretName", "is of no use without LoginUrl; set that too, or remove it")
	}
	wanted := loginOf(r, prefix)
	if wanted == "" && r.has(prefix+"BackendUrl") {
		r.complain(prefix+"BackendUrl", "is of no use without a login; set LoginUrl or OAuthConnections too, or remove it")
	}
	if wanted != "" {
		r.need(prefix+"BotTenantId", wanted, "set it to the id of the Entra tenant that the bot's identity is in")
		r.need(prefix+"BotClientId", wanted, "set it to the client id of the bot's identity")
	}
	return l
}

// loginOf is the setting that turns an assistant's login on, "" where it is off.
// A value that was refused counts: what it needs is complained of in the same
// pass.
func loginOf(r *reader, prefix string) string {
	for _, name := range []string{prefix + "LoginUrl", prefix + "OAuthConnections"} {
		if r.has(name) {
			return name
		}
	}
	return ""
}

// need complains where a setting that another one needs is missing.
func (r *reader) need(name, wanted, how string) {
	if !r.has(name) {
		r.complain(name, "is missing; "+wanted+" needs it: "+how)
	}
}

// sealingKeySize is of A256GCM, in bytes.
const sealingKeySize = 32

// loadSealing asks for the key that seals tokens as soon as there are any.
func loadSealing(r *reader) (name string, key redacted.Text) {
	name = parsed(r, "SealingKeySecretName", "", parseSecretName)
	key = redacted.New(r.developmentOnly("SealingKey"))
	if !key.IsEmpty() {
		if len(key.Base64()) != sealingKeySize {
			r.complain("SealingKey", "is not the base64 of exactly 32 bytes (openssl rand -base64 32)")
		}
		return name, key
	}
	for _, assistant := range r.assistants() {
		if wanted := loginOf(r, prefixOf(assistant)); wanted != "" {
			r.need("SealingKeySecretName", wanted, "set it to the name of the Key Vault secret that holds the base64 of 32 random bytes")
			break
		}
	}
	return name, redacted.Text{}
}

// maxConnectionName bounds the name of an OAuth connection, in bytes.
const maxConnectionName = 256

func parseConnections(text string) ([]string, error) {
	names, _ := parseList(text)
	if len(names) == 0 {
		return nil, errors.New("lists no OAuth connection; write the names of the bot's connections, separated by commas")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		if len(name) > maxConnectionName {
			return nil, fmt.Errorf("holds a name of %d characters; an OAuth connection's has at most %d", len(name), maxConnectionName)
		}
	}
	return names, nil
}
