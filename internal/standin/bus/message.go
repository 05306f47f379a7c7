package bus

import (
	"time"
)

// Message is one message of a queue. A message handed out by the bus is a copy,
// but shares Body and Properties with the bus: read them only.
type Message struct {
	// ID is the MessageId, set by the sender. It may be empty.
	ID               string `json:"id,omitempty"`
	ContentType      string `json:"contentType,omitempty"`
	CorrelationID    string `json:"correlationId,omitempty"`
	Subject          string `json:"subject,omitempty"`
	To               string `json:"to,omitempty"`
	ReplyTo          string `json:"replyTo,omitempty"`
	ReplyToSessionID string `json:"replyToSessionId,omitempty"`
	SessionID        string `json:"sessionId,omitempty"`
	PartitionKey     string `json:"partitionKey,omitempty"`
	// Properties are the application properties: strings, numbers, booleans.
	Properties map[string]any `json:"properties,omitempty"`
	Body       []byte         `json:"body"`

	// SequenceNumber is given by the queue: 1 and up, in the order of arrival.
	SequenceNumber int64 `json:"sequenceNumber"`
	// EnqueuedAt is when the queue took the message, UTC, to the millisecond.
	EnqueuedAt time.Time `json:"enqueuedAt"`
	// DeliveryCount is how often the message has been handed to a receiver, this
	// time included.
	DeliveryCount int `json:"deliveryCount,omitempty"`
	// LockToken names this delivery of the message.
	LockToken string `json:"-"`
	// DeadLetter says why the message is in the dead-letter queue; nil elsewhere.
	DeadLetter *DeadLetter `json:"deadLetter,omitempty"`
}

// DeadLetter says why a message was given up.
type DeadLetter struct {
	// Reason is for programs: "MaxDeliveryCountExceeded".
	Reason string `json:"reason"`
	// Description is for people.
	Description string `json:"description,omitempty"`
	// Source is the queue that the message was in.
	Source string `json:"source"`
}

// size is what counts against the limit for one message: Service Bus counts
// headers and properties too.
func (m *Message) size() int {
	total := len(m.Body) + len(m.ID) + len(m.ContentType) + len(m.CorrelationID) + len(m.Subject) +
		len(m.To) + len(m.ReplyTo) + len(m.ReplyToSessionID) + len(m.SessionID) + len(m.PartitionKey)
	for name, value := range m.Properties {
		total += len(name) + propertySize(value)
	}
	return total
}

// propertySize is the size of a property's value; numbers and booleans take 8
// bytes.
func propertySize(value any) int {
	if text, ok := value.(string); ok {
		return len(text)
	}
	return 8
}
