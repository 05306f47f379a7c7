package functionshost

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Invocation is what became of one invocation of a function.
type Invocation struct {
	Function string
	// ID is what the handler got as X-Azure-Functions-InvocationId.
	ID      string
	Started time.Time
	// Duration runs until the answer was evaluated, outputs sent and messages
	// settled.
	Duration time.Duration
	// Method and Path are those of an HTTP function's request.
	Method, Path string
	// Messages is how many messages a queue delivered.
	Messages int
	// RequestBytes and ResponseBytes are the sizes of the bodies, to the handler and
	// from it.
	RequestBytes, ResponseBytes int64
	// Status is the handler's; 0: it gave no answer.
	Status int
	// Logs and ReturnValue are those of a successful answer.
	Logs        []string
	ReturnValue json.RawMessage
	// Err is why the invocation failed; nil: it did not.
	Err error
}

// Counts say what has become of a function's invocations.
type Counts struct {
	Succeeded, Failed int
}

// newInvocationID returns a random UUID (RFC 9562, version 4).
func newInvocationID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// running is an invocation under way.
type running struct {
	transport *patient
	address   string
	record    Invocation
	cancel    context.CancelCauseFunc
	timer     *time.Timer // of functionTimeout; nil: none
	timedOut  atomic.Bool
}

// reason returns why the host ended an exchange with the handler, or, where it
// did not, the error that the exchange ended with.
func (r *running) reason(ctx context.Context, err error) error {
	if r.timedOut.Load() {
		return errTimeout
	}
	return cmp.Or(context.Cause(ctx), err)
}

// client returns the client that the host uses except for proxying. It follows
// redirects, so that a handler that answers a POST with 301 gets a GET next, but
// to nobody else than the handler.
func (r *running) client() *http.Client {
	return &http.Client{Transport: r.transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if next.URL.Host != r.address || len(via) >= 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// begin waits for the handler and starts an invocation of a function. At the end
// of functionTimeout the whole handler is killed, whatever else it is doing. The
// invocation must be ended by finish.
func (h *Host) begin(ctx context.Context, name string) (context.Context, *running, error) {
	current, err := h.supervisor.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	started := &running{
		transport: &patient{supervisor: h.supervisor, worker: current},
		address:   current.address,
		cancel:    cancel,
		record:    Invocation{Function: name, ID: newInvocationID(), Started: time.Now()},
	}
	if timeout := h.script.host.functionTimeout; timeout > 0 {
		started.timer = time.AfterFunc(timeout, func() {
			h.logger.Error("Timeout value was exceeded by a function; the handler is killed.", "source", "host", "function", name, "timeout", timeout.String())
			started.timedOut.Store(true)
			h.supervisor.kill(errTimeout) // first, so that nothing more is sent to it
			cancel(errTimeout)
		})
	}
	return ctx, started, nil
}

// finish ends an invocation and tells who observes.
func (h *Host) finish(ended *running, err error) {
	if ended.timer != nil {
		ended.timer.Stop()
	}
	ended.cancel(nil)
	ended.record.Err = err
	ended.record.Duration = time.Since(ended.record.Started)
	h.mu.Lock()
	counts := h.counts[ended.record.Function]
	if err == nil {
		counts.Succeeded++
	} else {
		counts.Failed++
	}
	h.counts[ended.record.Function] = counts
	h.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) { // which is the end of the host, or a client that left
		h.logger.Error("An invocation failed.", "source", "host", "function", ended.record.Function, "invocationId", ended.record.ID, "cause", err.Error())
	}
	if h.observe != nil {
		h.observe(ended.record)
	}
}
