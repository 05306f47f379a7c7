package egress_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"chatgate/internal/standin/egress"
	"chatgate/internal/standin/faults"
)

// fetchEnv holds a URL; with it the test binary is an unmodified program that
// fetches it by Go's default transport.
const fetchEnv = "EGRESS_TEST_FETCH"

func TestMain(m *testing.M) {
	if url := os.Getenv(fetchEnv); url != "" {
		fetch(url)
		return
	}
	goleak.VerifyTestMain(m)
}

func fetch(url string) {
	response, err := http.Get(url)
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	body, _ := io.ReadAll(response.Body)
	fmt.Println(response.Proto, response.StatusCode, string(body))
}

func start(t *testing.T) *egress.Proxy {
	t.Helper()
	proxy, err := egress.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return proxy
}

// client is a client in this process.
func client(t *testing.T, proxy *egress.Proxy) (*http.Client, *http.Transport) {
	t.Helper()
	transport := proxy.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, transport
}

func get(t *testing.T, c *http.Client, url string) (proto, body string, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.Proto, string(content), err
}

func say(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, text+" "+r.Host+" "+r.URL.RequestURI())
	})
}

func TestAnUnmodifiedProgramReachesTheStandIn(t *testing.T) {
	proxy := start(t)
	proxy.Handle("directline.botframework.com", say("hello from"))
	for name, test := range map[string]struct{ url, want string }{
		"known host":   {"https://directline.botframework.com/v3?a=%2F", "HTTP/2.0 200 hello from directline.botframework.com /v3?a=%2F\n"},
		"unknown host": {"https://login.microsoftonline.com/x", "Forbidden"},
		"other port":   {"https://directline.botframework.com:8443/", "Forbidden"},
	} {
		program := exec.CommandContext(t.Context(), os.Args[0])
		program.Env = append(proxy.Env(), fetchEnv+"="+test.url)
		output, _ := program.Output()
		if !strings.Contains(string(output), test.want) {
			t.Errorf("%s: %q, want %q", name, output, test.want)
		}
	}
	refused := proxy.Refused()
	slices.Sort(refused)
	if want := []string{"directline.botframework.com:8443", "login.microsoftonline.com:443"}; !slices.Equal(refused, want) {
		t.Errorf("refused %v, want %v", refused, want)
	}
	if proxy.Requests("DirectLine.botframework.com") != 1 {
		t.Errorf("%d requests counted", proxy.Requests("directline.botframework.com"))
	}
}

// TestNothingElseIsTrusted: without SSL_CERT_DIR Go would add the system's roots
// to SSL_CERT_FILE.
func TestNothingElseIsTrusted(t *testing.T) {
	proxy := start(t)
	env := map[string]string{}
	for _, pair := range proxy.Env() {
		name, value, _ := strings.Cut(pair, "=")
		env[name] = value
	}
	files, err := os.ReadDir(env["SSL_CERT_DIR"])
	if err != nil || len(files) != 1 || filepath.Join(env["SSL_CERT_DIR"], files[0].Name()) != env["SSL_CERT_FILE"] {
		t.Errorf("%v holds %v, %v", env, files, err)
	}
}

func TestBothVersionsOfHTTPAreSpoken(t *testing.T) {
	proxy := start(t)
	proxy.Handle("a.example", say(""))
	for want, protocols := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/2.0": {"h2"}} {
		c, transport := client(t, proxy)
		transport.ForceAttemptHTTP2 = want == "HTTP/2.0"
		transport.TLSClientConfig.NextProtos = protocols
		if proto, _, err := get(t, c, "https://a.example/"); err != nil || proto != want {
			t.Errorf("%s %v, want %s", proto, err, want)
		}
	}
}

func TestATunnelLeadsToItsHostOnly(t *testing.T) {
	proxy := start(t)
	proxy.Handle("a.example", say("a"))
	proxy.Handle("b.example", say("b"))
	c, transport := client(t, proxy)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://a.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "b.example"
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host by a's tunnel: %d, want 421", response.StatusCode)
	}
	transport.TLSClientConfig = transport.TLSClientConfig.Clone()
	transport.TLSClientConfig.ServerName = "b.example"
	transport.CloseIdleConnections()
	var mismatch *tls.CertificateVerificationError
	if _, _, err := get(t, c, "https://a.example/"); !errors.As(err, &mismatch) {
		t.Errorf("another name by SNI: %v, want a certificate for a.example", err)
	}
}

func TestPlainHTTPIsRefused(t *testing.T) {
	proxy := start(t)
	proxy.Handle("a.example", say("a"))
	c, transport := client(t, proxy)
	address, err := url.Parse(strings.TrimPrefix(proxy.Env()[0], "HTTPS_PROXY="))
	if err != nil {
		t.Fatal(err)
	}
	transport.Proxy = http.ProxyURL(address)
	if _, body, err := get(t, c, "http://a.example/x"); err != nil || !strings.HasPrefix(body, "no stand-in") {
		t.Errorf("%q %v", body, err)
	}
	if refused := proxy.Refused(); !slices.Equal(refused, []string{"http://a.example/x"}) {
		t.Errorf("refused: %v", refused)
	}
}

func TestCloseEndsRequestsThatHang(t *testing.T) {
	proxy, err := egress.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var injector faults.Injector
	injector.Add(faults.Hang())
	proxy.Handle("a.example", injector.Wrap(say("a")))
	c, _ := client(t, proxy)
	done := make(chan error, 1)
	go func() { _, _, err := get(t, c, "https://a.example/"); done <- err }()
	if err := injector.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := proxy.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("the request was answered")
	}
	for _, pair := range proxy.Env() {
		if path, ok := strings.CutPrefix(pair, "SSL_CERT_FILE="); ok {
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the certificate is still there: %v", err)
			}
		}
	}
}

// target is a server on loopback that tells what it was asked.
func target(t *testing.T) (address string, asked chan string) {
	t.Helper()
	asked = make(chan string, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- r.Method + " " + r.Host + r.RequestURI + "\n" + string(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestAzuriteGetsTheAccountInPathsAndInBatches(t *testing.T) {
	proxy := start(t)
	address, asked := target(t)
	forward, err := egress.NewForward(address, &egress.ForwardOptions{InsecureSkipVerify: true, Rewrite: egress.AzuriteTables("acct")})
	if err != nil {
		t.Fatal(err)
	}
	defer forward.Close()
	const host = "acct.table.core.windows.net"
	proxy.Handle(host, forward)
	c, _ := client(t, proxy)
	bare := strings.TrimPrefix(address, "https://")
	for name, test := range map[string]struct{ method, path, body, want string }{
		"query":       {http.MethodGet, "/messages()?$filter=a%20eq%20'%2F'", "", "GET " + bare + "/acct/messages()?$filter=a%20eq%20'%2F'\n"},
		"escaped key": {http.MethodGet, "/messages(PartitionKey='a%2Fb')", "", "GET " + bare + "/acct/messages(PartitionKey='a%2Fb')\n"},
		"batch": {
			http.MethodPost, "/$batch",
			"--b\r\n\r\nPUT https://" + host + "/messages(P='x') HTTP/1.1\r\nA: b\r\n\r\n{\"Text\":\"PUT https://" + host + "/\"}\r\n--b--",
			"POST " + bare + "/acct/$batch\n--b\r\n\r\nPUT " + address + "/acct/messages(P='x') HTTP/1.1\r\nA: b\r\n\r\n{\"Text\":\"PUT https://" + host + "/\"}\r\n--b--",
		},
		"not a batch": {http.MethodPost, "/messages", "PUT https://" + host + "/x", "POST " + bare + "/acct/messages\nPUT https://" + host + "/x"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, "https://"+host+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := c.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", name, response.StatusCode)
		}
		if got := <-asked; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestABatchBeyondAllBoundsIsRefused(t *testing.T) {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "https://127.0.0.1/$batch", io.LimitReader(zeros{}, 9<<20))
	if err := egress.AzuriteTables("acct")(request); err == nil {
		t.Error("no error")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAServerThatIsGoneLooksLikeACutConnection(t *testing.T) {
	proxy := start(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	forward, err := egress.NewForward(gone.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer forward.Close()
	proxy.Handle("a.example", forward)
	c, _ := client(t, proxy)
	if _, body, err := get(t, c, "https://a.example/"); err == nil {
		t.Errorf("answered %q", body)
	}
}

func TestForwardingStaysOnLoopback(t *testing.T) {
	for _, target := range []string{"https://example.com", "http://192.168.0.1:80", "127.0.0.1:80", "://", "http://localhost:1"} {
		if _, err := egress.NewForward(target, nil); err == nil {
			t.Errorf("%s: no error", target)
		}
	}
}
