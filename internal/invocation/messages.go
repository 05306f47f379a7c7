// Package invocation speaks the Azure Functions host's protocol for custom
// handlers: it decodes what the host sends for a trigger and encodes what the
// host expects back.
//
// The host calls a function that has no HTTP trigger by POST /<FunctionName>
// with the envelope {"Data":{…},"Metadata":{…}}, and reads
// {"Outputs":{…},"Logs":[…],"ReturnValue":…} from the answer
// (https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers).
// Whatever is no object in .NET travels as a string that holds JSON, so a batch
// of Service Bus messages arrives as an array of base64 strings inside a
// string. [DecodeMessages] takes those layers off while the body is read.
// [DecodeTimer] reads what a timer trigger sends.
package invocation

import (
	"io"
	"time"
)

const (
	// MaxBody is how many bytes an envelope may have.
	MaxBody = 128 << 20
	// MaxMessages is how many messages an envelope may have. The host writes
	// more than 128 bytes of metadata for each message, so no batch of its own
	// reaches this before [MaxBody]; it bounds what an array of nothings costs.
	MaxMessages = MaxBody / 128
)

// declared is what function.json must say of the binding; the errors quote it,
// because a wrong declaration is the likely cause of an unexpected shape.
const declared = "(function.json: cardinality many, dataType binary)"

// Message is one Service Bus message as the host hands it over.
type Message struct {
	// Body is what the sender sent, byte for byte. It is empty where the host
	// gave null, and the element's own text where that is not base64. Bodies of
	// a batch may lie in one block of memory; appending to one copies it.
	Body []byte
	// ID is the broker's message id: empty where the host gave none, or one of
	// more than 1 KiB (Service Bus allows 128 characters).
	ID string
	// EnqueuedAt is when the broker took the message, in UTC; zero where the
	// host gave no readable time.
	EnqueuedAt time.Time
	// Assistant is the application property of that name: empty where the
	// property is absent, null or empty. It is the sender's word, cut at 1 KiB.
	// A value that is no string becomes "?", which names no assistant: what
	// cannot be read must not pass for absent.
	Assistant string
}

// DecodeMessages reads the envelope of a Service Bus trigger that function.json
// declares as binding with cardinality many and dataType binary, and returns
// the batch in the host's order.
//
// The body is decoded while it is read. What is held at any time is the bodies
// decoded so far, the text of one element, and a few hundred bytes a message:
// about three quarters of a batch of many messages, and less than three times
// the body in every case that the host can produce.
//
// Members may come in any order. There must be one batch; of other equal names
// the last one counts, as in encoding/json. Unknown members are skipped. An
// array may be a string that holds it or a real one.
// Metadata only adds to messages: an array that is absent, short, not JSON, or
// has nulls or other types in it, leaves the fields that it would have filled
// at zero. An element that is not base64 (RFC 4648 section 4, padded, without
// line breaks) is kept as text, so that one such message can be set aside
// without failing its batch mates.
//
// The error is a *[TooLargeError] beyond [MaxBody] or [MaxMessages], a
// *[MalformedError] where the body is not such an envelope, trailing data
// included, and otherwise wraps what reading from body returned. None of them
// quotes the envelope beyond one byte.
func DecodeMessages(body io.Reader, binding string) ([]Message, error) {
	bounded := newBoundedReader(body, MaxBody)
	decoder := newDecoder(newScanner("the envelope", bounded), binding)
	if err := decoder.envelope(); err != nil {
		return nil, err
	}
	return decoder.messages(), nil
}

// boundedReader fails with *TooLargeError once source has given more than limit
// bytes. io.LimitReader would report a clean end there, and hide the cause.
type boundedReader struct {
	source      io.Reader
	limit, left int64
}

func newBoundedReader(source io.Reader, limit int64) *boundedReader {
	return &boundedReader{source: source, limit: limit, left: limit}
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.source.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		err = &TooLargeError{Limit: b.limit, Unit: "bytes"}
	}
	b.left -= int64(n)
	return n, err
}
