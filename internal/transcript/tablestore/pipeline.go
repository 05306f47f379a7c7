package tablestore

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// How the pipeline retries, on time-outs, broken connections, 408, 429 and 5xx.
// A request that is never answered fails after about a minute, within the time
// that Service Bus leaves a batch locked at the most.
const (
	maxRetries    = 3
	retryDelay    = 500 * time.Millisecond
	maxRetryDelay = 10 * time.Second
	tryTimeout    = 15 * time.Second
)

// maxAnswer bounds an answer of the service. The longest is a page of
// activities; a full row takes up to 2.5 MiB in JSON, because binary columns
// are in base64 and characters may be escaped.
const maxAnswer = pageOfActivities * (5 << 19)

// client returns the options of the client. o may be nil.
func (o *Options) client() *aztables.ClientOptions {
	var options aztables.ClientOptions
	if o != nil {
		options.ClientOptions = o.ClientOptions
	}
	retry := &options.Retry
	retry.MaxRetries = cmp.Or(retry.MaxRetries, maxRetries)
	retry.RetryDelay = cmp.Or(retry.RetryDelay, retryDelay)
	retry.MaxRetryDelay = cmp.Or(retry.MaxRetryDelay, maxRetryDelay)
	retry.TryTimeout = cmp.Or(retry.TryTimeout, tryTimeout)

	options.Logging.IncludeBody = false
	if options.Transport == nil {
		options.Transport = newHTTPClient()
	}
	options.Transport = boundedTransport{options.Transport}
	options.PerRetryPolicies = append(slices.Clip(options.PerRetryPolicies), transactionPolicy{})
	return &options
}

// newHTTPClient returns a client like Go's default one, which honours
// HTTPS_PROXY and SSL_CERT_FILE, except that it keeps a connection for each
// transaction under way: with the default of two kept, the others would be
// closed after each request and leave thousands of sockets in TIME_WAIT.
func newHTTPClient() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport = transport.Clone()
	transport.MaxIdleConns = 0
	transport.MaxIdleConnsPerHost = 128
	return &http.Client{
		Transport: transport,
		// The service does not redirect; following would carry rows elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// boundedTransport cuts answers off at maxAnswer, since the pipeline reads each
// into memory.
type boundedTransport struct {
	next policy.Transporter
}

func (t boundedTransport) Do(request *http.Request) (*http.Response, error) {
	response, err := t.next.Do(request)
	if response != nil && response.Body != nil {
		response.Body = boundedBody{http.MaxBytesReader(nil, response.Body, maxAnswer), response.Body}
	}
	return response, err
}

// boundedBody reads from the bounded reader and closes the body itself.
type boundedBody struct {
	io.Reader
	io.Closer
}
