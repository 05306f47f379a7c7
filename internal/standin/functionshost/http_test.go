package functionshost_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/functionshost"
)

// site are functions with the routes that the app has.
var site = map[string]string{
	"GetNewToken/function.json": httpFunction("GetNewToken/{assistant?}"),
	"Site/function.json":        httpFunction("site/{*path}"),
	"Plain/function.json":       httpFunction(""),
	"Get/function.json":         httpFunction("only/get", "get"),
	"Post/function.json":        httpFunction("only/{what}", "POST"),
	persist + "/function.json":  queueFunction("many", "binary", 0),
}

func TestRoutes(t *testing.T) {
	s := start(t, site, func(c call) order { return order{Body: c.Method + " " + c.URI} }, func(o *functionshost.Options) {
		o.Local = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "local "+r.URL.Path) })
	})
	for _, test := range []struct {
		request string // method and path as written
		want    string // what the handler sees; "": 404 without it
	}{
		{"GET /api/GetNewToken", "GET /api/GetNewToken"},
		{"GET /api/getnewtoken/", "GET /api/getnewtoken/"}, // ignoring case, passed on as written
		{"POST /API/GETNEWTOKEN/Demo", "POST /API/GETNEWTOKEN/Demo"},
		{"OPTIONS /api/GetNewToken/demo/", "OPTIONS /api/GetNewToken/demo/"}, // no method list: all of them
		{"GET /api/GetNewToken/a%2Fb?x=1&y=%20&bad=%zz;", "GET /api/GetNewToken/a%2Fb?x=1&y=%20&bad=%zz;"},
		{"GET /api/%47etNewToken", "GET /api/%47etNewToken"},
		{"GET /api/GetNewToken/a/b", ""},
		{"GET /api//GetNewToken", ""},
		{"GET /api/plain", "GET /api/plain"}, // the function's name, by default
		{"GET /api/site/", "GET /api/site/"},
		{"GET /api/site/a/b.js", "GET /api/site/a/b.js"},
		{"GET /api/only/get", "GET /api/only/get"},
		{"POST /api/only/get", "POST /api/only/get"}, // by the other function
		{"PUT /api/only/get", ""},                    // a method that is not listed is no match
		{"POST /api/only", ""},
		{"POST /api/only/", ""},
		{"POST /api/only/a/b", ""},
		{"GET /api", ""},
		{"GET /api/unknown", ""},
		{"POST /PersistConversation", "local"},
		{"GET /", "local"},
		{"GET /apix", "local"},
		// A function with a queue trigger cannot be reached from outside, not even
		// round the corner.
		{"POST /api/PersistConversation", ""},
		{"POST /api/site/../../PersistConversation", "local"},
		{"POST /api/site/%2e%2e/%2E%2E/PersistConversation", "local"},
		{"POST /api/site/a/../b/./c", "POST /api/site/b/c"},
		{"POST /../api/site/..%2f..%2fPersistConversation", "POST /api/site/..%2F..%2FPersistConversation"},
		{"GET /admin/host/status", ""},
		{"GET /Admin", ""},
	} {
		before := len(s.leader.calls())
		status, body := raw(t, s, test.request)
		switch {
		case test.want == "":
			if status != http.StatusNotFound || len(s.leader.calls()) != before {
				t.Errorf("%s: %d %q, want 404 without the handler", test.request, status, body)
			}
		case test.want == "local":
			if !strings.HasPrefix(body, "local ") {
				t.Errorf("%s: %d %q, want the local page", test.request, status, body)
			}
		case body != test.want:
			t.Errorf("%s: the handler saw %q, want %q", test.request, body, test.want)
		}
	}
}

// raw sends a request whose target goes out byte for byte.
func raw(t *testing.T, s *system, target string) (status int, body string) {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(connection, "%s HTTP/1.1\r\nHost: app.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", target)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	return response.StatusCode, string(content)
}

func TestWithoutLocalPagesThereIsNothingOutsideThePrefix(t *testing.T) {
	s := start(t, site, nil)
	for _, path := range []string{"/", "/local", "/" + persist} {
		if response, _ := s.do(t, request{path: path}); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
}

// TestAnEmptyPrefixLetsOutsidersReachQueueFunctions reproduces the trap that
// keeps all routes below a prefix.
func TestAnEmptyPrefixLetsOutsidersReachQueueFunctions(t *testing.T) {
	s := start(t, map[string]string{
		"host.json":                strings.Replace(hostJSON, `"version": "2.0",`, `"version": "2.0", "extensions": {"http": {"routePrefix": ""}},`, 1),
		"All/function.json":        httpFunction("{*path}"),
		persist + "/function.json": queueFunction("many", "binary", 0),
	}, func(c call) order { return order{Body: c.URI} })
	if _, body := s.do(t, request{path: "/" + persist}); body != "/"+persist {
		t.Errorf("%q", body)
	}
}

func TestWhatTheHandlerSeesOfARequest(t *testing.T) {
	s := start(t, site, func(call) order { return order{} })
	s.do(t, request{
		method: http.MethodPost, path: "/api/Plain?a=b", body: strings.NewReader("body"), length: 4,
		header: http.Header{
			"X-Azure-Functions-Invocationid": {"forged"},
			"X-Forwarded-For":                {"203.0.113.9, 198.51.100.7:99", "192.0.2.1"},
			"X-Forwarded-Proto":              {"gopher"},
			"Client-Ip":                      {"forged"},
			"X-Azure-Socketip":               {"203.0.113.9"},
			"Authorization":                  {"Bearer t"},
			"X-Custom":                       {"a", "b"},
		},
	})
	seen := s.leader.calls()[0]
	invocation := s.next(t)
	if got := seen.Header.Values("X-Azure-Functions-InvocationId"); !slices.Equal(got, []string{"forged", invocation.ID}) {
		t.Errorf("invocation ids %q: a client's may arrive beside the host's, %q", got, invocation.ID)
	}
	addresses := strings.Split(seen.Header.Get("X-Forwarded-For"), ", ")
	host, port, err := net.SplitHostPort(addresses[len(addresses)-1])
	if err != nil || host != "127.0.0.1" || port == "" || !slices.Equal(addresses[:3], []string{"203.0.113.9", "198.51.100.7:99", "192.0.2.1"}) {
		t.Errorf("X-Forwarded-For %q: the last entry must be the client's address with its port", addresses)
	}
	base, _ := url.Parse(s.URL())
	if seen.Host != base.Host || seen.URI != "/api/Plain?a=b" || string(seen.Body) != "body" || seen.ContentLength != 4 {
		t.Errorf("seen: %+v", seen)
	}
	for name, want := range map[string]string{
		"X-Forwarded-Proto": "http", "Client-Ip": addresses[len(addresses)-1], "X-Azure-Socketip": "203.0.113.9", "Authorization": "Bearer t",
	} {
		if got := seen.Header.Values(name); !slices.Equal(got, []string{want}) {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got := seen.Header.Values("X-Custom"); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("X-Custom = %q", got)
	}
	if invocation.Function != "Plain" || invocation.Status != 200 || invocation.RequestBytes != 4 || invocation.Err != nil || invocation.Method != "POST" {
		t.Errorf("observed: %+v", invocation)
	}
}

func TestAnyStatusPassesThroughAndCountsAsSuccess(t *testing.T) {
	s := start(t, site, func(c call) order {
		status := 0
		_, _ = fmt.Sscanf(c.URI, "/api/Plain?%d", &status)
		return order{Status: status, Header: map[string]string{"Location": "/elsewhere", "X-Answer": "yes"}, Body: "text"}
	})
	for _, status := range []int{200, 201, 301, 404, 429, 500, 503} {
		response, body := s.do(t, request{path: fmt.Sprintf("/api/Plain?%d", status)})
		if response.StatusCode != status || body != "text" || response.Header.Get("X-Answer") != "yes" {
			t.Errorf("%d came through as %d %q", status, response.StatusCode, body)
		}
		if ended := s.next(t); ended.Err != nil || ended.Status != status || ended.ResponseBytes != 4 {
			t.Errorf("%d: %+v", status, ended)
		}
	}
	if counts := s.Counts("Plain"); counts.Succeeded != 7 || counts.Failed != 0 {
		t.Errorf("counts: %+v", counts)
	}
}

func TestProxyingStreamsBothWays(t *testing.T) {
	s := start(t, map[string]string{"Echo/function.json": httpFunction("")}, nil)
	out, in := io.Pipe()
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, s.URL()+"/api/echo", out)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(req) // before any of the body is there
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(response.Body)
	for _, line := range []string{"one\n", "two\n"} {
		_, _ = io.WriteString(in, line)
		if got, err := lines.ReadString('\n'); err != nil || got != strings.ToUpper(line) {
			t.Fatalf("%q %v: chunked bodies must arrive, and answers while they are written", got, err)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	response.Body.Close()
	if ended := s.next(t); ended.Err != nil || ended.RequestBytes != 8 || ended.ResponseBytes != 8 {
		t.Errorf("observed: %+v", ended)
	}
}

func TestOlderForwardingDropsChunkedBodiesAndBuffers(t *testing.T) {
	s := start(t, site, func(c call) order {
		switch {
		case strings.HasSuffix(c.URI, "redirect"):
			return order{Status: 302, Header: map[string]string{"Location": "/api/Plain?target"}}
		case strings.HasSuffix(c.URI, "away"):
			return order{Status: 302, Header: map[string]string{"Location": "http://example.com/"}}
		}
		return order{Body: c.Method + ":" + string(c.Body), Chunked: true}
	}, func(o *functionshost.Options) { o.Forwarding = true })
	post := func(length int64) string {
		response, body := s.do(t, request{method: http.MethodPost, path: "/api/Plain", body: strings.NewReader("body"), length: length})
		if response.ContentLength != int64(len(body)) {
			t.Errorf("the answer has length %d, want it buffered", response.ContentLength)
		}
		return body
	}
	if got := post(0); got != "POST:" {
		t.Errorf("chunked body: %q, want it dropped", got)
	}
	if got := post(4); got != "POST:body" {
		t.Errorf("body with a length: %q", got)
	}
	if response, body := s.do(t, request{path: "/api/Plain?redirect"}); response.StatusCode != 200 || body != "GET:" {
		t.Errorf("a redirect: %d %q, want it followed", response.StatusCode, body)
	}
	if response, _ := s.do(t, request{path: "/api/Plain?away"}); response.StatusCode != 302 {
		t.Errorf("a redirect to somebody else: %d", response.StatusCode)
	}
	last := s.leader.calls()[len(s.leader.calls())-1]
	if last.Header.Get("X-Azure-Functions-InvocationId") == "" || last.Header.Get("X-Forwarded-For") == "" {
		t.Errorf("headers: %v", last.Header)
	}
}

func TestKeys(t *testing.T) {
	files := map[string]string{
		"Open/function.json":   httpFunction(""),
		"Silent/function.json": strings.Replace(httpFunction(""), `"authLevel":"anonymous",`, "", 1),
		"Keyed/function.json":  strings.Replace(httpFunction(""), `"anonymous"`, `"Function"`, 1),
	}
	for key, tests := range map[string]map[string]int{
		"":  {"/api/Open": 200, "/api/Silent": 401, "/api/Silent?code=": 401, "/api/Keyed": 401},
		"k": {"/api/Open": 200, "/api/Silent": 401, "/api/Silent?code=x": 401, "/api/Silent?code=k": 200, "/api/Keyed?code=k": 200},
	} {
		s := start(t, files, nil, func(o *functionshost.Options) { o.FunctionKey = key })
		for path, want := range tests {
			if response, _ := s.do(t, request{path: path}); response.StatusCode != want {
				t.Errorf("key %q, %s: %d, want %d", key, path, response.StatusCode, want)
			}
		}
		want := map[string]int{"": 401, "k": 200}[key]
		if response, _ := s.do(t, request{path: "/api/Silent", header: http.Header{"X-Functions-Key": {"k"}}}); response.StatusCode != want {
			t.Errorf("key %q in the header: %d, want %d", key, response.StatusCode, want)
		}
	}
}

func TestARequestThatKillsTheHandlerIsNotRepeated(t *testing.T) {
	s := start(t, site, func(call) order { return order{Exit: code(1)} })
	if response, _ := s.do(t, request{path: "/api/Plain"}); response.StatusCode != http.StatusBadGateway {
		t.Errorf("%d, want 502", response.StatusCode)
	}
	if ended := s.next(t); ended.Err == nil || ended.Status != 0 {
		t.Errorf("observed: %+v", ended)
	}
	s.leader.awaitStart(t, 2)
	if got := len(s.leader.calls()); got != 1 {
		t.Errorf("the handler got it %d times", got)
	}
}

func TestARequestDuringARestartWaits(t *testing.T) {
	held := make(chan struct{})
	leading := lead(t, func(call) order { return order{Body: "fine"} })
	leading.onStart = func(n int) order {
		if n == 2 {
			<-held
		}
		return order{}
	}
	s := startLed(t, site, leading)
	s.KillHandler()
	s.leader.awaitStart(t, 2)
	answered := make(chan string, 1)
	go func() { _, body := s.do(t, request{path: "/api/Plain"}); answered <- body }()
	select {
	case <-answered:
		t.Error("answered by nobody")
	default:
	}
	close(held)
	if body := <-answered; body != "fine" {
		t.Errorf("%q", body)
	}
}

func TestFunctionTimeoutKillsTheWholeHandler(t *testing.T) {
	hang := make(chan struct{})
	s := start(t, site, func(c call) order {
		if strings.HasSuffix(c.URI, "hang") {
			<-hang
		}
		return order{Body: "fine"}
	}, func(o *functionshost.Options) { o.FunctionTimeout = 2 * time.Second }) // of the call that follows as well
	defer close(hang)
	if response, _ := s.do(t, request{path: "/api/Plain?hang"}); response.StatusCode != http.StatusBadGateway {
		t.Errorf("%d, want 502", response.StatusCode)
	}
	if ended := s.next(t); ended.Err == nil || !strings.Contains(ended.Err.Error(), "functionTimeout") {
		t.Errorf("observed: %+v", ended)
	}
	if _, body := s.do(t, request{path: "/api/Plain"}); body != "fine" || s.Starts() != 2 {
		t.Errorf("%q after %d starts", body, s.Starts())
	}
}
