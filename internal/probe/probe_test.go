package probe_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"chatgate/handlers"
	"chatgate/internal/directline"
	"chatgate/internal/handshake"
	"chatgate/internal/probe"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	site "chatgate/internal/standin/directline"
	"chatgate/internal/visitor"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const page = "https://www.bankx.example"

// app is Chatgate's own handlers with all behind them but Azure, as the host's
// routes show them to the world.
type app struct {
	url    string
	tokens *seen
}

// signingKey signs the tokens of all apps; making one takes long.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// seen collects the tokens that were given out.
type seen struct {
	mu   sync.Mutex
	text []string
}

func startApp(t *testing.T, visitors bool, front func(next http.Handler) http.Handler) *app {
	t.Helper()
	line, err := site.New(&site.Options{SigningKey: signingKey()})
	if err != nil {
		t.Fatal(err)
	}
	upstream := httptest.NewServer(http.StripPrefix("/v3/directline", line))
	client, err := directline.NewClient(upstream.URL+"/v3/directline", nil)
	if err != nil {
		t.Fatal(err)
	}
	cache := secrets.NewCache(secrets.NewFixed(map[string]redacted.Text{
		"bankx": line.Secret(site.Key1),
		"key":   redacted.New(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))),
	}, nil), nil)
	options := &handshake.IssuerOptions{}
	if visitors {
		options.Visitors = visitor.NewSigner(cache, "key", nil)
	}
	issuer := handshake.NewIssuer([]handshake.Assistant{{
		ID: "bankx", SecretName: "bankx", TrustedOrigins: []string{page}, Client: client, Domain: upstream.URL + "/v3/directline",
	}}, cache, options)
	handler := handlers.New(handlers.Config{
		Assistants:   []handlers.Assistant{{ID: "bankx", AllowedOrigins: []string{page}}},
		Issuer:       issuer,
		SecretsReady: func() bool { return true },
		Version:      "1.2.3",
		Logger:       slog.New(slog.DiscardHandler),
	})
	a := &app{tokens: &seen{}}
	shown := a.tokens.watch(host(handler))
	if front != nil {
		shown = front(shown)
	}
	server := httptest.NewServer(shown)
	a.url = server.URL
	t.Cleanup(func() {
		server.Close()
		upstream.Close()
		line.Close()
		cache.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return a
}

// host lets through what the host's routes let through: the paths below /api.
func host(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") || strings.Contains(r.URL.Path, "..") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *seen) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := record(next, r)
		var given struct{ Token, Visitor string }
		if json.Unmarshal(answer.Body.Bytes(), &given) == nil {
			s.mu.Lock()
			s.text = append(s.text, given.Token, given.Visitor)
			s.mu.Unlock()
		}
		replay(w, answer)
	})
}

func record(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	return answer
}

func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// run probes the app and returns what failed and what was skipped, by name.
func (a *app) run(t *testing.T, target probe.Target) (failed map[string]string, skipped []string, all []string) {
	t.Helper()
	if target.URL == "" {
		target.URL = "http://app.example" // not on this machine, as far as the probe knows
	}
	var dialer net.Dialer
	target.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, strings.TrimPrefix(a.url, "http://"))
	}}}
	failed = map[string]string{}
	count, err := probe.Run(t.Context(), target, func(o probe.Outcome) {
		all = append(all, o.Name)
		if o.Err != nil {
			failed[o.Name] = o.Err.Error()
		}
		if o.Skipped != "" {
			skipped = append(skipped, o.Name)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if count != len(failed) {
		t.Errorf("%d checks are said to have failed, %d did", count, len(failed))
	}
	for _, text := range a.tokens.text {
		if text != "" && strings.Contains(fmt.Sprint(failed), text) {
			t.Error("a token was told")
		}
	}
	return failed, skipped, all
}

func TestAllIsWellWithTheRealHandlers(t *testing.T) {
	for name, target := range map[string]probe.Target{"assistant named": {Origin: page, Assistant: "bankx"}, "the only assistant": {Origin: page}} {
		t.Run(name, func(t *testing.T) {
			failed, skipped, all := startApp(t, true, nil).run(t, target)
			if len(failed)+len(skipped) > 0 || len(all) < 25 {
				t.Errorf("failed %v, skipped %v of %d", failed, skipped, len(all))
			}
		})
	}
}

func TestVisitorTokensMayBeOff(t *testing.T) {
	failed, skipped, _ := startApp(t, false, nil).run(t, probe.Target{Origin: page})
	if len(failed) > 0 || !slices.Equal(skipped, []string{"a visitor comes back as the same user", "a changed visitor token is ignored"}) {
		t.Errorf("failed %v, skipped %v", failed, skipped)
	}
}

func TestAnOriginThatIsNotAllowedIsToldPlainly(t *testing.T) {
	failed, _, all := startApp(t, true, nil).run(t, probe.Target{Origin: "https://other.example"})
	got := failed["the page's preflight is answered"]
	if !strings.HasPrefix(got, "ORIGIN https://other.example is not in the assistant's AllowedOrigins; ") || len(all) != 2 {
		t.Errorf("failed: %v of %d; nothing after the preflight can be tried", failed, len(all))
	}
}

// The administration of a host on a developer's machine is open; all else is not.
func TestADevelopmentHostMayAskForNoKey(t *testing.T) {
	for path, skips := range map[string]bool{"/admin/functions/PurgeExpired": true, "/admin/host/status": true, "/PurgeExpired": false} {
		a := startApp(t, true, reachable(path))
		for url, local := range map[string]bool{a.url: true, "http://localhost:1": true, "http://app.example": false, "http://localhost.example": false} {
			failed, skipped, _ := a.run(t, probe.Target{URL: url, Origin: page})
			if skips && local != (len(skipped) == 1 && strings.Contains(skipped[0], path)) || (skips && local) != (len(failed) == 0) {
				t.Errorf("%s at %s: failed %v, skipped %v", path, url, failed, skipped)
			}
		}
	}
}

func TestAFailureOfTheAdministrationIsNoLackOfAKey(t *testing.T) {
	for code, fails := range map[int]bool{http.StatusBadGateway: true, http.StatusNotImplemented: false} {
		a := startApp(t, true, onPath("/admin/host/status", status(code)))
		if failed, skipped, _ := a.run(t, probe.Target{URL: a.url, Origin: page}); (len(failed) == 1) != fails || (len(skipped) == 1) == fails {
			t.Errorf("%d: failed %v, skipped %v", code, failed, skipped)
		}
	}
}

// broken are servers that are wrong in one way each, by the check that must
// notice it. Each is the real one but for that.
var broken = map[string]func(next http.Handler) http.Handler{
	"health is ok":                          onPath("/api/Health", status(http.StatusServiceUnavailable)),
	"the page's preflight is answered":      onRequest(isPreflight, header("Access-Control-Allow-Headers", "accept")),
	"a token is issued for the page":        onRequest(isIssue, header("Cache-Control", "public, max-age=60")),
	"the token is refreshed":                onPath("/api/RefreshToken", body(`"conversationId":"[^"]*"`, `"conversationId":"other"`)),
	"a visitor comes back as the same user": onRequest(func(r *http.Request) bool { return isIssue(r) && hasVisitor(r) }, body(`"userId":"[^"]*"`, `"userId":"dl_other"`)),
	"a foreign origin is denied":            asIf(func(r *http.Request) bool { return isIssue(r) && r.Header.Get("Origin") == foreign }, page),
	"the origin null is denied":             asIf(func(r *http.Request) bool { return r.Header.Get("Origin") == "null" }, page),
	"an origin that begins like ours is denied": asIf(func(r *http.Request) bool {
		return strings.HasPrefix(r.Header.Get("Origin"), page) && r.Header.Get("Origin") != page
	}, page),
	"a foreign page's preflight is denied": onRequest(func(r *http.Request) bool { return isPreflight(r) && r.Header.Get("Origin") == foreign }, header("Access-Control-Allow-Origin", "*")),
	"a foreign page's refresh is denied":   asIf(func(r *http.Request) bool { return isRefresh(r) && r.Header.Get("Origin") == foreign }, page),
	"a forged visitor is ignored":          onRequest(isIssue, echoSubject),
	"a changed visitor token is ignored":   onRequest(isIssue, echoSubject),
	"a refresh without a token is denied":  onRequest(func(r *http.Request) bool { return isRefresh(r) && r.Header.Get("Authorization") == "" }, header("WWW-Authenticate", "")),
	"a garbage token is denied": onRequest(func(r *http.Request) bool {
		return isRefresh(r) && strings.Contains(r.Header.Get("Authorization"), "garbage")
	}, status(http.StatusBadGateway)),
	"an expired token is denied": onRequest(func(r *http.Request) bool {
		return isRefresh(r) && strings.Count(r.Header.Get("Authorization"), ".") == 2
	}, body("token_expired", "token_invalid")),
	"an unknown assistant is denied":                        withPath("/api/GetNewToken/chatgateprobeknowsnone", "/api/GetNewToken/bankx"),
	"POST /PersistConversation is denied":                   reachable("/PersistConversation"),
	"POST /api/PersistConversation is denied":               reachable("/api/PersistConversation"),
	"POST /api/site/../../PersistConversation is denied":    reachable("/api/site/../../PersistConversation"),
	"POST /admin/functions/PersistConversation is denied":   reachable("/admin/functions/PersistConversation"),
	"POST /RotateDirectLineKey is denied":                   reachable("/RotateDirectLineKey"),
	"POST /PurgeExpired is denied":                          reachable("/PurgeExpired"),
	"POST /api/RotateDirectLineKey is denied":               reachable("/api/RotateDirectLineKey"),
	"POST /api/PurgeExpired is denied":                      reachable("/api/PurgeExpired"),
	"POST /api/site/../../RotateDirectLineKey is denied":    reachable("/api/site/../../RotateDirectLineKey"),
	"POST /api/site/../../PurgeExpired is denied":           reachable("/api/site/../../PurgeExpired"),
	"POST /admin/functions/RotateDirectLineKey is denied":   reachable("/admin/functions/RotateDirectLineKey"),
	"POST /admin/functions/PurgeExpired is denied":          reachable("/admin/functions/PurgeExpired"),
	"GET /admin/host/status is denied":                      reachable("/admin/host/status"),
	"GET /admin/functions is denied":                        reachable("/admin/functions"),
	"GET /admin/vfs/host.json is denied":                    reachable("/admin/vfs/host.json"),
	"GET /runtime/webhooks/durabletask/instances is denied": reachable("/runtime/webhooks/durabletask/instances"),
	"the desk is denied without a token":                    onRequest(isDesk(func(token string) bool { return token == "" }), status(http.StatusOK)),
	"the desk is denied with a garbage token":               onRequest(isDesk(func(token string) bool { return strings.Contains(token, "garbage") }), status(http.StatusOK)),
	"the desk is denied with an expired token":              onRequest(isDesk(func(token string) bool { return strings.Contains(token, ".") }), status(http.StatusOK)),
}

func TestEachCheckNoticesWhatItIsFor(t *testing.T) {
	_, _, all := startApp(t, true, nil).run(t, probe.Target{Origin: page, Assistant: ""})
	for _, name := range all {
		if broken[name] == nil {
			t.Errorf("no broken server shows that %q can fail", name)
		}
	}
	for name, front := range broken {
		t.Run(name, func(t *testing.T) {
			failed, _, _ := startApp(t, true, front).run(t, probe.Target{Origin: page})
			if failed[name] == "" {
				t.Errorf("it went unnoticed; failed: %v", failed)
			}
			for other := range failed {
				if other != name && !slices.Contains(alsoBroken[name], other) {
					t.Errorf("%q failed as well: %s", other, failed[other])
				}
			}
		})
	}
}

// alsoBroken are the checks that cannot but fail too.
var alsoBroken = map[string][]string{
	"a token is issued for the page":     {"the token is refreshed", "a visitor comes back as the same user", "a forged visitor is ignored", "a changed visitor token is ignored"},
	"a forged visitor is ignored":        {"a changed visitor token is ignored"},
	"a changed visitor token is ignored": {"a forged visitor is ignored"},
}

const foreign = "https://chatgate-probe.invalid"

func isPreflight(r *http.Request) bool { return r.Method == http.MethodOptions }
func isIssue(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/GetNewToken")
}
func isRefresh(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/RefreshToken")
}

func isDesk(token func(string) bool) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.URL.Path == "/api/desk/assistants" && token(r.Header.Get("Authorization"))
	}
}

// hasVisitor looks into the body and puts it back.
func hasVisitor(r *http.Request) bool {
	text, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(text))
	return bytes.Contains(text, []byte("visitor"))
}

// onRequest changes the answers to some requests.
func onRequest(matches func(*http.Request) bool, change func(*http.Request, *httptest.ResponseRecorder) *httptest.ResponseRecorder) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !matches(r) {
				next.ServeHTTP(w, r)
				return
			}
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(text))
			answer := record(next, r)
			r.Body = io.NopCloser(bytes.NewReader(text))
			replay(w, change(r, answer))
		})
	}
}

func onPath(path string, change func(*http.Request, *httptest.ResponseRecorder) *httptest.ResponseRecorder) func(http.Handler) http.Handler {
	return onRequest(func(r *http.Request) bool { return r.URL.Path == path }, change)
}

func status(code int) func(*http.Request, *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	return func(_ *http.Request, answer *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		answer.Code = code
		return answer
	}
}

func header(name, value string) func(*http.Request, *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	return func(_ *http.Request, answer *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		answer.Header().Set(name, value)
		return answer
	}
}

func body(pattern, replacement string) func(*http.Request, *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	return func(_ *http.Request, answer *httptest.ResponseRecorder) *httptest.ResponseRecorder {
		text := regexp.MustCompile(pattern).ReplaceAllString(answer.Body.String(), replacement)
		answer.Body = bytes.NewBufferString(text)
		return answer
	}
}

// echoSubject believes the visitor token without looking at its signature.
func echoSubject(r *http.Request, answer *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	var asked struct{ Visitor string }
	if json.NewDecoder(r.Body).Decode(&asked) != nil {
		return answer
	}
	parts := strings.Split(asked.Visitor, ".")
	if len(parts) != 3 {
		return answer
	}
	text, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Sub string }
	if json.Unmarshal(text, &claims) != nil {
		return answer
	}
	return body(`"userId":"[^"]*"`, `"userId":"`+claims.Sub+`"`)(r, answer)
}

// asIf lets requests in as if they came from an origin.
func asIf(matches func(*http.Request) bool, origin string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if matches(r) {
				r.Header.Set("Origin", origin)
			}
			next.ServeHTTP(w, r)
		})
	}
}

func withPath(from, to string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == from {
				r.URL.Path = to
			}
			next.ServeHTTP(w, r)
		})
	}
}

// reachable answers a path as a function does.
func reachable(path string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == path {
				_, _ = io.WriteString(w, "{}")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// What stands before an app has its own ways of refusing a path; only the app at
// work is worth a word.
func TestARefusalOfAPathMayHaveManyForms(t *testing.T) {
	for code, isRefusal := range map[int]bool{200: false, 202: false, 204: false, 307: true, 400: true, 401: true, 404: true, 405: true, 500: false, 502: false} {
		front := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/PersistConversation" {
					w.WriteHeader(code)
					return
				}
				next.ServeHTTP(w, r)
			})
		}
		failed, _, _ := startApp(t, true, front).run(t, probe.Target{Origin: page})
		if (failed["POST /PersistConversation is denied"] == "") != isRefusal {
			t.Errorf("%d: failed %v", code, failed)
		}
	}
}

func TestATargetThatCannotBeAskedIsAnError(t *testing.T) {
	for name, target := range map[string]probe.Target{
		"no URL":      {Origin: page},
		"a path":      {URL: "https://app.example/api", Origin: page},
		"no scheme":   {URL: "app.example", Origin: page},
		"credentials": {URL: "https://u:p@app.example", Origin: page},
		"a query":     {URL: "https://app.example/?a=b", Origin: page},
		"a fragment":  {URL: "https://app.example/#a", Origin: page},
		"no origin":   {URL: "https://app.example"},
	} {
		if _, err := probe.Run(t.Context(), target, func(probe.Outcome) { t.Errorf("%s: it was asked", name) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAnAddressWithoutASchemeIsToldWhatItLacks(t *testing.T) {
	for _, url := range []string{"localhost:7191", "app.example"} {
		_, err := probe.Run(t.Context(), probe.Target{URL: url, Origin: page}, func(probe.Outcome) {})
		if err == nil || !strings.Contains(err.Error(), "begin with http:// or https://") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestNobodyAnswering(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	var told []string
	failed, err := probe.Run(t.Context(), probe.Target{URL: server.URL, Origin: page}, func(o probe.Outcome) {
		if o.Err != nil {
			told = append(told, o.Err.Error())
		}
	})
	if err != nil || failed != 1 || len(told) != 1 || !strings.Contains(told[0], server.URL+" cannot be reached (") || !strings.Contains(told[0], "check URL") {
		t.Errorf("%d failed, %v: %v", failed, err, told)
	}
}
