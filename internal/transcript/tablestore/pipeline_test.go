package tablestore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

func TestThePipelinesDefaults(t *testing.T) {
	options := (*Options)(nil).client()
	if retry := options.Retry; retry.TryTimeout <= 0 || retry.MaxRetries <= 0 || retry.MaxRetryDelay <= 0 {
		t.Errorf("retries are %+v", retry)
	}
	client, ok := options.Transport.(boundedTransport).next.(*http.Client)
	if !ok {
		t.Fatalf("the transport is %T", options.Transport)
	}
	transport := client.Transport.(*http.Transport)
	if transport.Proxy == nil || transport.TLSClientConfig != nil && transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("HTTPS_PROXY or the system's certificates are not honoured")
	}
	if transport.MaxIdleConnsPerHost < DefaultParallelism || transport == http.DefaultTransport {
		t.Errorf("%d idle connections are kept", transport.MaxIdleConnsPerHost)
	}
}

func TestOptionsOverrideTheDefaultsButNeverLogBodies(t *testing.T) {
	given := &Options{}
	given.Retry.MaxRetries = 7
	given.Logging.IncludeBody = true
	given.PerRetryPolicies = make([]policy.Policy, 0, 10)
	options := given.client()
	if options.Retry.MaxRetries != 7 || options.Retry.TryTimeout != tryTimeout {
		t.Errorf("retries are %+v", options.Retry)
	}
	if options.Logging.IncludeBody {
		t.Error("bodies are logged")
	}
	if given.Transport != nil || len(given.PerRetryPolicies) != 0 || given.PerRetryPolicies[:1][0] != nil {
		t.Error("the caller's options are changed")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer service.Close()
	client := newHTTPClient()
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, service.URL, strings.NewReader("rows"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	endless := boundedTransport{transporter(func(*http.Request) (*http.Response, error) {
		return &http.Response{Body: io.NopCloser(zeros{})}, nil
	})}
	response, err := endless.Do(nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := io.Copy(io.Discard, response.Body)
	if err == nil || read != maxAnswer {
		t.Errorf("read %d bytes with error %v", read, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestErrorsOfTheCredentialDoNotQuoteEntra(t *testing.T) {
	answered := &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: http.StatusBadRequest,
		Body:       io.NopCloser(strings.NewReader("quoted")),
		Request:    httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost/quoted", nil),
	}}
	for _, err := range []error{answered, azidentity.NewCredentialUnavailableError("quoted")} {
		got := plain(err)
		if !errors.Is(got, errSignIn) || strings.Contains(got.Error(), "quoted") {
			t.Errorf("got %v", got)
		}
	}
	if got := plain(answered); !strings.Contains(got.Error(), "400") {
		t.Errorf("%v does not tell the status", got)
	}
	if got := plain(errors.New("of another kind: quoted")); strings.Contains(got.Error(), "quoted") {
		t.Errorf("got %v", got)
	}
}
