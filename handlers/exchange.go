package handlers

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"chatgate/internal/invocation"
	"chatgate/internal/problem"
)

// jsonType is the media type of what the host sends, and of all answers but pages
// and failures.
const jsonType = "application/json"

// exchange is one request, its answer, and what the log will say of it.
type exchange struct {
	request *http.Request
	writer  *statusWriter
	event   event
}

// event is one line of the log. Nothing in it was written by a stranger, apart
// from the invocation id, whose form is checked.
type event struct {
	invocationID string
	function     string
	assistant    string
	client       string
	failure      *problem.Error
	details      []slog.Attr
}

// statusWriter remembers the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(body)
	if err != nil {
		return n, fmt.Errorf("writing the answer: %w", err)
	}
	return n, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter {
	return w.ResponseWriter
}

// newExchange begins an answer with the headers that all have: redirects and
// answers without a body too.
func newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	return &exchange{
		request: r,
		writer:  &statusWriter{ResponseWriter: w},
		event:   event{invocationID: invocation.ID(r.Header)},
	}
}

func (x *exchange) header() http.Header {
	return x.writer.Header()
}

// readWithin bounds how long reading the request's body may take: a client that
// stalls would hold a connection, and a batch until the host kills the process.
// Where the reading succeeds, bodyRead must follow.
func (x *exchange) readWithin(limit time.Duration) {
	// Only a writer that is no connection refuses this, and that cannot stall.
	_ = http.NewResponseController(x.writer).SetReadDeadline(time.Now().Add(limit))
}

// bodyRead lifts the bound of readWithin, whose end net/http would take for the
// client's going. After a failure it stays, so that net/http, which reads on to
// reuse the connection, does not stall in its turn.
func (x *exchange) bodyRead() {
	_ = http.NewResponseController(x.writer).SetReadDeadline(time.Time{})
}

// writeJSON sends an answer that only programs read.
func (x *exchange) writeJSON(status int, contentType string, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	return x.writeEncoded(status, contentType, body)
}

// writeEncoded sends an answer that only programs read and that is encoded
// already.
func (x *exchange) writeEncoded(status int, contentType string, body []byte) error {
	x.forPrograms(contentType)
	x.writer.WriteHeader(status)
	_, err := x.writer.Write(body)
	return err
}

// forPrograms sets the headers that keep a browser from making anything of an
// answer.
func (x *exchange) forPrograms(contentType string) {
	h := x.header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
}

// recoverPanic turns a panic into an answer and a line with the stack, which
// holds addresses but no values.
func (s *server) recoverPanic(x *exchange) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(cause)
	}
	x.event.details = append(x.event.details, slog.String("stack", string(debug.Stack())))
	writeProblem(x, fmt.Errorf("panic of type %T", cause))
}

// report writes the line about a request.
func (s *server) report(x *exchange, took time.Duration) {
	e := x.event
	attrs := []slog.Attr{
		slog.String("invocationId", e.invocationID),
		slog.Int("status", x.writer.status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if e.assistant != "" {
		attrs = append(attrs, slog.String("assistant", e.assistant))
	}
	if e.client != "" {
		attrs = append(attrs, slog.String("client", e.client))
	}
	level := slog.LevelInfo
	if e.failure != nil {
		attrs = append(attrs, slog.String("code", string(e.failure.Code)))
		if e.failure.Cause != nil {
			attrs = append(attrs, slog.String("cause", e.failure.Cause.Error()))
		}
		if x.writer.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	name := e.function
	if name == "" {
		name = "unknown"
	}
	line := slog.NewRecord(time.Now(), level, name, 0)
	line.AddAttrs(append(attrs, e.details...)...)
	// Past the level on purpose: each invocation leaves a line. There is nobody
	// to tell of a failure to write it.
	_ = s.Logger.Handler().Handle(x.request.Context(), line)
}
