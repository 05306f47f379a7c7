package settings

import (
	"fmt"
	"strings"

	"chatgate/internal/redacted"
)

// DefaultDirectLineEndpoint is the global Direct Line service.
const DefaultDirectLineEndpoint = "https://directline.botframework.com/v3/directline"

// DefaultDirectLineSite is the site that the portal makes with the channel.
const DefaultDirectLineSite = "Default Site"

func loadAssistants(r *reader) []Assistant {
	ids := r.assistants()
	if len(ids) == 0 {
		r.complain("Assistants__<id>__DirectLineSecretName",
			"is missing for every assistant; set it, and AllowedOrigins, for at least one id such as bankx")
	}
	assistants := make([]Assistant, 0, len(ids))
	for _, spelled := range ids {
		assistants = append(assistants, loadAssistant(r, spelled))
	}
	return assistants
}

func loadAssistant(r *reader, spelled string) Assistant {
	prefix := prefixOf(spelled)
	a := loadDirectLine(r, spelled)
	a.DirectLineSecret = redacted.New(r.developmentOnly(prefix + "DirectLineSecret"))
	a.AllowedOrigins = parsed(r, prefix+"AllowedOrigins", "", parseOrigins)
	a.TrustedOrigins = parsed(r, prefix+"TrustedOrigins", "", parseOrigins)
	a.AllowNoOrigin = parsed(r, prefix+"AllowNoOrigin", "false", parseBool)
	a.DeskTenantID = parsed(r, prefix+"DeskTenantId", "", parseTenant)
	a.Login = loadLogin(r, prefix)
	if a.DirectLineSecret.IsEmpty() && !r.has(prefix+"DirectLineSecretName") {
		r.complain(prefix+"DirectLineSecretName", "is missing; set it to the name of the Key Vault secret that holds the bot's Direct Line secret")
	}
	if !r.has(prefix + "AllowedOrigins") {
		r.complain(prefix+"AllowedOrigins", "is missing; list the origins of the pages that embed the chat, such as https://www.example.com")
	}
	if len(a.TrustedOrigins) == 0 {
		a.TrustedOrigins = a.AllowedOrigins
	}
	return a
}

// loadDirectLine reads which bot it is, and how to reach and to rotate its Direct
// Line: all that rotating a key by hand takes of an assistant.
func loadDirectLine(r *reader, spelled string) Assistant {
	prefix := prefixOf(spelled)
	id, err := parseAssistantID(spelled)
	if err != nil {
		r.complain(prefix+"…", err.Error())
	}
	return Assistant{
		ID:                   id,
		DirectLineSecretName: parsed(r, prefix+"DirectLineSecretName", "", parseSecretName),
		DirectLineEndpoint:   parsed(r, prefix+"DirectLineEndpoint", DefaultDirectLineEndpoint, r.parseEndpoint),
		Bot:                  parsed(r, prefix+"BotResourceId", "", parseBotResource),
		DirectLineSiteName:   parsed(r, prefix+"DirectLineSiteName", DefaultDirectLineSite, parseSiteName),
	}
}

// assistantsPrefix begins the settings of all assistants.
const assistantsPrefix = "Assistants__"

// prefixOf is how the settings of an assistant begin.
func prefixOf(id string) string {
	return assistantsPrefix + id + "__"
}

// parseAssistantID returns an assistant's id in the one spelling that is used
// inside: ids are compared ignoring case.
func parseAssistantID(text string) (string, error) {
	id := strings.ToLower(text)
	if len(id) < 1 || len(id) > 32 {
		return "", fmt.Errorf("has an assistant id of %d characters; it takes 1 to 32", len(id))
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "", fmt.Errorf("has the assistant id %q; use only letters a to z and digits", text)
		}
	}
	return id, nil
}
