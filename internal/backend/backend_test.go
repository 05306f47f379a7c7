package backend_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/backend"
	"chatgate/internal/problem"
	"chatgate/internal/secretly"
)

// token has characters that encodings change.
const token = "canary/token+8c=="

func forward(t *testing.T, base string, request backend.Request) (backend.Answer, error) {
	t.Helper()
	return forwardAs(t, base, request, token)
}

func forwardAs(t *testing.T, base string, request backend.Request, token string) (backend.Answer, error) {
	t.Helper()
	if request.Method == "" {
		request.Method = http.MethodGet
	}
	to, err := backend.New(base)
	if err != nil {
		t.Fatal(err)
	}
	var answer backend.Answer
	secretly.Do(func() { answer, err = to.Forward(t.Context(), request, secretly.Bytes(token)) })
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Errorf("the error holds the token: %v", err)
	}
	return answer, err
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func wantCode(t *testing.T, name string, err error, want problem.Code) {
	t.Helper()
	if err == nil || problem.From(err).Code != want {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
}

func TestACallArrivesWithTheUsersTokenAndNothingOfTheBots(t *testing.T) {
	var got *http.Request
	var body string
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"1"`)
		w.Header().Add("Set-Cookie", "session=1")
		w.Header().Set("WWW-Authenticate", "Basic")
		w.Header().Set("X-Internal", "10.0.0.1")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":7}`)
	})
	sent := http.Header{}
	for _, name := range []string{
		"Authorization", "Cookie", "X-Login-Token", "X-Conversation-Id", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Ms-Client-Principal",
		"X-Azure-Fdid", "X-Arr-Log-Id", "X-Functions-Key", "X-Original-Url", "Origin", "Referer", "Proxy-Authorization", "Te", "Upgrade", "Hop",
		"Accept-Encoding", "Expect", "Sec-Fetch-Mode", "X-Api-Key",
		"X-Rewrite-Url", "X-Http-Method-Override", "X-Host", "Proxy", "X_Forwarded_For", "X_Original_Url", "Range", "If-Range",
	} {
		sent.Set(name, "the bot's")
	}
	sent.Set("Connection", "keep-alive, hop")
	sent.Set("Content-Type", "application/json")
	sent.Set("Accept", "application/json")
	sent.Set("Idempotency-Key", "k1")
	sent.Set("User-Agent", "bankbot/1")
	answer, err := forward(t, base+"/api/v1/", backend.Request{
		Method: http.MethodPost, Path: "accounts/a%20b", Query: "from=2026-01-01&x=%2F..%2F", Header: sent, Body: []byte(`{"a":1}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
		"Idempotency-Key": {"k1"}, "User-Agent": {"bankbot/1"}, "Accept-Encoding": {"identity"}, "Content-Length": {"7"}, "Connection": {"close"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if got.Method != http.MethodPost || got.RequestURI != "/api/v1/accounts/a%20b?from=2026-01-01&x=%2F..%2F" || body != `{"a":1}` {
		t.Errorf("%s %s %s", got.Method, got.RequestURI, body)
	}
	if diff := cmp.Diff(http.Header{"Content-Type": {"application/json"}, "Etag": {`"1"`}}, answer.Header); diff != "" {
		t.Errorf("the bot's headers (-want +got):\n%s", diff)
	}
	if answer.Status != http.StatusCreated || string(answer.Body) != `{"id":7}` {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
}

// paths are what a bot may send, and what arrives; "" is refused.
var paths = map[string]string{
	"":                        "/base/",
	"balance":                 "/base/balance",
	"a/b/":                    "/base/a/b/",
	"a%20b":                   "/base/a%20b",
	"a%C3%A4":                 "/base/a%C3%A4",
	"a:b@c":                   "/base/a:b@c",
	"a;v=1/b":                 "/base/a;v=1/b",
	"...":                     "/base/...",
	"a..b":                    "/base/a..b",
	"100%25":                  "",
	"..":                      "",
	".":                       "",
	"a/../b":                  "",
	"a/..":                    "",
	"../admin":                "",
	"%2e%2e/admin":            "",
	"%2E./admin":              "",
	".%2e":                    "",
	"%252e%252e/admin":        "",
	"%25252e%25252e/x":        "",
	"..;/admin":               "",
	"..;x=1/admin":            "",
	"..%3b/admin":             "",
	"a%2fb":                   "",
	"a%2Fb":                   "",
	"..%2fadmin":              "",
	"a%252fb":                 "",
	"a%5cb":                   "",
	`a\b`:                     "",
	`..\admin`:                "",
	"a%00b":                   "",
	"a%0d%0aX: y":             "",
	"%c0%ae%c0%ae/admin":      "",
	"%ef%bc%8e%ef%bc%8e/x":    "",
	"a%7f":                    "",
	"a//b":                    "",
	"/admin":                  "",
	"//evil.example/x":        "",
	"http://evil/x":           "",
	"http:%2f%2fevil/x":       "",
	"a b":                     "",
	"a\r\nb":                  "",
	"a?b":                     "",
	"a#b":                     "",
	"ä":                       "",
	"%":                       "",
	"%zz":                     "",
	"a%20/../b":               "",
	"%20/x":                   "",
	"%20../x":                 "",
	strings.Repeat("a", 2049): "",
}

func TestThePathNeverLeavesTheBaseAddress(t *testing.T) {
	var arrived atomic.Pointer[string]
	base := serve(t, func(_ http.ResponseWriter, r *http.Request) { arrived.Store(&r.RequestURI) })
	for path, want := range paths {
		arrived.Store(nil)
		_, err := forward(t, base+"/base", backend.Request{Path: path})
		got := arrived.Load()
		if want == "" {
			wantCode(t, path, err, problem.PathNotAllowed)
			if got != nil {
				t.Errorf("%q arrived as %s", path, *got)
			}
			continue
		}
		if err != nil || got == nil || *got != want {
			t.Errorf("%q: %v, %v", path, got, err)
		}
	}
}

func FuzzPath(f *testing.F) {
	for path := range paths {
		f.Add(path)
	}
	var arrived atomic.Pointer[string]
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { arrived.Store(&r.RequestURI) }))
	f.Cleanup(server.Close)
	to, err := backend.New(server.URL + "/base")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		arrived.Store(nil)
		_, err := to.Forward(t.Context(), backend.Request{Method: http.MethodGet, Path: path}, secretly.Bytes("t"))
		got := arrived.Load()
		if got == nil {
			if err == nil {
				t.Errorf("%q went elsewhere", path)
			}
			return
		}
		seen, err := url.Parse(*got)
		if err != nil || !strings.HasPrefix(seen.JoinPath().Path, "/base") || strings.Contains(seen.Path, "..\\") {
			t.Errorf("%q arrived as %s", path, *got)
		}
		for segment := range strings.SplitSeq(seen.Path, "/") {
			if segment == ".." || segment == "." {
				t.Errorf("%q arrived as %s", path, *got)
			}
		}
	})
}

func TestAnEncodedAnswerIsNotPassedOn(t *testing.T) {
	for _, encodings := range [][]string{
		{"gzip"}, {"identity", "gzip"}, {"", "br"}, {"identity, gzip"}, {"gzip, identity"}, {" identity ,deflate"}, {"aes128gcm"},
	} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Encoding"] = encodings })
		_, err := forward(t, base, backend.Request{Path: "x"})
		wantCode(t, strings.Join(encodings, "|"), err, problem.BackendUnsafe)
	}
	for _, encodings := range [][]string{{"identity"}, {""}, {"Identity", "identity, identity"}} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Encoding"] = encodings })
		if _, err := forward(t, base, backend.Request{Path: "x"}); err != nil {
			t.Errorf("%q: %v", encodings, err)
		}
	}
}

func TestRedirectsStayInside(t *testing.T) {
	var outside atomic.Int64
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { outside.Add(1) })
	for location, passes := range map[string]bool{
		"/base/there":                true,
		"there":                      true,
		"/base/a/b":                  true,
		"/other":                     false,
		"/base":                      false,
		"/base/../other":             false,
		"/base/%2e%2e/other":         false,
		"/basement/x":                false,
		elsewhere + "/base/there":    false,
		"//127.0.0.1:1/base/there":   false,
		"ftp://127.0.0.1/base/there": false,
		"/base/loop":                 false,
	} {
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/base/here":
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusFound)
			case "/base/loop":
				http.Redirect(w, r, "/base/loop", http.StatusFound)
			case "/other", "/base", "/basement/x":
				outside.Add(1)
			default:
				_, _ = io.WriteString(w, r.Header.Get("User-Agent"))
			}
		})
		answer, err := forward(t, base+"/base", backend.Request{Path: "here"})
		if passes && (err != nil || string(answer.Body) != "chatgate") {
			t.Errorf("%s: %s, %v", location, answer.Body, err)
		}
		if !passes && err == nil {
			t.Errorf("%s was followed", location)
		}
	}
	if outside.Load() != 0 {
		t.Errorf("%d calls went outside", outside.Load())
	}
}

// Go would repeat a POST after 302 as a GET, whose 200 says nothing of the POST,
// and after 307 the POST with its body.
func TestOnlyGetAndHeadAreSentOn(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var there atomic.Int64
		base := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/base/here" {
				w.Header().Set("Location", "/base/there")
				w.WriteHeader(status)
				return
			}
			there.Add(1)
		})
		for _, method := range backend.Methods() {
			there.Store(0)
			_, err := forward(t, base+"/base", backend.Request{Method: method, Path: "here", Body: []byte("1")})
			if method == http.MethodGet || method == http.MethodHead {
				if err != nil || there.Load() != 1 {
					t.Errorf("%s, %d: sent on %d times, %v", method, status, there.Load(), err)
				}
				continue
			}
			wantCode(t, method, err, problem.BackendUnsafe)
			if there.Load() != 0 {
				t.Errorf("%s, %d was sent on", method, status)
			}
		}
	}
}

func TestWhatTheBackEndRefusesAsksForANewLogin(t *testing.T) {
	for status, code := range map[int]problem.Code{401: problem.LoginAgain, 403: "", 404: "", 409: "", 429: "", 500: "", 503: "", 304: ""} {
		base := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		answer, err := forward(t, base, backend.Request{Path: "x"})
		if code != "" {
			wantCode(t, http.StatusText(status), err, code)
			continue
		}
		if err != nil || answer.Status != status {
			t.Errorf("%d: %d, %v", status, answer.Status, err)
		}
	}
}

// Some servers look at the token only, and close before the body is sent.
func TestARefusalBeforeTheBodyIsSentAsksForANewLogin(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = connection.Close()
	})
	_, err := forward(t, base, backend.Request{Method: http.MethodPut, Path: "x", Body: make([]byte, 64<<20)})
	wantCode(t, "refused", err, problem.LoginAgain)
}

func TestABackEndThatIsAwayOrTooTalkative(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	_, err := forward(t, away.URL, backend.Request{Path: "x"})
	wantCode(t, "away", err, problem.BackendUnavailable)
	broken := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = forward(t, broken, backend.Request{Path: "x"})
	wantCode(t, "broken off", err, problem.BackendUnavailable)
	long := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, backend.MaxBody+1)) })
	_, err = forward(t, long, backend.Request{Path: "x"})
	wantCode(t, "too long", err, problem.BackendUnsafe)
}

func TestMethodsAndQueries(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Request-Id", r.Method) })
	for _, method := range backend.Methods() {
		if answer, err := forward(t, base, backend.Request{Method: method, Path: "x"}); err != nil || answer.Header.Get("X-Request-Id") != method {
			t.Errorf("%s: %v, %v", method, answer, err)
		}
	}
	for _, query := range []string{"a b", "a\r\nX: y", "ä", strings.Repeat("a", 8<<10+1)} {
		_, err := forward(t, base, backend.Request{Path: "x", Query: query})
		wantCode(t, query, err, problem.BadRequest)
	}
}

func TestOnlyAWholeAddressIsABase(t *testing.T) {
	for _, base := range []string{"", "/x", "bank.example", "https://", "https://bank.example/?a=b", "https://bank.example/#x", "::", "http://bank.example", "ftp://bank.example", "https://ada@bank.example"} {
		if _, err := backend.New(base); err == nil {
			t.Errorf("%q is accepted", base)
		}
	}
}
