package functionshost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"

	"chatgate/internal/standin/bus"
)

// hostVersion is what the stand-in calls itself.
const hostVersion = "4.0.0-standin"

// Headers of the host.
const (
	invocationHeader  = "X-Azure-Functions-Invocationid"
	hostVersionHeader = "X-Azure-Functions-Hostversion"
)

// pump invokes a function with what its queue holds, one batch at a time, until
// ctx ends or there is no handler any more.
func (h *Host) pump(ctx context.Context, f *function, queue *bus.Queue) {
	limit := 1
	if f.trigger.Cardinality == cardinalityMany {
		limit = h.script.host.maxMessageBatchSize
		if given := f.trigger.MaxMessageBatchSize; given != nil {
			limit = *given
		}
	}
	for {
		// Without a handler messages are better left in the queue.
		if _, err := h.supervisor.acquire(ctx); err != nil {
			return
		}
		batch, err := queue.Receive(ctx, limit)
		if err != nil {
			return
		}
		h.deliver(ctx, f, batch)
	}
}

// deliver invokes a function with a batch and settles it as a whole.
func (h *Host) deliver(ctx context.Context, f *function, batch *bus.Batch) {
	fault := h.nextFault(f.name)
	ctx, current, err := h.begin(ctx, f.name)
	if err != nil {
		_ = batch.Abandon() // fails only when the bus is closed, which gives it up as well
		return
	}
	current.record.Messages = len(batch.Messages)
	body, err := envelope(f, fault.arrange(batch.Messages), h.now(), fault.kind == withoutMetadata)
	if err == nil {
		err = h.invoke(ctx, current, f, body, fault)
	}
	switch {
	case err == nil && fault.kind != loseLock:
		err = batch.Complete()
	case err == nil:
		err = errors.Join(errors.New("the lock was lost (injected)"), batch.Abandon())
	default:
		err = errors.Join(err, batch.Abandon())
	}
	h.finish(current, err)
}

// invoke posts an envelope to the handler, evaluates its answer and sends the
// outputs.
func (h *Host) invoke(ctx context.Context, current *running, f *function, body []byte, fault Fault) error {
	current.record.RequestBytes = int64(len(body))
	given, err := h.post(ctx, current, f, body, fault)
	if errors.Is(err, errHangs) {
		h.logger.Error(err.Error(), "source", "host", "function", f.name, "invocationId", current.record.ID)
		<-ctx.Done()
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil {
		return err
	}
	if fault.kind == dropAnswer {
		return errors.New("the answer was lost (injected)")
	}
	current.record.Logs, current.record.ReturnValue = given.logs, given.returnValue
	for _, line := range given.logs {
		h.logger.Info(line, "source", "function", "function", f.name, "invocationId", current.record.ID)
	}
	return h.send(ctx, f, &given)
}

// post sends an invocation to the handler: POST /<function name>.
func (h *Host) post(ctx context.Context, current *running, f *function, body []byte, fault Fault) (answer, error) {
	if fault.kind == killHandler {
		ctx = h.killDuring(ctx, fault.when)
	}
	request, err := h.invocationRequest(ctx, current, f, body, fault)
	if err != nil {
		return answer{}, err
	}
	response, err := current.client().Do(request)
	if err != nil {
		current.transport.awaitExit(ctx)
		return answer{}, fmt.Errorf("invoking the handler: %w", current.reason(ctx, err))
	}
	defer func() { _ = response.Body.Close() }()
	current.record.Status = response.StatusCode
	given, size, err := readAnswer(response)
	current.record.ResponseBytes = size
	return given, err
}

func (h *Host) invocationRequest(ctx context.Context, current *running, f *function, body []byte, fault Fault) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+current.address+"/"+f.name, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("invoking the handler: %w", err)
	}
	if fault.kind == cutBody {
		request.GetBody = nil // or the client would send it anew
		request.Body = io.NopCloser(&cutReader{from: bytes.NewReader(body), left: cutAt(fault.size, len(body))})
	}
	if !h.contentLength {
		request.ContentLength = -1 // chunked, as in Azure
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "Azure-Functions-Host/"+hostVersion)
	request.Header.Set(invocationHeader, current.record.ID)
	request.Header.Set(hostVersionHeader, hostVersion)
	return request, nil
}

// killDuring arranges for the handler's death during the invocation.
func (h *Host) killDuring(ctx context.Context, when <-chan struct{}) context.Context {
	if when == nil {
		return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { h.supervisor.kill(errKilled) },
		})
	}
	h.background.Go(func() {
		select {
		case <-when:
			h.supervisor.kill(errKilled)
		case <-ctx.Done():
		}
	})
	return ctx
}

// cutAt is after how many of size bytes a body is cut.
func cutAt(wanted int64, size int) int64 {
	if wanted == 0 {
		return int64(size / 2)
	}
	return min(wanted, int64(size))
}

// errCut breaks a request off.
var errCut = errors.New("the connection was cut (injected)")

// cutReader breaks off after so many bytes.
type cutReader struct {
	from io.Reader
	left int64
}

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errCut
	}
	n, err := c.from.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// send puts a function's outputs into their queues. Should that fail, so does the
// invocation.
func (h *Host) send(ctx context.Context, f *function, given *answer) error {
	for name := range given.outputs {
		if !declares(f, name) {
			h.logger.Warn("An output has no binding and is dropped.", "source", "host", "function", f.name, "output", name)
		}
	}
	for i := range f.outputs {
		b := &f.outputs[i]
		value := given.value(b.Name)
		if value == nil {
			continue
		}
		messages, err := outputMessages(b, value)
		if err != nil {
			return fmt.Errorf("output %s: %w", b.Name, err)
		}
		if err := h.bus.Send(ctx, b.QueueName, messages...); err != nil {
			return fmt.Errorf("output %s: %w", b.Name, err)
		}
	}
	return nil
}

func declares(f *function, output string) bool {
	for i := range f.outputs {
		if f.outputs[i].Name == output {
			return true
		}
	}
	return false
}
