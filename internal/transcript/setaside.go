package transcript

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// maxQuarantine is how many bytes a message for the quarantine queue takes at
// most: a queue of Service Bus's Standard tier takes 256 KB, properties
// included.
const maxQuarantine = 192 << 10

// Reason says to programs why a message was set aside. The names are part of
// the contract.
type Reason string

// The reasons of the contract. The zero value is none of them.
const (
	// NotJSON: empty, not UTF-8, not JSON or nested too deep.
	NotJSON Reason = "not_json"
	// NotAnActivity: JSON that is no object, or has no type or no
	// conversation.id.
	NotAnActivity Reason = "not_an_activity"
	// UnknownAssistant: for an assistant that no setting names.
	UnknownAssistant Reason = "unknown_assistant"
	// TooLarge: an activity that does not fit a row even when gzipped, or that
	// the store refused.
	TooLarge Reason = "too_large"
)

// SetAside is a message that can never be stored. It marshals to the message
// for the quarantine queue, which holds the body as received, except for
// credentials.
type SetAside struct {
	Reason Reason
	// Detail says more to people. It holds nothing of the message's content.
	Detail  string
	Message Message
}

// quarantined is the message for the quarantine queue. Body is there even where
// it is empty, unless one of the members below takes its place.
type quarantined struct {
	Reason       Reason `json:"reason"`
	Detail       string `json:"detail"`
	MessageID    string `json:"messageId"`
	Assistant    string `json:"assistant"`
	EnqueuedTime string `json:"enqueuedTime,omitempty"`

	Body *[]byte `json:"body,omitempty"`

	// BodyGzip is the body gzipped, where the body itself is too large.
	BodyGzip []byte `json:"bodyGzip,omitempty"`

	// BodyBytes and BodySha256 describe the body as received, where even its
	// gzip is too large or where it must not be shown.
	BodyBytes  int    `json:"bodyBytes,omitempty"`
	BodySha256 string `json:"bodySha256,omitempty"`
}

// MarshalJSON returns the message for the quarantine queue, which takes at most
// 192 KiB: a larger body is gzipped, a still larger one described.
func (s SetAside) MarshalJSON() ([]byte, error) {
	message := quarantined{
		Reason:    s.Reason,
		Detail:    cutUnits(s.Detail, maxDetail),
		MessageID: cutUnits(s.Message.ID, maxDetail),
		Assistant: cutUnits(s.Message.Assistant, maxDetail),
	}
	if !s.Message.EnqueuedAt.IsZero() {
		message.EnqueuedTime = s.Message.EnqueuedAt.UTC().Format(time.RFC3339Nano)
	}
	message.setBody(s.Message.Body)
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encoding a message set aside: %w", err)
	}
	return text, nil
}

// maxDetail is how many UTF-16 units of each text are kept. JSON writes a unit
// in six bytes at most, so that with three such texts headRoom is enough for
// everything but the body.
const (
	maxDetail = 512
	headRoom  = 12 << 10
	// maxBody is how many bytes leave room for their base64: 4 for each 3.
	maxBody = (maxQuarantine - headRoom) / 4 * 3
)

func (q *quarantined) setBody(body []byte) {
	shown, ok := withoutCredentials(body)
	switch {
	case !ok:
		q.Detail += withheld
	case len(shown) <= maxBody:
		shown = append([]byte{}, shown...) // never nil, which would be null
		q.Body = &shown
		return
	default:
		compressed, fits := gzipWithin(gzip.NewWriter(io.Discard), shown, maxBody)
		if fits {
			q.BodyGzip = compressed
			return
		}
	}
	sum := sha256.Sum256(body)
	q.BodyBytes, q.BodySha256 = len(body), hex.EncodeToString(sum[:])
}

// withheld is added to the detail of a message whose body is not shown.
const withheld = "; its body is withheld, since it may hold a credential that cannot be told apart"
