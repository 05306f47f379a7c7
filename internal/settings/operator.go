package settings

import (
	"errors"
	"strings"
)

// Rotation are the settings that rotating one assistant's key by hand needs,
// under the names that the app itself has.
type Rotation struct {
	KeyVaultURI string
	// Assistant has only what rotation uses.
	Assistant Assistant
}

// LoadRotation reads what is needed to rotate the key of an assistant. With one
// assistant in environ its id may be "". The error is an [*InvalidError].
func LoadRotation(environ []string, assistant string) (Rotation, error) {
	r := newReader(environ)
	spelled, err := chosen(r.assistants(), assistant)
	if err != nil {
		r.complain("Assistants__<id>__BotResourceId", err.Error())
		return Rotation{}, r.invalid()
	}
	found := Rotation{
		KeyVaultURI: parsed(r, "KEY_VAULT_URI", "", r.parseVault),
		Assistant:   loadDirectLine(r, spelled),
	}
	prefix := prefixOf(spelled)
	for _, name := range []string{"KEY_VAULT_URI", prefix + "DirectLineSecretName", prefix + "BotResourceId"} {
		if !r.has(name) {
			r.complain(name, "is missing; rotating a key by hand needs it")
		}
	}
	return found, r.invalid()
}

// chosen finds an assistant among those that settings name.
func chosen(spelled []string, id string) (string, error) {
	if id == "" && len(spelled) == 1 {
		return spelled[0], nil
	}
	for _, each := range spelled {
		if id != "" && strings.EqualFold(each, id) {
			return each, nil
		}
	}
	if id == "" {
		return "", errors.New("is set for several assistants or for none; name one (ASSISTANT=bankx)")
	}
	return "", errors.New("is not set for this assistant; take the settings from the app (APP=… GROUP=…) or set them")
}

// BusNamespace reads the Service Bus namespace, which in the app only the host
// reads. "" means that there is none.
func BusNamespace(environ []string) string {
	return newReader(environ).text("ConversationBus__fullyQualifiedNamespace", "")
}
