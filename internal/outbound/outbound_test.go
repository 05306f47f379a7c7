package outbound_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"chatgate/internal/outbound"
)

const canary = "canary-77aa"

// get sends one request by the transporter under test.
func get(t *testing.T, maxAnswer int64, handler http.HandlerFunc) (*http.Response, error) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return outbound.Bound(nil, maxAnswer).Do(req)
}

func TestAnswersAreReadWholeUpToTheLimit(t *testing.T) {
	for _, size := range []int{0, 1, 99, 100} {
		resp, err := get(t, 100, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		})
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || len(body) != size || resp.ContentLength != int64(size) {
			t.Errorf("%d bytes came as %d (length %d, error %v)", size, len(body), resp.ContentLength, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALongerAnswerIsAnErrorThatIsNotRetried(t *testing.T) {
	resp, err := get(t, 100, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 101))
	})
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("101 bytes passed a limit of 100")
	}
	var tooLarge *outbound.TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Max != 100 {
		t.Fatalf("err = %v, want a TooLargeError of 100", err)
	}
	var marked interface{ NonRetriable() }
	if !errors.As(err, &marked) {
		t.Error("azcore would ask again for an answer that is too long")
	}
}

func TestAGzippedAnswerIsBoundedByItsUnpackedSize(t *testing.T) {
	resp, err := get(t, 100, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packer := gzip.NewWriter(w)
		_, _ = packer.Write(make([]byte, 101))
		_ = packer.Close()
	})
	if err == nil {
		_ = resp.Body.Close()
	}
	var tooLarge *outbound.TooLargeError
	if !errors.As(err, &tooLarge) {
		t.Fatalf("err = %v, want a TooLargeError", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	resp, err := get(t, 100, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed.Store(true)
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if followed.Load() || resp.StatusCode != http.StatusTemporaryRedirect {
		t.Errorf("status %d, followed %v; want the redirect itself", resp.StatusCode, followed.Load())
	}
}

func TestTheTransportHonoursTheEnvironmentAndKeepsConnections(t *testing.T) {
	transport := outbound.NewTransport()
	if transport.Proxy == nil {
		t.Error("HTTPS_PROXY is not honoured")
	}
	if transport.TLSClientConfig != nil && (transport.TLSClientConfig.RootCAs != nil || transport.TLSClientConfig.InsecureSkipVerify) {
		t.Error("SSL_CERT_FILE is not honoured")
	}
	if transport.MaxIdleConnsPerHost < 100 || transport.MaxIdleConns < transport.MaxIdleConnsPerHost {
		t.Errorf("%d idle connections a host, %d in all: too few", transport.MaxIdleConnsPerHost, transport.MaxIdleConns)
	}
	if http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost != 0 {
		t.Error("http.DefaultTransport was changed for everybody")
	}
}

func TestCauseTellsTheConnectionsTroubleAndNoMore(t *testing.T) {
	refusedConnection := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"time-out":      {fmt.Errorf("Get %q: %w", "https://x?"+canary, context.DeadlineExceeded), "no answer: context deadline exceeded"},
		"broken off":    {fmt.Errorf("%s: %w", canary, io.ErrUnexpectedEOF), "no answer: unexpected EOF"},
		"refused":       {fmt.Errorf("%s: %w", canary, refusedConnection), "no answer: dial tcp: connection refused"},
		"too large":     {&outbound.TooLargeError{Max: 5}, "no answer: the answer is longer than 5 bytes"},
		"own words":     {fmt.Errorf("%s: %w", canary, outbound.PlainError("the proxy answered 407")), "no answer: the proxy answered 407"},
		"certificate":   {&tls.CertificateVerificationError{Err: errors.New("unknown authority")}, "no answer: tls: failed to verify certificate: unknown authority"},
		"no identity":   {fmt.Errorf("%s: %w", canary, refusedByEntra()), "the managed identity gave no token: status 400 AADSTS700016"},
		"anything else": {errors.New("malformed HTTP response " + canary), "no answer: *errors.errorString"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outbound.Cause(test.err).Error(); got != test.want {
				t.Errorf("Cause = %q, want %q", got, test.want)
			}
		})
	}
	if outbound.Cause(nil) != nil {
		t.Error("Cause(nil) is an error")
	}
}

func refusedByEntra() error {
	answer := `{"error":"unauthorized_client","error_description":"AADSTS700016: Application ` + canary + ` was not found"}`
	return &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: http.StatusBadRequest,
		Body:       io.NopCloser(strings.NewReader(answer)),
		Request:    &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: "login.microsoftonline.com"}},
	}}
}

func TestCauseOfARealCallNamesNoURL(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1/"+canary, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: outbound.NewTransport()}).Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("something answers on port 1")
	}
	if got := outbound.Cause(err).Error(); strings.Contains(got, canary) || !strings.Contains(got, "refused") {
		t.Errorf("Cause = %q", got)
	}
}

func TestCodeRepeatsOnlyWhatLooksLikeACode(t *testing.T) {
	long := strings.Repeat("a", 64)
	for given, want := range map[string]string{
		"":                 "",
		"TokenExpired":     "TokenExpired",
		"Forbidden_2":      "Forbidden_2",
		long:               long,
		long + "a":         "",
		"two words":        "",
		"eyJh.eyJi.c2ln":   "",
		"Zugriff\u00fcber": "",
		"new\nline":        "",
	} {
		if got := outbound.Code(given); got != want {
			t.Errorf("Code(%q) = %q, want %q", given, got, want)
		}
	}
}

// azcore winds one body back for each try: what net/http still reads of the last
// try must not be of the next.
func TestABodyIsLentForOneCall(t *testing.T) {
	var kept io.Reader
	transporter := outbound.Bound(doer(func(req *http.Request) (*http.Response, error) {
		kept = req.Body
		first := make([]byte, 3)
		if _, err := io.ReadFull(kept, first); err != nil || string(first) != "abc" {
			t.Errorf("during the call: %q, %v", first, err)
		}
		return nil, errors.New("no answer")
	}), 100)
	body := strings.NewReader("abcdef")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", io.NopCloser(body))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := transporter.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("the call succeeded")
	}
	if n, err := kept.Read(make([]byte, 3)); n != 0 || err == nil || body.Len() != 3 {
		t.Errorf("after the call: %d bytes, %v; %d are left", n, err, body.Len())
	}
}

// net/http sends a request again by itself when the connection turns out to be
// dead.
func TestABodyThatIsSentAgainIsNotReadByTwo(t *testing.T) {
	shared := strings.NewReader("abcdef")
	var kept io.Reader
	transporter := outbound.Bound(doer(func(req *http.Request) (*http.Response, error) {
		first := req.Body
		if _, err := io.ReadFull(first, make([]byte, 3)); err != nil {
			t.Error(err)
		}
		again, err := req.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := first.Read(make([]byte, 3)); n != 0 || err == nil {
			t.Errorf("the first goes on: %d bytes, %v", n, err)
		}
		if text, err := io.ReadAll(again); err != nil || string(text) != "abcdef" {
			t.Errorf("sent again: %q, %v", text, err)
		}
		kept = again
		return nil, errors.New("no answer")
	}), 100)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", io.NopCloser(shared))
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) {
		_, err := shared.Seek(0, io.SeekStart)
		return io.NopCloser(shared), err
	}
	if resp, err := transporter.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("the call succeeded")
	}
	_, _ = shared.Seek(0, io.SeekStart)
	if n, err := kept.Read(make([]byte, 3)); n != 0 || err == nil {
		t.Errorf("after the call: %d bytes, %v", n, err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(req *http.Request) (*http.Response, error) { return d(req) }
