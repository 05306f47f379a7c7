package bot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/bot"
)

// gate is Chatgate's public API as its contract says: it answers each call with
// what the test has written down for it, the last answer again and again.
type gate struct {
	mu      sync.Mutex
	answers map[string][]reply
	calls   []apiCall
}

// reply is an answer. A status of 0 breaks the connection.
type reply struct {
	status     int
	body       string
	retryAfter string
	// unless is a token with which the answer is another, good.
	unless string
	good   string
}

type apiCall struct {
	at     time.Duration // since the start
	what   string        // method and path
	header http.Header
	body   map[string]string
}

const start = "POST /api/login/demo/start"

const (
	pollPath    = "POST /api/login/demo/poll"
	refreshPath = "POST /api/login/demo/refresh"
	signOutPath = "POST /api/login/demo/signout"
	balancePath = "GET /api/backend/demo/balance"
)

const statement = `{"customer":"Ada Vermeer","balance":"9984.56","currency":"EUR",
	"accounts":[{"id":"NL-1001","name":"Current account","balance":"1234.56","currency":"EUR"}]}`

func ok(body string) reply { return reply{status: http.StatusOK, body: body} }

func status(name string, interval int) reply {
	return ok(fmt.Sprintf(`{"status":%q,"interval":%d}`, name, interval))
}

func approved(token string) reply {
	return ok(fmt.Sprintf(`{"status":"approved","interval":2,"token":%q,"expires_in":600}`, token))
}

func begun(more string) reply {
	return reply{status: http.StatusCreated, body: `{"login":"sealed-handle","expires_in":60,"interval":2` + more + `}`}
}

func refusal(status int, code string) reply {
	return reply{status: status, body: fmt.Sprintf(`{"status":%d,"code":%q,"detail":"canary"}`, status, code)}
}

// on writes down the answers to a call.
func (g *gate) on(what string, answers ...reply) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[what] = answers
}

func (g *gate) take(r *http.Request, began time.Time) reply {
	text, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	call := apiCall{at: time.Since(began), what: r.Method + " " + r.URL.Path, header: r.Header}
	_ = json.Unmarshal(text, &call.body)
	g.calls = append(g.calls, call)
	answers := g.answers[call.what]
	if len(answers) == 0 {
		return refusal(http.StatusNotFound, "not_found")
	}
	answer := answers[0]
	if answer.unless != "" && r.Header.Get("X-Login-Token") == answer.unless {
		return ok(answer.good)
	}
	if len(answers) > 1 {
		g.answers[call.what] = answers[1:]
	}
	return answer
}

// called are the calls of one kind.
func (g *gate) called(what string) []apiCall {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(g.calls), func(c apiCall) bool { return c.what != what })
}

// at is when the calls of one kind came.
func (g *gate) at(what string) []time.Duration {
	var times []time.Duration
	for _, call := range g.called(what) {
		times = append(times, call.at)
	}
	return times
}

// loginWorld is a bot that offers logins, with a Chatgate over HTTP, all in
// simulated time.
type loginWorld struct {
	*gate

	t   *testing.T
	bot *bot.Bot
	out *channel
	log *journal
}

// inSimulatedTime runs a test with a bot whose connection to Chatgate is a pipe:
// a real network is nothing that simulated time can wait for.
func inSimulatedTime(t *testing.T, test func(t *testing.T, w *loginWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &loginWorld{gate: &gate{answers: map[string][]reply{}}, t: t, out: &channel{}, log: &journal{}}
		listening, began := newPipes(), time.Now()
		server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			answer := w.take(r, began)
			if answer.status == 0 {
				panic(http.ErrAbortHandler)
			}
			if answer.status >= http.StatusBadRequest {
				out.Header().Set("Content-Type", "application/problem+json")
			}
			if answer.retryAfter != "" {
				out.Header().Set("Retry-After", answer.retryAfter)
			}
			out.WriteHeader(answer.status)
			_, _ = io.WriteString(out, answer.body)
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listening) }()
		w.bot = bot.New(w.out, w.log, &bot.Options{Login: &bot.LoginOptions{
			URL: "http://chatgate.example/", Connection: "bank",
			Token: func(context.Context) (redacted.Text, error) { return redacted.New("bot-token"), nil },
			Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: listening.dial},
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		}})
		test(t, w)
		w.bot.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
		w.noSecrets()
	})
}

// noSecrets checks that nothing that only the bot may know was said or logged.
func (w *loginWorld) noSecrets() {
	w.t.Helper()
	said, err := json.Marshal(map[string]any{"chat": w.out.sent, "transcript": w.log.logged})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, secret := range []string{"sealed", "bot-token", "canary"} {
		if strings.Contains(string(said), secret) {
			w.t.Errorf("the chat or the transcript holds %q: %s", secret, said)
		}
	}
}

// pipes is a listener whose connections are in memory.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
	closing     sync.Once
}

func newPipes() *pipes {
	return &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case connection := <-p.connections:
		return connection, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.closing.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.connections <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hears hands the bot an activity.
func (w *loginWorld) hears(activity json.RawMessage) {
	w.t.Helper()
	if err := w.bot.Receive(w.t.Context(), activity); err != nil {
		w.t.Fatal(err)
	}
}

// say says something to the bot and returns what it answers at once.
func (w *loginWorld) say(text string) bot.Activity {
	w.t.Helper()
	before := w.count()
	w.hears(said(text))
	if w.count() == before {
		w.t.Fatalf("no answer to %q", text)
	}
	return w.newest()
}

// later lets time pass, and returns the newest message.
func (w *loginWorld) later(pause time.Duration) bot.Activity {
	w.t.Helper()
	time.Sleep(pause) // simulated
	synctest.Wait()
	return w.newest()
}

func (w *loginWorld) count() int {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	return len(w.out.sent)
}

func (w *loginWorld) newest() bot.Activity {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	if len(w.out.sent) == 0 {
		return bot.Activity{}
	}
	return w.out.sent[len(w.out.sent)-1]
}

// loggedOf is the newest activity of a type in the transcript.
func (w *loginWorld) loggedOf(kind string) map[string]any {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	for _, logged := range slices.Backward(w.log.logged) {
		if logged["type"] == kind {
			return logged
		}
	}
	return nil
}

// loggedIn is a world whose user has the sealed token.
func (w *loginWorld) loggedIn(token string) {
	w.t.Helper()
	w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
	w.on(pollPath, approved(token))
	w.say("log in")
	if got := w.later(2 * time.Second); !strings.Contains(got.Text, "You are logged in") {
		w.t.Fatalf("the bot says %q", got.Text)
	}
}
