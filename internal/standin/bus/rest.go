package bus

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// batchType is the content type of a send of several messages.
const batchType = "application/vnd.microsoft.servicebus.json"

// requestError is an answer that refuses a send.
type requestError struct {
	status int
	detail string
}

func (e *requestError) Error() string { return e.detail }

func badRequest(format string, args ...any) error {
	return &requestError{status: http.StatusBadRequest, detail: fmt.Sprintf(format, args...)}
}

// Handler offers the REST send of Service Bus (learn.microsoft.com/rest/api/
// servicebus/send-message-to-queue, send-message-batch):
//
//	POST /<queue>/messages
//
// 201 when the messages are kept. It asks for no authorization.
func (b *Bus) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{queue}/messages", func(w http.ResponseWriter, r *http.Request) {
		if err := b.receiveSend(w, r); err != nil {
			refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

func (b *Bus) receiveSend(w http.ResponseWriter, r *http.Request) error {
	if _, err := b.Queue(r.PathValue("queue")); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(b.maxMessageBytes)))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return ErrTooLarge
		}
		return badRequest("the body could not be read")
	}
	messages, err := decodeSend(r.Header, body)
	if err != nil {
		return err
	}
	for i := range messages {
		if messages[i].ID == "" {
			// The service names messages that their sender left nameless.
			messages[i].ID = newToken()
		}
	}
	return b.Send(r.Context(), r.PathValue("queue"), messages...)
}

func decodeSend(header http.Header, body []byte) ([]Message, error) {
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && mediaType == batchType {
		return decodeBatch(body)
	}
	message, err := decodeBrokerProperties([]byte(header.Get("BrokerProperties")))
	if err != nil {
		return nil, err
	}
	message.ContentType = header.Get("Content-Type")
	message.Properties = headerProperties(header)
	message.Body = body
	return []Message{message}, nil
}

// statusOf maps an error to the status that the service's documentation gives.
func statusOf(err error) int {
	var refused *requestError
	switch {
	case errors.As(err, &refused):
		return refused.status
	case errors.Is(err, ErrUnknownQueue):
		return http.StatusNotFound
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrQueueFull):
		return http.StatusForbidden
	case errors.Is(err, ErrClosed):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// refuse answers in the service's own form, which is XML.
func refuse(w http.ResponseWriter, err error) {
	status := statusOf(err)
	body, encodeErr := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Detail  string
	}{Code: strconv.Itoa(status), Detail: err.Error()})
	if encodeErr != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
