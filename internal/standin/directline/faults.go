package directline

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault answers a call in place of the site, or only delays it: it reports
// whether the call goes on as usual.
type Fault func(w http.ResponseWriter, r *http.Request) (goOn bool)

// planned is a fault that waits for calls.
type planned struct {
	operation Operation
	left      int // calls still to be failed; negative: no limit
	fault     Fault
}

// faults holds the planned faults and the counts of calls.
type faults struct {
	mu    sync.Mutex
	plan  []*planned
	calls map[Operation]int
}

func newFaults() *faults {
	return &faults{calls: map[Operation]int{}}
}

// Fail applies fault to the next calls of an operation ([Any] for all of them):
// to that many calls, or, with times 0, to all until lift is called. Of several
// faults the one planned first comes first.
func (s *Server) Fail(operation Operation, times int, fault Fault) (lift func()) {
	if times <= 0 {
		times = -1
	}
	entry := &planned{operation: operation, left: times, fault: fault}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.plan = append(s.faults.plan, entry)
	return func() { s.faults.drop(entry) }
}

// Calls returns how many calls of an operation came in ([Any]: of all), failed
// ones included. Preflights and unknown paths do not count.
func (s *Server) Calls(operation Operation) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return s.faults.calls[operation]
}

func (f *faults) drop(entry *planned) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = slices.DeleteFunc(f.plan, func(other *planned) bool { return other == entry })
}

// next counts a call and returns the fault for it, or nil.
func (f *faults) next(operation Operation) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[operation]++
	f.calls[Any]++
	for i, entry := range f.plan {
		if entry.operation != Any && entry.operation != operation {
			continue
		}
		if entry.left--; entry.left == 0 {
			f.plan = slices.Delete(f.plan, i, i+1)
		}
		return entry.fault
	}
	return nil
}

// Throttle answers 429; Retry-After, in whole seconds, is left out for 0.
func Throttle(retryAfter time.Duration) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		}
		writeError(w, &failure{http.StatusTooManyRequests, codeThrottled, "Too many requests"})
		return false
	}
}

// Refuse answers an error of Direct Line's own shape.
func Refuse(status int, code, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		writeError(w, &failure{status, code, message})
		return false
	}
}

// Reply answers whatever is given, for answers of a wrong shape.
func Reply(status int, contentType, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return false
	}
}

// Huge answers 200 with one JSON object of about size bytes.
func Huge(size int64) Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, err := io.WriteString(w, `{"conversationId":"c","expires_in":3600,"token":"`)
		for chunk := strings.Repeat("x", 32<<10); err == nil && size > 0; size -= int64(len(chunk)) {
			_, err = io.WriteString(w, chunk)
		}
		_, _ = io.WriteString(w, `"}`)
		return false
	}
}

// Cut closes the connection without an answer.
func Cut() Fault {
	return func(http.ResponseWriter, *http.Request) bool {
		// The one panic that net/http takes as "close the connection": unlike
		// hijacking it works for HTTP/2 too.
		panic(http.ErrAbortHandler)
	}
}

// CutMidAnswer closes the connection after the first bytes of an answer 200.
func CutMidAnswer() Fault {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", "4096")
		_, _ = io.WriteString(w, `{"conversationId":"`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Hang keeps calls waiting until release is called, after which they go on as
// usual, or until the client gives up.
func Hang() (fault Fault, release func()) {
	released := make(chan struct{})
	hang := func(w http.ResponseWriter, r *http.Request) bool {
		// net/http notices that a client is gone only once the body is read.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, DefaultMaxUpload))
		if err != nil {
			writeError(w, fmt.Errorf("reading a body: %w", err))
			return false
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case <-released:
			return true
		case <-r.Context().Done():
			return false
		}
	}
	return hang, sync.OnceFunc(func() { close(released) })
}
