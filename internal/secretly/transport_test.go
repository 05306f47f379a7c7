package secretly_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/secretly"
)

// maxAnswer is the limit of the transports of these tests.
const maxAnswer = 1000

func client() *http.Client {
	return &http.Client{
		Transport:     secretly.NewTransport(maxAnswer),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func call(t *testing.T, method, url, body string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Given", "yes")
	answer, err := client().Do(req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text), answer.Body.Close()
}

func TestACallIsMadeAsByAnyClient(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Header.Get("X-Given"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %d", r.Method, r.URL.RequestURI(), body, r.ContentLength)
	}))
	defer server.Close()
	long := strings.Repeat("b", 700)
	for _, test := range []struct{ method, path, body string }{
		{"GET", "/a%2Fb?c=d", ""},
		{"POST", "/", "body"},
		{"PUT", "/", long},
		{"DELETE", "/x", ""},
	} {
		answer, text, err := call(t, test.method, server.URL+test.path, test.body)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("%s %s %s %d", test.method, test.path, test.body, len(test.body))
		if text != want || answer.StatusCode != http.StatusTeapot || answer.Header.Get("X-Seen") != "yes" {
			t.Errorf("%d %q, want %q", answer.StatusCode, text, want)
		}
	}
}

func TestABodyLargerThanTheBufferArrivesWhole(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	defer server.Close()
	if _, text, err := call(t, "POST", server.URL, strings.Repeat("x", 100_000)); err != nil || text != "100000" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	for _, test := range []struct {
		size    int
		chunked bool
		passes  bool
	}{{maxAnswer, false, true}, {maxAnswer, true, true}, {maxAnswer + 1, false, false}, {maxAnswer + 1, true, false}, {1 << 20, true, false}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range test.size {
				_, _ = io.WriteString(w, "x")
				if test.chunked && test.size < 1<<20 {
					_ = http.NewResponseController(w).Flush()
				}
			}
		}))
		_, text, err := call(t, "GET", server.URL, "")
		server.Close()
		if passed := err == nil && len(text) == test.size; passed != test.passes {
			t.Errorf("%d bytes, chunked %v: %d, %v", test.size, test.chunked, len(text), err)
		}
		var tooLarge *outbound.TooLargeError
		if !test.passes && test.size < 1<<20 && !errors.As(err, &tooLarge) {
			t.Errorf("%d bytes: %v", test.size, err)
		}
	}
}

// answering serves each connection by writing text, whatever was asked.
func answering(t *testing.T, text string) string {
	t.Helper()
	return "http://" + accepting(t, func(connection net.Conn) {
		_, _ = connection.Read(make([]byte, 4096))
		_, _ = io.WriteString(connection, text)
	})
}

func TestAnswersThatAreNoneFailAndAreNotQuoted(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                 "",
		"no HTTP":                 "canary-9c\r\n\r\n",
		"a head without end":      "HTTP/1.1 200 OK\r\nX: canary-9c" + strings.Repeat("x", 200_000),
		"a broken header":         "HTTP/1.1 200 OK\r\ncanary-9c\r\n\r\n",
		"a body cut short":        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncanary-9c",
		"interim answers only":    strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 50),
		"a change of protocols":   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"two lengths that differ": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\ncanary-9c",
	} {
		_, body, err := call(t, "GET", answering(t, text), "")
		if err == nil || body != "" {
			t.Errorf("%s: passed with %q", name, body)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(outbound.Cause(err).Error(), "canary")) {
			t.Errorf("%s: the error quotes the answer: %v", name, err)
		}
	}
}

func TestInterimAnswersAreSkipped(t *testing.T) {
	address := answering(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	if answer, text, err := call(t, "GET", address, ""); err != nil || text != "ok" || answer.StatusCode != http.StatusOK {
		t.Errorf("%q, %v", text, err)
	}
}

func TestRedirectsAreTheCallersBusiness(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	if answer, _, err := call(t, "GET", server.URL, ""); err != nil || answer.StatusCode != http.StatusFound {
		t.Errorf("%v", err)
	}
}

func TestTheContextEndsACall(t *testing.T) {
	arrived := make(chan struct{})
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-over
	}))
	defer server.Close()
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client().Do(req)
	if err == nil {
		_ = answer.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestACertificateOfAnUnknownAuthorityIsRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer server.Close()
	if _, _, err := call(t, "GET", server.URL, ""); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("err = %v", err)
	}
}

func TestACallStartsNoGoroutineThatLasts(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Config.SetKeepAlivesEnabled(false)
	defer server.Close()
	before := runtime.NumGoroutine()
	for range 10 {
		if _, _, err := call(t, "GET", server.URL, ""); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+2 { // the server's own come and go
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

func TestBytesNeverPrint(t *testing.T) {
	secret := secretly.Bytes("canary-51")
	encoded, err := json.Marshal(map[string]any{"a": secret, "b": &secret})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", secret, "b", []secretly.Bytes{secret})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "a", secret, "b", struct{ B secretly.Bytes }{secret})
	shown := string(encoded) + log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, struct{ B secretly.Bytes }{secret})
	}
	for _, leak := range []string{"canary", "63616e617279", "99 97 110", "Y2FuYXJ5"} {
		if strings.Contains(shown, leak) {
			t.Errorf("%q shows in %s", leak, shown)
		}
	}
	secret.Clear()
	if string(secret) != strings.Repeat("\x00", 9) {
		t.Error("Clear leaves the content")
	}
}
