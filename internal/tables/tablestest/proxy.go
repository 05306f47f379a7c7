package tablestest

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"chatgate/internal/tables"
)

// Request is one request as the table service gets it.
type Request struct {
	Method, Path, Query string
	Body                []byte
}

// Writes reports whether the request changes rows of a table in a transaction.
func (r *Request) Writes(table string) bool {
	if !r.IsTransaction() {
		return false
	}
	for _, mark := range []string{" ", "?", "("} {
		if bytes.Contains(r.Body, []byte("/"+table+mark)) {
			return true
		}
	}
	return false
}

// IsTransaction reports whether the request is one.
func (r *Request) IsTransaction() bool {
	return strings.HasSuffix(r.Path, "/$batch")
}

// Reads reports whether the request asks for rows of a table.
func (r *Request) Reads(table string) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Path, "/"+table+"(")
}

// Changes reports whether the request changes rows of any table.
func (r *Request) Changes() bool {
	return r.IsTransaction() || r.Method == http.MethodDelete
}

// Proxy stands before an account, keeps what passes and lets it go wrong.
type Proxy struct {
	*httptest.Server
	service http.Handler

	mutex    sync.Mutex
	requests []Request
	choose   func(Request) Fault
}

// NewProxy returns a proxy before a new account, and the account's connection
// strings through the proxy and past it.
func (e *Emulator) NewProxy(tb testing.TB) (p *Proxy, through, past string) {
	tb.Helper()
	endpoint, past := e.Account(tb)
	target, err := url.Parse(endpoint)
	if err != nil {
		tb.Fatal(err)
	}
	address := url.URL{Scheme: target.Scheme, Host: target.Host}
	// Short: a request of a client that has gone may end after the test, and leave a
	// connection that nobody closes.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 200 * time.Millisecond}
	tb.Cleanup(transport.CloseIdleConnections)
	p = &Proxy{service: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&address) },
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // clients that go away are part of the tests
	}}
	p.Server = httptest.NewServer(p)
	tb.Cleanup(p.Close)
	return p, strings.ReplaceAll(past, address.String(), p.URL), past
}

// ServeHTTP passes a request on, or what is to go wrong with it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: body}

	p.mutex.Lock()
	p.requests = append(p.requests, seen)
	var wrong Fault
	if p.choose != nil {
		wrong = p.choose(seen)
	}
	p.mutex.Unlock()

	if wrong == nil {
		wrong = pass
	}
	wrong(w, r, p.service)
}

// FailWhen lets requests go wrong from now on; nil heals the service.
func (p *Proxy) FailWhen(choose func(Request) Fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.choose = choose
}

// FailFirst lets every request, or every transaction, go wrong the first count
// times that it is sent. A retry is known by its body, since a transaction's
// boundaries are random.
func (p *Proxy) FailFirst(count int, transactionsOnly bool, wrong Fault) {
	seen := make(map[string]int)
	p.FailWhen(func(r Request) Fault {
		if transactionsOnly && !r.IsTransaction() {
			return nil
		}
		key := r.Method + r.Path + r.Query + string(r.Body)
		seen[key]++
		if seen[key] > count {
			return nil
		}
		return wrong
	})
}

// FailAfter lets the first count requests that match pass, and then every request
// fail: so the service looks to a process that ends in between. It returns how
// many requests matched so far.
func (p *Proxy) FailAfter(count int, matches func(Request) bool) (matched func() int) {
	passed := 0
	p.FailWhen(func(r Request) Fault {
		if passed > count {
			return Answer(http.StatusForbidden, "")
		}
		if !matches(r) {
			return nil
		}
		if passed++; passed > count {
			return Answer(http.StatusForbidden, "")
		}
		return nil
	})
	return func() int {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		return passed
	}
}

// Before runs do once, before the first request that matches is passed on. What
// do asks of the service must go past the proxy.
func (p *Proxy) Before(matches func(Request) bool, do func()) {
	done := false
	p.FailWhen(func(r Request) Fault {
		if done || !matches(r) {
			return nil
		}
		done = true
		return func(w http.ResponseWriter, r *http.Request, service http.Handler) {
			do()
			service.ServeHTTP(w, r)
		}
	})
}

// Take returns the requests since it was last called.
func (p *Proxy) Take() []Request {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	taken := p.requests
	p.requests = nil
	return taken
}

// Impatient are options whose retries are quick.
func Impatient(tb testing.TB) tables.Options {
	tb.Helper()
	options := tables.Options{}
	options.Retry = policy.RetryOptions{MaxRetries: 3, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}
	options.Transport = NewHTTPClient(tb)
	return options
}

// Operations is how many rows a transaction changes.
func (r *Request) Operations() int {
	return bytes.Count(r.Body, []byte("Content-Type: application/http\r\n"))
}
