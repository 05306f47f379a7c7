package secretly_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/secretly"
)

// accepting serves each connection by serve, on which it is closed.
func accepting(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serve(connection)
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}

func send(ctx context.Context, through *secretly.Transport, method, url string, body io.Reader) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, "", err
	}
	answer, err := (&http.Client{Transport: through}).Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

func TestACallEndsWithItsContextWhateverItWaitsFor(t *testing.T) {
	const long = 64 << 20
	for name, test := range map[string]struct {
		scheme   string
		viaProxy string
		body     int
		read     int
		unsent   bool
	}{
		"the answer":                       {"http", "", 0, 1, false},
		"room for what is to be sent":      {"http", "", long, 1, false},
		"a handshake":                      {"https", "", 0, 1, true},
		"the proxy's answer":               {"https", "http", 0, 1, true},
		"the handshake with the proxy":     {"https", "https", 0, 1, true},
		"the proxy's answer to plain HTTP": {"http", "http", 0, 1, false},
		"a connection that says nothing":   {"https", "http", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			gone := errors.New("the caller is gone")
			over := make(chan struct{})
			address := accepting(t, func(connection net.Conn) {
				_, _ = io.ReadFull(connection, make([]byte, test.read))
				cancel(gone)
				<-over
			})
			defer close(over)
			var proxy *url.URL
			target := test.scheme + "://" + address
			if test.viaProxy != "" {
				proxy, target = &url.URL{Scheme: test.viaProxy, Host: address}, test.scheme+"://bank.example"
			}
			began := time.Now()
			_, _, err := send(ctx, secretly.Through(proxy, nil, maxAnswer), "POST", target, bytes.NewReader(make([]byte, test.body)))
			if !errors.Is(err, gone) {
				t.Errorf("err = %v", err)
			}
			// Whether a login counts as begun hangs on it.
			if unsent := new(outbound.NotSentError); errors.As(outbound.Cause(err), &unsent) != test.unsent {
				t.Errorf("%v: whether anything was sent is told wrongly", err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func rootsOf(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}

// A server may answer from the head alone, and close without reading the body
// (RFC 9112 section 9.6).
func TestAnAnswerThatComesBeforeTheRequestIsSentCounts(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.StartTLS()
	defer server.Close()
	answer := func(connection net.Conn) {
		_, _ = bufio.NewReaderSize(connection, 16).ReadString('\n')
		_, _ = io.WriteString(connection, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
	}
	secure := func(connection net.Conn) {
		answer(tls.Server(connection, &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	}
	for scheme, serve := range map[string]func(net.Conn){"http": answer, "https": secure} {
		address := accepting(t, serve)
		got, text, err := send(t.Context(), secretly.Through(nil, rootsOf(server), maxAnswer), "POST", scheme+"://"+address, bytes.NewReader(make([]byte, 64<<20)))
		if err != nil || got.StatusCode != http.StatusUnauthorized || text != "no" {
			t.Errorf("%s: %v", scheme, err)
		}
	}
}

func TestAConnectionThatBreaksWhileSendingIsToldAsSuch(t *testing.T) {
	address := accepting(t, func(connection net.Conn) { _, _ = connection.Read(make([]byte, 16)) })
	_, _, err := send(t.Context(), secretly.Through(nil, nil, maxAnswer), "POST", "http://"+address, bytes.NewReader(make([]byte, 64<<20)))
	told := fmt.Sprint(outbound.Cause(err))
	if !strings.Contains(told, "no answer: write tcp") || !strings.Contains(told, "connection reset") && !strings.Contains(told, "broken pipe") {
		t.Errorf("err = %v, told as %s", err, told)
	}
}

func TestTheHeadOfAnAnswerIsBoundedWhateverItsBodyMayHave(t *testing.T) {
	header := func(size int) string { return "X: " + strings.Repeat("x", size) + "\r\n" }
	interim := func(n, size int) string {
		return strings.Repeat("HTTP/1.1 103 Early Hints\r\n"+header(size)+"\r\n", n)
	}
	final := func(size int) string { return "HTTP/1.1 200 OK\r\n" + header(size) + "Content-Length: 2\r\n\r\nok" }
	for name, test := range map[string]struct {
		text   string
		passes bool
		why    string
	}{
		"60 KiB":                          {final(60 << 10), true, ""},
		"70 KiB":                          {final(70 << 10), false, "the answer is longer than 65536 bytes"},
		"interim answers that add up":     {interim(3, 20<<10) + final(20<<10), false, "the answer is longer than 65536 bytes"},
		"interim answers that do not":     {interim(3, 10<<10) + final(10<<10), true, ""},
		"five interim answers":            {interim(5, 1) + final(1), true, ""},
		"six interim answers":             {interim(6, 1) + final(1), false, "only interim answers came"},
		"what is no answer":               {"canary-9c\r\n\r\n", false, "what came is not an HTTP answer"},
		"a body as long as its head gets": {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000), true, ""},
	} {
		address := accepting(t, func(connection net.Conn) {
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = io.WriteString(connection, test.text)
		})
		_, _, err := send(t.Context(), secretly.Through(nil, nil, 1<<20), "GET", "http://"+address, http.NoBody)
		if passed := err == nil; passed != test.passes {
			t.Errorf("%s: %v", name, err)
		}
		if told := outbound.Cause(err); told != nil && told.Error() != "no answer: "+test.why {
			t.Errorf("%s is told as %v", name, told)
		}
	}
}

func TestAnAnswerMayComeInTheSmallestChunks(t *testing.T) {
	const size = 256 << 10
	for name, test := range map[string]struct {
		chunk string
		n     int
		fails bool
	}{
		"one byte each":                  {"1\r\nx\r\n", size, false},
		"one byte each, sizes padded":    {"00000001\r\nx\r\n", size, false},
		"one byte too many":              {"1\r\nx\r\n", size + 1, true},
		"more about each chunk than fit": {"1;" + strings.Repeat("x", 100) + "\r\nx\r\n", size, true},
	} {
		address := accepting(t, func(connection net.Conn) {
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+strings.Repeat(test.chunk, test.n)+"0\r\n\r\n")
		})
		_, text, err := send(t.Context(), secretly.Through(nil, nil, size), "GET", "http://"+address, http.NoBody)
		if failed := err != nil; failed != test.fails || !failed && len(text) != test.n {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

// Closing the body of an answer reads the rest of it first.
func TestTheRestOfAnAnswerThatIsTooLongIsNotWaitedFor(t *testing.T) {
	over := make(chan struct{})
	address := accepting(t, func(connection net.Conn) {
		_, _ = connection.Read(make([]byte, 4096))
		_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", maxAnswer+1))
		<-over
	})
	defer close(over)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := send(ctx, secretly.Through(nil, nil, maxAnswer), "GET", "http://"+address, http.NoBody)
	var tooLarge *outbound.TooLargeError
	if !errors.As(err, &tooLarge) {
		t.Errorf("err = %v", err)
	}
}

func TestWhatAProxySaysOfItsRefusalIsNotWaitedFor(t *testing.T) {
	over := make(chan struct{})
	address := accepting(t, func(connection net.Conn) {
		_, _ = connection.Read(make([]byte, 4096))
		_, _ = io.WriteString(connection, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\n")
		<-over
	})
	defer close(over)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := send(ctx, secretly.Through(&url.URL{Scheme: "http", Host: address}, nil, maxAnswer), "GET", "https://bank.example", http.NoBody)
	if told := fmt.Sprint(outbound.Cause(err)); told != "no answer: the proxy answered 407" {
		t.Errorf("err = %v", err)
	}
}

func TestAProxyThatRefusesIsTold(t *testing.T) {
	for name, test := range map[string]struct {
		proxy  string
		answer string
		want   string
	}{
		"it wants a password": {"http://", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\ncanary", "the proxy answered 407"},
		"it forbids":          {"http://", "HTTP/1.1 403 canary\r\n\r\n", "the proxy answered 403"},
		"it speaks otherwise": {"http://", "canary\r\n\r\n", "what the proxy answered is not HTTP"},
		"it is of SOCKS":      {"socks5://rita:canary@", "", "a proxy socks5:// is not supported: HTTPS_PROXY must name one of http:// or https://"},
		"it is of SOCKS 5h":   {"socks5h://", "", "a proxy socks5h:// is not supported: HTTPS_PROXY must name one of http:// or https://"},
	} {
		asked := false
		address := accepting(t, func(connection net.Conn) {
			asked = true
			_, _ = connection.Read(make([]byte, 4096))
			_, _ = io.WriteString(connection, test.answer)
		})
		proxy, err := url.Parse(test.proxy + address)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = send(t.Context(), secretly.Through(proxy, nil, maxAnswer), "GET", "https://bank.example/", http.NoBody)
		if told := fmt.Sprint(outbound.Cause(err)); told != "no answer: "+test.want {
			t.Errorf("%s: %v, told as %s", name, err, told)
		}
		if test.answer == "" && asked {
			t.Errorf("%s: it was spoken to", name)
		}
	}
}

func TestAProxyIsToldWhoCalls(t *testing.T) {
	for scheme, want := range map[string]string{"http": "GET http://bank.example/x HTTP/1.1", "https": "CONNECT bank.example:443 HTTP/1.1"} {
		heads := make(chan *http.Request, 1)
		lines := make(chan string, 1)
		address := accepting(t, func(connection net.Conn) {
			var seen bytes.Buffer
			head, _ := http.ReadRequest(bufio.NewReader(io.TeeReader(connection, &seen)))
			line, _, _ := strings.Cut(seen.String(), "\r\n")
			heads <- head
			lines <- line
			_, _ = io.WriteString(connection, "HTTP/1.1 204 No Content\r\n\r\n")
		})
		proxy := &url.URL{Scheme: "http", Host: address, User: url.UserPassword("chatgate", "p")}
		_, _, err := send(t.Context(), secretly.Through(proxy, nil, maxAnswer), "GET", scheme+"://bank.example/x", http.NoBody)
		if failed := err != nil; failed != (scheme == "https") {
			t.Errorf("%s: %v", scheme, err)
		}
		head, line := <-heads, <-lines
		if line != want || head == nil || head.Header.Get("Proxy-Authorization") != "Basic Y2hhdGdhdGU6cA==" {
			t.Errorf("%s: %q %v", scheme, line, head)
		}
	}
}
