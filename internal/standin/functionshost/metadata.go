package functionshost

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/standin/bus"
)

// timeToLive is how long a queue keeps a message by default.
const timeToLive = 14 * 24 * time.Hour

// member is a member of an object: a name and an encoded value.
type member struct {
	name  string
	value []byte
}

// metadataField is one property of messages that the Service Bus extension puts
// into the metadata.
type metadataField struct {
	name   string
	append func(dst []byte, message *bus.Message) []byte
	// single writes the value where there is one message; nil: as in the array.
	single func(dst []byte, message *bus.Message) []byte
}

// metadataFields are the properties in the extension's terms.
func metadataFields() []metadataField {
	return []metadataField{
		{name: "DeliveryCount", append: func(dst []byte, m *bus.Message) []byte { return strconv.AppendInt(dst, int64(m.DeliveryCount), 10) }},
		{name: "DeadLetterSource", append: func(dst []byte, _ *bus.Message) []byte { return append(dst, "null"...) }},
		{name: "LockToken", append: func(dst []byte, m *bus.Message) []byte { return appendText(dst, m.LockToken) }},
		{name: "ExpiresAtUtc", append: appendExpiry, single: appendExpirySeconds},
		{name: "EnqueuedTimeUtc", append: appendEnqueued, single: appendEnqueuedSeconds},
		{name: "EnqueuedTime", append: func(dst []byte, m *bus.Message) []byte {
			return appendText(dst, m.EnqueuedAt.UTC().Format(dateTimeOffset))
		}},
		{name: "MessageId", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.ID) }},
		{name: "ContentType", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.ContentType) }},
		{name: "ReplyTo", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.ReplyTo) }},
		{name: "SequenceNumber", append: func(dst []byte, m *bus.Message) []byte { return strconv.AppendInt(dst, m.SequenceNumber, 10) }},
		{name: "To", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.To) }},
		{name: "Subject", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.Subject) }},
		{name: "CorrelationId", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.CorrelationID) }},
		{name: "SessionId", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.SessionID) }},
		{name: "PartitionKey", append: func(dst []byte, m *bus.Message) []byte { return appendTextOrNull(dst, m.PartitionKey) }},
		{name: "ApplicationProperties", append: appendProperties},
	}
}

func appendTextOrNull(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, "null"...)
	}
	return appendText(dst, text)
}

func appendEnqueued(dst []byte, m *bus.Message) []byte {
	return appendText(dst, m.EnqueuedAt.UTC().Format(dateTime))
}

func appendEnqueuedSeconds(dst []byte, m *bus.Message) []byte {
	return appendText(dst, m.EnqueuedAt.UTC().Format(wholeSeconds))
}

func appendExpiry(dst []byte, m *bus.Message) []byte {
	return appendText(dst, m.EnqueuedAt.UTC().Add(timeToLive).Format(dateTime))
}

func appendExpirySeconds(dst []byte, m *bus.Message) []byte {
	return appendText(dst, m.EnqueuedAt.UTC().Add(timeToLive).Format(wholeSeconds))
}

func appendProperties(dst []byte, m *bus.Message) []byte {
	encoded, err := json.Marshal(m.Properties)
	if err != nil || len(m.Properties) == 0 {
		return append(dst, "{}"...)
	}
	return append(dst, encoded...)
}

// metadataOf returns the metadata of a batch: for each property one text that
// holds the JSON of an array.
func metadataOf(messages []bus.Message) []member {
	fields := metadataFields()
	members := make([]member, 0, len(fields))
	for _, field := range fields {
		list := []byte{'['}
		for i := range messages {
			if i > 0 {
				list = append(list, ',')
			}
			list = field.append(list, &messages[i])
		}
		list = append(list, ']')
		members = append(members, member{field.name + "Array", appendText(nil, list)})
	}
	return members
}

// metadataOfOne returns the metadata of a single message. Values that are null
// are left out, objects are objects, everything else is text that holds JSON.
func metadataOfOne(message *bus.Message) []member {
	var members []member
	for _, field := range metadataFields() {
		write := field.append
		if field.single != nil {
			write = field.single
		}
		value := write(nil, message)
		switch {
		case string(value) == "null":
		case value[0] == '{':
			members = append(members, member{field.name, value})
		default:
			members = append(members, member{field.name, appendText(nil, value)})
		}
	}
	return members
}

// forge copies the top-level properties of a message's body into the metadata,
// over what is there: with one message bound as text that is what the host does,
// so that whoever writes the message forges its metadata. Names are compared
// ignoring case; arrays and nulls are passed over, scalars become text.
func forge(members []member, body []byte) []member {
	var properties map[string]json.RawMessage
	if json.Unmarshal(body, &properties) != nil {
		return members
	}
	for name, raw := range properties {
		value := forgedValue(raw)
		if value == nil {
			continue
		}
		replaced := false
		for i := range members {
			if strings.EqualFold(members[i].name, name) {
				members[i].value, replaced = value, true
			}
		}
		if !replaced {
			members = append(members, member{name, value})
		}
	}
	return members
}

func forgedValue(raw json.RawMessage) []byte {
	written, err := reparse(raw)
	if err != nil || written[0] == '[' || string(written) == "null" {
		return nil
	}
	switch written[0] {
	case '{':
		return written
	case '"':
		return appendText(nil, written)
	default:
		return appendText(nil, appendText(nil, written))
	}
}

// systemMetadata is the member sys, an object.
func systemMetadata(function string, now time.Time) member {
	object := []byte(`{"MethodName":`)
	object = appendText(object, function)
	object = append(object, `,"UtcNow":`...)
	object = appendText(object, now.UTC().Format(wholeSeconds)+"Z")
	object = append(object, `,"RandGuid":`...)
	object = appendText(object, newInvocationID())
	return member{"sys", append(object, '}')}
}
