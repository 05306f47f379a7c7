package transcript

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Message is one message from the bus: an activity or an array of activities.
type Message struct {
	// ID is the broker's message id; "" where there is none.
	ID string
	// Assistant is the application property of that name, as sent.
	Assistant string
	// Body is the message as received. It is not changed, and records share
	// memory with it.
	Body []byte
	// EnqueuedAt is when the broker took the message; zero where unknown.
	EnqueuedAt time.Time
}

// Result says what became of the messages of one call.
type Result struct {
	// Stored is how many activities are now durable. An activity that came
	// twice counts twice, whether within one call or by redelivery, so that
	// the count does not depend on how messages were grouped; its row is one.
	Stored int
	// Skipped is how many activities were of a skipped type.
	Skipped int
	// SetAside are the messages that can never be stored, in the order in
	// which they came. Their activities are in neither count.
	SetAside []SetAside
}

// RecorderOptions says what a [Recorder] takes.
type RecorderOptions struct {
	// Assistants are the ids of the known assistants. Without any, every
	// message is set aside.
	Assistants []string
	// SkippedTypes are the types of activities that are not stored.
	SkippedTypes []string
}

// Recorder turns messages into records and has a [Store] keep them. It is safe
// for use by several goroutines at once.
type Recorder struct {
	store Store
	// assistants and skipped hold lower case: both compare ignoring case.
	assistants map[string]bool
	skipped    map[string]bool
	// gzips holds *gzip.Writer. A writer takes about 800 KB, which is more
	// than nearly every activity.
	gzips sync.Pool
}

// NewRecorder returns a Recorder that keeps records in store.
func NewRecorder(store Store, options *RecorderOptions) *Recorder {
	if options == nil {
		options = &RecorderOptions{}
	}
	return &Recorder{
		store:      store,
		assistants: lowerSet(options.Assistants),
		skipped:    lowerSet(options.SkippedTypes),
		gzips:      sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }},
	}
}

func lowerSet(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[strings.ToLower(name)] = true
	}
	return set
}

// Record stores the activities of messages, sets aside what can never be stored
// and skips what is not wanted. It may be called again with the same messages,
// in any order and grouping, and leaves the same rows.
//
// After an error the outcome of every message is open, and all of them have to
// be given again. A message whose body is an array is either stored whole or set
// aside whole, except that a store which refuses one of its records may have
// kept others.
func (r *Recorder) Record(ctx context.Context, messages []Message) (Result, error) {
	intake := newIntake(r, len(messages))
	for i := range messages {
		intake.add(i, &messages[i])
		if len(intake.records) < mostRecords && i+1 < len(messages) {
			continue
		}
		if err := r.put(ctx, intake); err != nil {
			return Result{}, err
		}
	}
	return intake.result(messages), nil
}

// mostRecords is how many records are held before they are put, rounded up to
// whole messages: a batch of very many tiny activities would else take a
// multiple of its size in memory.
const mostRecords = 4096

// put stores the records taken in so far.
func (r *Recorder) put(ctx context.Context, intake *intake) error {
	if len(intake.records) == 0 {
		return nil
	}
	refused, err := r.store.Put(ctx, intake.records)
	if err != nil {
		return fmt.Errorf("storing %d activities: %w", len(intake.records), err)
	}
	intake.refuse(refused)
	intake.forget()
	return nil
}

// assistant returns the known assistant that a message is for, in lower case.
// The message need not name it where only one is known.
func (r *Recorder) assistant(named string) (id string, known bool) {
	if named != "" {
		id = strings.ToLower(named)
		return id, r.assistants[id]
	}
	if len(r.assistants) != 1 {
		return "", false
	}
	for only := range r.assistants {
		id = only
	}
	return id, true
}

// isSkipped reports whether activities of a type are not stored.
func (r *Recorder) isSkipped(kind string) bool {
	return r.skipped[strings.ToLower(kind)]
}

// compress returns text gzipped, unless that takes more than limit bytes.
func (r *Recorder) compress(text []byte, limit int) ([]byte, bool) {
	writer, _ := r.gzips.Get().(*gzip.Writer)
	defer r.gzips.Put(writer)
	return gzipWithin(writer, text, limit)
}
