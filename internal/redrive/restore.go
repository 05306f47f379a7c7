package redrive

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Restored is a message as it was before it was given up.
type Restored struct {
	// Message is the copy to be sent.
	Message *azservicebus.Message
	// EnqueuedAt is when the queue took the original, or a later time.
	EnqueuedAt time.Time
	// Why says why the original was given up.
	Why string
}

// Restore makes the copy of a message. With an error it tells what it can.
type Restore func(*azservicebus.ReceivedMessage) (Restored, error)

// Properties that the broker adds to dead letters.
const (
	deadLetterReason      = "DeadLetterReason"
	deadLetterDescription = "DeadLetterErrorDescription"
)

// assistantProperty names the assistant; see the messages' reference.
const assistantProperty = "assistant"

var errBody = errors.New("its body is not in one piece of bytes, and would not be the same in a copy")

// FromDeadLetters restores a dead letter: the same id, body and properties,
// without what the broker added and without a time to live.
func FromDeadLetters(message *azservicebus.ReceivedMessage) (Restored, error) {
	properties := maps.Clone(message.ApplicationProperties)
	delete(properties, deadLetterReason)
	delete(properties, deadLetterDescription)
	duplicate := message.Message()
	duplicate.ApplicationProperties = properties
	duplicate.TimeToLive, duplicate.ScheduledEnqueueTime = nil, nil
	if message.MessageID == "" {
		duplicate.MessageID = nil
	}
	restored := Restored{Message: duplicate, EnqueuedAt: enqueued(message), Why: why(text(message.DeadLetterReason), text(message.DeadLetterErrorDescription))}
	if raw := message.RawAMQPMessage; raw != nil && len(raw.Body.Data) != 1 {
		return restored, errBody
	}
	return restored, nil
}

func enqueued(message *azservicebus.ReceivedMessage) time.Time {
	if message.EnqueuedTime == nil {
		return time.Time{}
	}
	return *message.EnqueuedTime
}

func why(reason, detail string) string {
	if reason == "" || detail == "" {
		return reason + detail
	}
	return reason + ": " + detail
}

func text(from *string) string {
	if from == nil {
		return ""
	}
	return *from
}

// quarantined is a message of the queue conversation-quarantine.
type quarantined struct {
	Reason       string    `json:"reason"`
	Detail       string    `json:"detail"`
	MessageID    string    `json:"messageId"`
	Assistant    string    `json:"assistant"`
	EnqueuedTime time.Time `json:"enqueuedTime"`
	Body         *[]byte   `json:"body"`
	BodyGzip     []byte    `json:"bodyGzip"`
	BodySha256   string    `json:"bodySha256"`
}

// maxBody bounds what a body may unpack to: Service Bus takes no larger message.
const maxBody = 100 << 20

var (
	errNotQuarantined = errors.New("it is not a message that Chatgate has set aside")
	errBodyLost       = errors.New("its body was too large to keep; only the sender can send it again")
	errGzip           = errors.New("its body cannot be unpacked")
)

// FromQuarantine restores a message that Chatgate has set aside: the same id and
// body, for the same assistant. Values of credentials were removed from the body
// before it was set aside.
func FromQuarantine(message *azservicebus.ReceivedMessage) (Restored, error) {
	var aside quarantined
	if err := json.Unmarshal(message.Body, &aside); err != nil || aside.Reason == "" {
		restored := Restored{Message: &azservicebus.Message{MessageID: &message.MessageID}, EnqueuedAt: enqueued(message)}
		return restored, errNotQuarantined // the decoder's own words quote the message
	}
	duplicate := &azservicebus.Message{ApplicationProperties: map[string]any{}}
	if aside.MessageID != "" {
		duplicate.MessageID = &aside.MessageID
	}
	if aside.Assistant != "" {
		duplicate.ApplicationProperties[assistantProperty] = aside.Assistant
	}
	restored := Restored{Message: duplicate, EnqueuedAt: aside.EnqueuedTime, Why: why(aside.Reason, aside.Detail)}
	if restored.EnqueuedAt.IsZero() {
		restored.EnqueuedAt = enqueued(message)
	}
	body, err := aside.body()
	duplicate.Body = body
	return restored, err
}

func (q quarantined) body() ([]byte, error) {
	switch {
	case q.Body != nil:
		return *q.Body, nil
	case len(q.BodyGzip) > 0:
		return unzip(q.BodyGzip)
	case q.BodySha256 != "":
		return nil, errBodyLost
	default:
		return nil, errNotQuarantined
	}
}

func unzip(compressed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, errGzip
	}
	body, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, errGzip
	}
	return body, nil
}

func (r Restored) id() string {
	return text(r.Message.MessageID)
}

func (r Restored) assistant() string {
	if name := r.Message.ApplicationProperties[assistantProperty]; name != nil {
		return fmt.Sprint(name)
	}
	return ""
}

// key says which messages are the same: by id, and without one by their body.
func (r Restored) key() string {
	if id := r.id(); id != "" {
		return "id:" + id
	}
	sum := sha256.Sum256(r.Message.Body)
	return "body:" + string(sum[:])
}
