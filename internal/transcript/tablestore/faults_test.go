package tablestore_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"chatgate/internal/transcript/tablestore"
)

// request is one request as the table service gets it.
type request struct {
	method, path string
	body         []byte
}

// writes reports whether the request writes rows of a table.
func (r *request) writes(table string) bool {
	return strings.HasSuffix(r.path, "/$batch") && bytes.Contains(r.body, []byte("/"+table))
}

// fault is what goes wrong with a request.
type fault func(w http.ResponseWriter, r *http.Request, service http.Handler)

// proxy stands before Azurite, keeps what passes and lets it go wrong.
type proxy struct {
	*httptest.Server
	service http.Handler

	mutex    sync.Mutex
	requests []request
	choose   func(request) fault
}

// newProxy returns a proxy before a new account, and the account's connection
// strings through the proxy and past it.
func newProxy(t *testing.T) (p *proxy, through, past string) {
	t.Helper()
	endpoint, past := newAccount(t)
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	address := url.URL{Scheme: target.Scheme, Host: target.Host}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	p = &proxy{service: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&address) },
		Transport: transport,
	}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p, strings.ReplaceAll(past, address.String(), p.URL), past
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	seen := request{method: r.Method, path: r.URL.Path, body: body}

	p.mutex.Lock()
	p.requests = append(p.requests, seen)
	var wrong fault
	if p.choose != nil {
		wrong = p.choose(seen)
	}
	p.mutex.Unlock()

	if wrong == nil {
		wrong = pass
	}
	wrong(w, r, p.service)
}

// failWhen lets requests go wrong from now on; nil heals the service.
func (p *proxy) failWhen(choose func(request) fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.choose = choose
}

// failFirst lets every request go wrong the first count times that it is sent.
// A retry is known by its body, since a transaction's boundaries are random.
func (p *proxy) failFirst(count int, wrong fault) {
	seen := make(map[string]int)
	p.failWhen(func(r request) fault {
		key := r.method + r.path + string(r.body)
		seen[key]++
		if seen[key] > count {
			return nil
		}
		return wrong
	})
}

// take returns the requests since it was last called.
func (p *proxy) take() []request {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	taken := p.requests
	p.requests = nil
	return taken
}

func pass(w http.ResponseWriter, r *http.Request, service http.Handler) {
	service.ServeHTTP(w, r)
}

// answer does nothing but answer.
func answer(status int, body string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// answerInTransaction answers a transaction, none of which it applies, with the
// failure of one operation.
func answerInTransaction(status int, code, message string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "multipart/mixed; boundary=batchresponse_1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, failedTransaction(status, code, message))
	}
}

// cutAfterCommit has the service do what is asked, and closes the connection
// instead of answering.
func cutAfterCommit(_ http.ResponseWriter, r *http.Request, service http.Handler) {
	service.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// breakOff has the service do what is asked, and closes the connection in the
// middle of the answer.
func breakOff(w http.ResponseWriter, r *http.Request, service http.Handler) {
	recorder := httptest.NewRecorder()
	service.ServeHTTP(recorder, r)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", "100000")
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()[:recorder.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// hang never answers.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	<-r.Context().Done()
}

// impatient makes retries quick.
func impatient(t *testing.T) tablestore.Options {
	options := tablestore.Options{}
	options.Retry = policy.RetryOptions{MaxRetries: 3, RetryDelay: time.Millisecond, MaxRetryDelay: time.Millisecond}
	options.Transport = newHTTPClient(t)
	return options
}

// failedTransaction is how the service answers a transaction that it refused
// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions#sample-error-response).
func failedTransaction(status int, code, message string) string {
	return fmt.Sprintf("--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"+
		"--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"+
		"HTTP/1.1 %d %s\r\nDataServiceVersion: 3.0;\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n"+
		`{"odata.error":{"code":%q,"message":{"lang":"en-US","value":%q}}}`+"\r\n"+
		"--changesetresponse_2--\r\n--batchresponse_1--\r\n", status, http.StatusText(status), code, message)
}
