package functionshost

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// exitGrace is how long a handler that has broken a connection may take to be
// gone.
const exitGrace = 100 * time.Millisecond

// once is a transport that sends a request at most once. Go's own repeats a GET
// whose connection breaks before the answer; to a handler that a request has
// killed that would be one request too many.
type once struct{ transport *http.Transport }

// RoundTrip is part of http.RoundTripper.
func (o once) RoundTrip(request *http.Request) (*http.Response, error) {
	if isRepeatable(request) {
		request = request.Clone(request.Context())
		request.Body = io.NopCloser(nothing{}) // of which the transport cannot know that it can be had again
	}
	return o.transport.RoundTrip(request)
}

// isRepeatable reports whether Go's transport would repeat a request.
func isRepeatable(request *http.Request) bool {
	switch request.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return request.Body == nil || request.Body == http.NoBody
	}
	return false
}

// nothing is an empty body.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

// patient is a transport to the handler that waits for the next one where the
// connection is refused, as the host's proxy does: a request that comes while the
// handler is being restarted is late, not lost. It is for one request at a time.
type patient struct {
	supervisor *supervisor
	worker     *worker
}

// RoundTrip is part of http.RoundTripper.
func (p *patient) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	if request.Body != nil {
		// A transport closes the body of a request that it could not send; the one who
		// made the request closes it in the end.
		request.Body = io.NopCloser(request.Body)
	}
	for {
		request.URL.Host = p.worker.address
		response, err := once{p.worker.transport}.RoundTrip(request)
		var failed *net.OpError
		if err == nil || !errors.As(err, &failed) || failed.Op != "dial" {
			return response, err
		}
		// Nothing has been sent yet, so nothing can be sent twice.
		select {
		case <-p.worker.leaving:
		case <-request.Context().Done():
			return nil, err
		}
		next, acquireErr := p.supervisor.acquire(request.Context())
		if acquireErr != nil {
			return nil, errors.Join(err, acquireErr)
		}
		p.worker = next
	}
}

// awaitExit waits for the end of a handler that has broken a connection: it may be
// about to go, and what is sent to it meanwhile would be lost as well.
func (p *patient) awaitExit(ctx context.Context) {
	timer := time.NewTimer(exitGrace)
	defer timer.Stop()
	select {
	case <-p.worker.leaving:
	case <-timer.C:
	case <-ctx.Done():
	}
}
