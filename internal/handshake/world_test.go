package handshake_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/directline"
	"chatgate/internal/handshake"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	"chatgate/internal/visitor"
)

const (
	secretName = "bankx-direct-line"
	keyName    = "visitor-key"
	domain     = "https://europe.directline.botframework.com/v3/directline"
	origin     = "https://bank.example"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is everything around an issuer: a vault, a Direct Line and a log.
type world struct {
	vault  *vault
	direct *directLine
	cache  *secrets.Cache
	signer *visitor.Signer
	issuer *handshake.Issuer
	// assistant is the only one that issuer knows.
	assistant handshake.Assistant
	log       *bytes.Buffer
}

// newWorld returns an issuer for assistant bankx. Direct Line is reached through
// pipes in memory, so that it works inside a synctest bubble too.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{
		vault:  newVault(),
		direct: &directLine{keys: map[string]bool{"key1.0": true, "key2.0": true}},
		log:    &bytes.Buffer{},
	}
	w.vault.put(secretName, "key1.0")
	w.vault.put(keyName, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)))
	w.cache = secrets.NewCache(w.vault, nil)
	tb.Cleanup(w.cache.Close)
	w.signer = visitor.NewSigner(w.cache, keyName, nil)
	w.assistant = handshake.Assistant{
		ID: "bankx", SecretName: secretName, TrustedOrigins: []string{origin},
		Client: connect(tb, w.direct), Domain: domain,
	}
	w.issuer = handshake.NewIssuer([]handshake.Assistant{w.assistant}, w.cache,
		&handshake.IssuerOptions{Visitors: w.signer, Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	return w
}

// connect serves handler over pipes and returns a client of it.
func connect(tb testing.TB, handler http.Handler) *directline.Client {
	tb.Helper()
	listener := &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial, MaxIdleConnsPerHost: 100}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
	})
	options := &directline.ClientOptions{}
	options.Transport = &http.Client{Transport: transport}
	client, err := directline.NewClient("http://127.0.0.1/v3/directline", options)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// pipes is a network of one host in memory.
type pipes struct {
	dialled chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.dialled <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialled:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// vault is Key Vault in memory.
type vault struct {
	mu     sync.Mutex
	values map[string][]string // name → values, one a version
	errs   map[string]error
	delays map[string]time.Duration
	reads  map[string]int
}

func newVault() *vault {
	return &vault{values: map[string][]string{}, errs: map[string]error{}, delays: map[string]time.Duration{}, reads: map[string]int{}}
}

func (v *vault) put(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.values[name] = append(v.values[name], value)
}

func (v *vault) count(name string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads[name]
}

func (v *vault) Read(ctx context.Context, name, version string) (secrets.Secret, error) {
	v.mu.Lock()
	v.reads[name]++
	values, err, delay := slices.Clone(v.values[name]), v.errs[name], v.delays[name]
	v.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return secrets.Secret{}, ctx.Err()
	}
	if err != nil {
		return secrets.Secret{}, err
	}
	for i, value := range slices.Backward(values) {
		if id := fmt.Sprintf("%032x", i); version == "" || version == id {
			return secrets.Secret{Name: name, Version: id, Value: redacted.New(value)}, nil
		}
	}
	return secrets.Secret{}, secrets.ErrNotFound
}

// directLine is a Direct Line channel with two keys.
type directLine struct {
	mu        sync.Mutex
	keys      map[string]bool
	script    []http.HandlerFunc // answers the first calls instead
	latency   time.Duration
	issued    int
	calls     int
	paths     map[string]int
	bearers   map[string]int
	generated []map[string]any // the bodies of generate
}

// regenerate makes one key invalid and another valid.
func (d *directLine) regenerate(old, key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.keys, old)
	d.keys[key] = true
}

// next makes the coming calls be answered by the handlers, in their order.
func (d *directLine) next(script ...http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.script = script
}

// seen returns how many calls there were.
func (d *directLine) seen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

func (d *directLine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	time.Sleep(d.latency)
	d.handler(r, body)(w, r)
}

// handler notes the call and decides how it is answered.
func (d *directLine) handler(r *http.Request, body []byte) http.HandlerFunc {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.paths == nil {
		d.paths, d.bearers = map[string]int{}, map[string]int{}
	}
	d.paths[r.URL.Path]++
	d.bearers[bearer]++
	if len(d.script) > 0 {
		answer := d.script[0]
		d.script = d.script[1:]
		return answer
	}
	if strings.HasSuffix(r.URL.Path, "/generate") {
		return d.generate(bearer, body)
	}
	d.issued++
	claims, _ := directline.Hints(redacted.New(bearer))
	return granted(token(claims.UserID, claims.ConversationID, time.Now().Add(time.Hour)), cmp.Or(claims.ConversationID, "refreshed"))
}

func (d *directLine) generate(bearer string, body []byte) http.HandlerFunc {
	var parameters map[string]any
	_ = json.Unmarshal(body, &parameters)
	d.generated = append(d.generated, parameters)
	if !d.keys[bearer] {
		return refusal(http.StatusForbidden, "BadArgument")
	}
	d.issued++
	conversation := fmt.Sprintf("conversation-%d", d.issued)
	user, _ := parameters["user"].(map[string]any)["id"].(string)
	return granted(token(user, conversation, time.Now().Add(time.Hour)), conversation)
}

func granted(token, conversation string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"conversationId":%q,"token":%q,"expires_in":3600}`, conversation, token)
	}
}

func refusal(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"code":%q,"message":"private text"}}`, code)
	}
}

// repeated answers n calls alike.
func repeated(n int, answer http.HandlerFunc) []http.HandlerFunc {
	return slices.Repeat([]http.HandlerFunc{answer}, n)
}

// token returns a token in the form of Direct Line's.
func token(user, conversation string, expires time.Time) string {
	claims, _ := json.Marshal(map[string]any{"exp": expires.Unix(), "nbf": 1, "user": user, "conv": conversation})
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","kid":"k","typ":"JWT"}`)) + "." + encode(claims) + ".c2lnbmF0dXJl"
}

// issue asks for a token without a visitor token.
func (w *world) issue(tb testing.TB) (handshake.Grant, error) {
	tb.Helper()
	return w.issuer.Issue(tb.Context(), "bankx", redacted.Text{})
}

// mustIssue fails the test unless there is a token.
func (w *world) mustIssue(tb testing.TB, visitorToken redacted.Text) handshake.Grant {
	tb.Helper()
	grant, err := w.issuer.Issue(tb.Context(), "bankx", visitorToken)
	if err != nil {
		tb.Error(err)
	}
	return grant
}

// wantProblem fails the test unless err is a *problem.Error of the code that
// repeats nothing private.
func wantProblem(tb testing.TB, err error, code problem.Code) *problem.Error {
	tb.Helper()
	var failure *problem.Error
	if !errors.As(err, &failure) || failure.Code != code {
		tb.Fatalf("err = %v, want %s", err, code)
	}
	for _, private := range []string{"private text", "key1", "key2", "Bearer"} {
		if printed := fmt.Sprintf("%v %+v", err, failure); strings.Contains(printed, private) && code != problem.TokenMissing {
			tb.Fatalf("the error shows %q: %s", private, printed)
		}
	}
	if failure.Message == "" || strings.Contains(failure.Message, "http") {
		tb.Fatalf("the message for people is %q", failure.Message)
	}
	return failure
}

// took runs f and returns how long it took on the bubble's clock.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
