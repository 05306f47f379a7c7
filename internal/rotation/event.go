package rotation

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"

	"chatgate/internal/secrets"
)

// nearExpiry is the one type of event that leads to a rotation
// (https://learn.microsoft.com/azure/event-grid/event-schema-key-vault).
const nearExpiry = "Microsoft.KeyVault.SecretNearExpiry"

// maxMessage is how many bytes a message of events may have; Event Grid sends
// one event, of 1 MB at most.
const maxMessage = 1 << 20

// reason says why something is refused. It quotes nothing of what was received.
// The zero value means that nothing is wrong.
type reason string

const (
	notEvents     reason = "not a JSON object or an array of objects"
	tooLarge      reason = "larger than 1 MiB"
	otherType     reason = "an event of another type"
	noSecret      reason = "the event names no version of a secret"
	otherVault    reason = "an event of another vault"
	otherSecret   reason = "no assistant with a BotResourceId has this secret"
	contradictory reason = "the event contradicts itself"
)

// event is an event in either of Event Grid's schemas.
type event struct {
	EventType string `json:"eventType"` // Event Grid's own schema
	Type      string `json:"type"`      // CloudEvents 1.0
	Data      struct {
		ID         string `json:"Id"`
		ObjectType string `json:"ObjectType"`
		ObjectName string `json:"ObjectName"`
		Version    string `json:"Version"`
	} `json:"data"`
}

// decodeEvents reads one event or an array of them.
func decodeEvents(body []byte) ([]event, reason) {
	if len(body) > maxMessage {
		return nil, tooLarge
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	switch {
	case bytes.HasPrefix(body, []byte("[")):
		var events []event
		if err := json.Unmarshal(body, &events); err != nil {
			return nil, notEvents // the decoder's own words quote the body
		}
		return events, ""
	case bytes.HasPrefix(body, []byte("{")):
		var one event
		if err := json.Unmarshal(body, &one); err != nil {
			return nil, notEvents
		}
		return []event{one}, ""
	default:
		return nil, notEvents
	}
}

// subject is the version of a secret that an event is about.
type subject struct {
	vaultHost, secret, version string
}

// secret returns what the event is about, taken from its id: the address of the
// version, which the vault itself wrote.
func (e event) secret() (subject, reason) {
	if e.EventType != nearExpiry && (e.EventType != "" || e.Type != nearExpiry) {
		return subject{}, otherType
	}
	address, err := url.Parse(e.Data.ID)
	if err != nil || address.Scheme != "https" || address.Hostname() == "" {
		return subject{}, noSecret
	}
	parts := strings.Split(strings.Trim(address.Path, "/"), "/")
	if len(parts) != 3 || !strings.EqualFold(parts[0], "secrets") || parts[1] == "" || !secrets.IsVersion(parts[2]) {
		return subject{}, noSecret
	}
	about := subject{vaultHost: hostOf(e.Data.ID), secret: parts[1], version: parts[2]}
	if !agrees(e.Data.ObjectType, "Secret") || !agrees(e.Data.ObjectName, about.secret) || !agrees(e.Data.Version, about.version) {
		return subject{}, contradictory
	}
	return about, ""
}

// agrees reports whether a member of the event, if it is there, says what the id
// says.
func agrees(said, want string) bool {
	return said == "" || strings.EqualFold(said, want)
}

// hostOf returns the host of an address, in lower case and with no port.
func hostOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(parsed.Hostname())
}

// match finds the assistant that an event concerns.
func (r *Rotator) match(about subject) (Assistant, reason) {
	if about.vaultHost == "" || about.vaultHost != r.vaultHost {
		return Assistant{}, otherVault
	}
	for _, assistant := range r.assistants {
		if strings.EqualFold(assistant.SecretName, about.secret) {
			return assistant, ""
		}
	}
	return Assistant{}, otherSecret
}
