// Package outbound is how Chatgate calls services on the Internet: through the
// proxy and the certificate authorities that the environment names, without
// following redirects, and reading no more of an answer than was agreed.
//
// What it returns fits where an Azure SDK client takes a policy.Transporter. It
// also reduces the errors of such calls to what may be printed.
package outbound

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
)

const (
	// idleConnections is how many connections wait for the next call to one
	// host. Go's default of 2 leaves thousands of sockets in TIME_WAIT when
	// many calls run at once.
	idleConnections = 256

	// An HTTP/2 connection that a firewall has forgotten swallows every call
	// put on it, retries included, until a ping shows that it is dead.
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// NewTransport returns a transport with the environment's proxy (HTTPS_PROXY) and
// authorities (SSL_CERT_FILE).
func NewTransport() *http.Transport {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = standard.Clone()
	}
	transport.MaxIdleConns = 2 * idleConnections
	transport.MaxIdleConnsPerHost = idleConnections
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	return transport
}

// direct sends by a transport, with no http.Client between. It hands out a
// redirect as the answer it is: the Authorization header is meant for the host
// that was named and for no other. And it does not copy every request's headers
// for the case that there is one.
type direct struct {
	transport http.RoundTripper
}

// Do sends req.
func (d direct) Do(req *http.Request) (*http.Response, error) {
	return d.transport.RoundTrip(req)
}

// Bound returns a transporter that sends by next, or by one of [NewTransport]
// where next is nil, and reads every answer whole. An answer of more than
// maxAnswer bytes is a [TooLargeError].
//
// Reading here rather than in the SDK does two things: azcore's own reading has
// no limit, and it never retries a POST whose answer broke off in the middle.
func Bound(next policy.Transporter, maxAnswer int64) policy.Transporter {
	if next == nil {
		next = direct{NewTransport()}
	}
	return &bounded{next: next, max: maxAnswer}
}

type bounded struct {
	next policy.Transporter
	max  int64
}

// Do sends req and reads the answer. It is azcore's own function that reads, so
// that the pipeline finds the content there and does not read it once more.
func (b *bounded) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		var end func()
		req, end = lend(req)
		defer end()
	}
	resp, err := b.next.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body = limited{io.LimitReader(resp.Body, b.max+1), resp.Body}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(body)) > b.max {
		return nil, &TooLargeError{Max: b.max}
	}
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// lend returns req with a body that is its own until end is called.
func lend(req *http.Request) (own *http.Request, end func()) {
	body := &lent{body: req.Body}
	copied := *req
	copied.Body = body
	if req.GetBody != nil {
		// net/http itself sends again what went into a dead connection. That
		// winds back the same reader.
		copied.GetBody = func() (io.ReadCloser, error) {
			body.takeBack()
			again, err := req.GetBody()
			if err != nil {
				return nil, fmt.Errorf("winding back the body: %w", err)
			}
			body = &lent{body: again}
			return body, nil
		}
	}
	return &copied, func() { body.takeBack() }
}

// lent is a request's body for one try. azcore has one body for all tries and
// winds it back for the next, while net/http may still be reading it for the last.
type lent struct {
	mu   sync.Mutex
	body io.ReadCloser // nil once it was taken back
}

var errTakenBack = errors.New("the call is over")

// Read implements [io.Reader].
func (l *lent) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, errTakenBack
	}
	return l.body.Read(p) //nolint:wrapcheck // io.Reader's own errors
}

// Close implements [io.Closer].
func (l *lent) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return nil
	}
	return l.body.Close() //nolint:wrapcheck // io.Closer's own errors
}

func (l *lent) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = nil
}

// limited reads by one and closes the other.
type limited struct {
	io.Reader
	io.Closer
}

// TooLargeError is an answer of more than Max bytes.
type TooLargeError struct {
	Max int64
}

// Error names the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the answer is longer than %d bytes", e.Max)
}

// NonRetriable tells azcore's retry policy that asking again gives the same.
func (e *TooLargeError) NonRetriable() {}
