// Package settings reads the app settings (environment variables) into typed,
// validated values.
//
// Nothing else in the deployed program reads an app setting of Chatgate's own. What
// is Go's and the Azure SDK's stays theirs: HTTPS_PROXY, SSL_CERT_FILE, GOGC, where
// the managed identity is found. Every problem is found in one pass and reported
// together in an [InvalidError], because an operator who mends one setting per
// restart gives up. The library go-envconfig is not used for two reasons: it stops
// at the first problem, and it cannot enumerate names such as
// Assistants__<id>__AllowedOrigins, whose middle part is data.
package settings

import (
	"log/slog"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// Settings are the validated app settings. The zero value serves no assistant
// and admits nobody.
type Settings struct {
	// Port is the port on 127.0.0.1 on which the host expects the handler.
	Port int
	// Development is true where the host says so
	// (AZURE_FUNCTIONS_ENVIRONMENT); a few settings are allowed only then.
	Development bool
	// LogLevel is the least severe level that is written.
	LogLevel slog.Level

	// KeyVaultURI is the vault; empty only in Development, where every secret
	// may be given in the settings.
	KeyVaultURI string
	// ClientID names the user-assigned managed identity; empty means the
	// system-assigned one.
	ClientID string
	// SecretMaxAge is the age after which a cached secret is re-read.
	SecretMaxAge time.Duration
	// VisitorKeySecretName names the secret that signs visitor tokens; empty
	// means that none are issued.
	VisitorKeySecretName string
	// SealingKeySecretName names the secret that seals logins and their tokens.
	// Where an assistant has a login, either it or SealingKey is set.
	SealingKeySecretName string
	// SealingKey is the key itself, in Development only.
	SealingKey redacted.Text

	// Store says where transcripts go.
	Store Store
	// SkippedActivityTypes are the types of activities that are not stored.
	SkippedActivityTypes []string

	// Assistants are ordered by their ids, which differ.
	Assistants []Assistant

	// TokenRateLimit bounds issues and refreshes of one client address.
	TokenRateLimit Rate
	// AssistantRateLimit bounds issues of one assistant on this instance.
	AssistantRateLimit Rate
	// FrontDoorID is the X-Azure-FDID of the Front Door before the app; empty
	// where there is none.
	FrontDoorID string

	// APIClientID is the client id of the app registration for which the tokens of
	// consultants and bots are made out; empty turns the service desk off.
	APIClientID string
	// Authority is the address of Entra ID, without a slash at its end.
	Authority string

	// RetentionDays is how long conversations are kept after their last
	// activity; 0 keeps them.
	RetentionDays int
	// RetentionDryRun only counts what is past the retention.
	RetentionDryRun bool

	// WebChatURL is where the sample page loads Web Chat's bundle from; empty
	// means the pinned copy on the public CDN.
	WebChatURL string

	// misspelt are the names that are probably meant to be settings and are none.
	misspelt []Problem
}

// Assistant is one bot and its settings.
type Assistant struct {
	// ID is the lower-case id, [a-z0-9]{1,32}.
	ID string
	// DirectLineSecretName names the Key Vault secret.
	DirectLineSecretName string
	// DirectLineSecret is the secret itself, in Development only.
	DirectLineSecret redacted.Text
	// DirectLineEndpoint is the prefix of all calls, with /v3/directline.
	DirectLineEndpoint string
	// AllowedOrigins are exact origins, as browsers write them.
	AllowedOrigins []string
	// TrustedOrigins are sent to Direct Line.
	TrustedOrigins []string
	// AllowNoOrigin lets clients in that send no Origin header.
	AllowNoOrigin bool
	// Bot is the Bot Service resource whose keys are rotated; zero where
	// rotation is off.
	Bot BotResource
	// DirectLineSiteName names the site of the bot's Direct Line channel.
	DirectLineSiteName string
	// DeskTenantID is the Entra tenant of the client's consultants, a lower-case
	// UUID; empty where nobody may read the conversations.
	DeskTenantID string
	// Login is how the assistant's users log in.
	Login Login
}

// Store says where transcripts go: exactly one of its fields is set.
type Store struct {
	// TableServiceURI is a Table Storage or Cosmos DB for Table endpoint, used
	// with the managed identity.
	TableServiceURI string
	// ConnectionString is a storage account with its key, in Development only.
	ConnectionString redacted.Text
	// File is the path of the embedded store, in Development only.
	File string
}

// Load reads the settings from environ, whose entries have the form NAME=value
// as in os.Environ. Names are compared ignoring case, as in Azure's portal; an
// empty value counts as none. The error is an [*InvalidError].
func Load(environ []string) (Settings, error) {
	return load(newReader(environ))
}

func load(r *reader) (Settings, error) {
	var s Settings
	s.Development = strings.EqualFold(r.text("AZURE_FUNCTIONS_ENVIRONMENT", ""), "Development")
	r.development = s.Development
	s.Port = parsed(r, "FUNCTIONS_CUSTOMHANDLER_PORT", "8080", parsePort)
	s.LogLevel = parsed(r, "LOG_LEVEL", "info", parseLevel)
	s.ClientID = r.text("AZURE_CLIENT_ID", "")
	s.SecretMaxAge = parsed(r, "SecretMaxAge", "5m", parseAge)
	s.VisitorKeySecretName = parsed(r, "VisitorKeySecretName", "", parseSecretName)
	s.SkippedActivityTypes = parsed(r, "SkippedActivityTypes", "typing,trace", parseList)
	s.TokenRateLimit = parsed(r, "TokenRateLimit", "60/m", parseRate)
	s.AssistantRateLimit = parsed(r, "AssistantRateLimit", "6000/m", parseRate)
	s.FrontDoorID = parsed(r, "ClientAddressSource", "x-forwarded-for", parseAddressSource)
	s.WebChatURL = parsed(r, "WebChatUrl", "", parseWebChatURL)
	s.SealingKeySecretName, s.SealingKey = loadSealing(r)
	s.APIClientID = loadAPIClientID(r)
	s.Authority = parsed(r, "Authority", DefaultAuthority, r.parseEndpoint)
	s.RetentionDays = parsed(r, "RetentionDays", "0", parseDays)
	s.RetentionDryRun = parsed(r, "RetentionDryRun", "false", parseBool)
	s.Store = loadStore(r)
	s.Assistants = loadAssistants(r)
	s.KeyVaultURI = loadVault(r, s)
	checkOrder(r, s)
	s.misspelt = r.misspelt()
	if len(r.problems) > 0 { // a setting can be missing because it is misspelt
		r.problems = append(r.problems, s.misspelt...)
		return Settings{}, r.invalid()
	}
	return s, nil
}

// loadVault asks for the vault wherever a secret is to be read from it.
func loadVault(r *reader, s Settings) string {
	uri := parsed(r, "KEY_VAULT_URI", "", r.parseVault)
	if uri == "" && !r.has("KEY_VAULT_URI") && needsVault(s) {
		r.complain("KEY_VAULT_URI", "is missing; set it to the vault's address, https://<name>.vault.azure.net")
	}
	return uri
}

func needsVault(s Settings) bool {
	if !s.Development || s.VisitorKeySecretName != "" {
		return true
	}
	sealed := false
	for i := range s.Assistants {
		assistant := &s.Assistants[i]
		if assistant.DirectLineSecret.IsEmpty() || assistant.Login.APIKeySecretName != "" {
			return true
		}
		sealed = sealed || assistant.Login.IsOn()
	}
	return sealed && s.SealingKey.IsEmpty()
}
