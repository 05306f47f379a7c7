package bus

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// maxMessageID is what the service allows, in characters.
const maxMessageID = 128

// brokerProperties are those that a sender may set. Others are ignored, as the
// service does.
type brokerProperties struct {
	MessageID            string `json:"MessageId"`
	CorrelationID        string `json:"CorrelationId"`
	Label                string
	To                   string
	ReplyTo              string
	ReplyToSessionID     string `json:"ReplyToSessionId"`
	SessionID            string `json:"SessionId"`
	PartitionKey         string
	ScheduledEnqueueTime string `json:"ScheduledEnqueueTimeUtc"`
}

// decodeBrokerProperties reads the JSON of header BrokerProperties, which may be
// absent.
func decodeBrokerProperties(text []byte) (Message, error) {
	if len(text) == 0 {
		return Message{}, nil
	}
	var given *brokerProperties
	if err := json.Unmarshal(text, &given); err != nil || given == nil {
		return Message{}, badRequest("BrokerProperties is not a JSON object of broker properties")
	}
	return given.message()
}

func (p *brokerProperties) message() (Message, error) {
	if len([]rune(p.MessageID)) > maxMessageID {
		return Message{}, badRequest("MessageId is longer than %d characters", maxMessageID)
	}
	if p.ScheduledEnqueueTime != "" {
		return Message{}, badRequest("ScheduledEnqueueTimeUtc is not offered by this stand-in")
	}
	return Message{
		ID: p.MessageID, CorrelationID: p.CorrelationID, Subject: p.Label, To: p.To, ReplyTo: p.ReplyTo,
		ReplyToSessionID: p.ReplyToSessionID, SessionID: p.SessionID, PartitionKey: p.PartitionKey,
	}, nil
}

// batchElement is one message of a batch send.
type batchElement struct {
	Body             *string
	IsBodyBase64     bool
	BrokerProperties *brokerProperties
	UserProperties   map[string]any
}

func decodeBatch(body []byte) ([]Message, error) {
	var elements []batchElement
	if err := json.Unmarshal(body, &elements); err != nil || len(elements) == 0 {
		return nil, badRequest("the body is not a JSON array of messages")
	}
	messages := make([]Message, 0, len(elements))
	for i, element := range elements {
		message, err := element.message()
		if err != nil {
			return nil, badRequest("message %d: %s", i, err)
		}
		messages = append(messages, message)
	}
	return messages, nil
}

func (e *batchElement) message() (Message, error) {
	message := Message{}
	if e.BrokerProperties != nil {
		given, err := e.BrokerProperties.message()
		if err != nil {
			return Message{}, err
		}
		message = given
	}
	if e.Body == nil {
		return Message{}, badRequest("it has no Body")
	}
	message.Body = []byte(*e.Body)
	if e.IsBodyBase64 {
		body, err := base64.StdEncoding.DecodeString(*e.Body)
		if err != nil {
			return Message{}, badRequest("its Body is not base64")
		}
		message.Body = body
	}
	for name, value := range e.UserProperties {
		switch value.(type) {
		case string, float64, bool:
		default:
			return Message{}, badRequest("user property %q is no string, number or boolean", name)
		}
	}
	message.Properties = e.UserProperties
	return message, nil
}

// headerProperties returns the request's custom headers as application
// properties. HTTP compares header names ignoring case and clients rewrite them,
// so names are taken in lower case.
func headerProperties(header http.Header) map[string]any {
	properties := map[string]any{}
	for name, values := range header {
		name = strings.ToLower(name)
		if len(values) == 0 || isTransportHeader(name) {
			continue
		}
		properties[name] = headerValue(values[0])
	}
	return properties
}

// headerValue reads a custom property: the service wants strings in quotes, and
// reads what has none as a number or boolean where it is one.
func headerValue(text string) any {
	if len(text) >= 2 && strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
		var unquoted string
		if err := json.Unmarshal([]byte(text), &unquoted); err == nil {
			return unquoted
		}
		return text[1 : len(text)-1]
	}
	switch strings.ToLower(text) {
	case "true":
		return true
	case "false":
		return false
	}
	number, err := strconv.ParseFloat(text, 64)
	if err == nil && !math.IsInf(number, 0) && !math.IsNaN(number) {
		return number
	}
	return text
}

// isTransportHeader reports whether a header, in lower case, belongs to HTTP or
// to the way that the request came, and so is no property of the message.
func isTransportHeader(name string) bool {
	for _, prefix := range []string{"accept", "access-control-", "content-", "forwarded", "if-", "proxy-", "sec-", "x-forwarded-", "x-ms-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "authorization", "brokerproperties", "cache-control", "connection", "cookie", "date", "dnt", "expect", "from",
		"host", "keep-alive", "max-forwards", "origin", "pragma", "priority", "range", "referer", "te", "traceparent",
		"tracestate", "trailer", "transfer-encoding", "upgrade", "upgrade-insecure-requests", "user-agent", "via", "warning":
		return true
	}
	return false
}
