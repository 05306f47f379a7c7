package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/loginapi"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const key = "key-that-nobody-may-see"

// exchange is a call of an API and its answer, for a test to change.
type exchange struct {
	method, name, key string
	body              map[string]any // of the request
	garbage           bool           // the request had no object for a body

	status int
	answer map[string]any
	header http.Header
}

// world is an API, a checker, and somebody with the phone who does what the
// checker says.
type world struct {
	t       *testing.T
	bank    *loginapi.Bank
	checker *checker
	out     *bytes.Buffer
	// absent: nobody looks at the phone.
	absent bool

	mu    sync.Mutex
	at    time.Time
	twist func(*exchange)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

// open starts a good API, which twist (if any) makes a bad one.
func open(t *testing.T, twist func(*exchange), options *loginapi.Options) *world {
	t.Helper()
	w := &world{t: t, out: new(bytes.Buffer), at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), twist: twist}
	if options == nil {
		options = &loginapi.Options{}
	}
	options.Now, options.Keys = w.now, []redacted.Text{redacted.New(key)}
	w.bank = loginapi.New(options)
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	target, err := targetOf([]string{"URL=" + server.URL + "/login/", "API_KEY=" + key, "HINT=ada"})
	if err != nil {
		t.Fatal(err)
	}
	w.checker = newChecker(target, w.out)
	w.checker.now, w.checker.wait = w.now, w.wait
	return w
}

// ServeHTTP lets the bank answer and then the test change the answer.
func (w *world) ServeHTTP(writer http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	x := &exchange{method: r.Method, name: strings.TrimPrefix(r.URL.Path, "/login/"), key: r.Header.Get("X-Api-Key")}
	x.garbage = json.Unmarshal(text, &x.body) != nil
	r.Body = io.NopCloser(bytes.NewReader(text))
	recorder := httptest.NewRecorder()
	http.StripPrefix("/login", w.bank.LoginAPI()).ServeHTTP(recorder, r)
	x.status, x.header = recorder.Code, recorder.Header()
	_ = json.Unmarshal(recorder.Body.Bytes(), &x.answer)
	if w.twist != nil {
		w.twist(x)
	}
	for name, values := range x.header {
		writer.Header()[name] = values
	}
	writer.WriteHeader(x.status)
	_ = json.NewEncoder(writer).Encode(x.answer)
}

// wait lets time pass, in which the person with the phone acts.
func (w *world) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	w.at = w.at.Add(max(d, 0))
	w.mu.Unlock()
	if !w.absent {
		w.act()
	}
	return ctx.Err()
}

var orders = regexp.MustCompile(`>>> .* (DENY|ACCEPT) the login with the code (\S+)`)

// act does what the terminal said last.
func (w *world) act() {
	all := orders.FindAllStringSubmatch(w.out.String(), -1)
	if len(all) == 0 {
		return
	}
	order := all[len(all)-1]
	for _, prompt := range w.bank.Prompts() {
		if prompt.BindingCode == order[2] {
			if err := w.bank.Decide(prompt.ID, order[1] == "ACCEPT"); err != nil {
				w.t.Error(err)
			}
		}
	}
}

// run makes the checks, and makes sure that no secret is printed.
func (w *world) run() int {
	w.t.Helper()
	code := w.checker.run(w.t.Context())
	for _, secret := range []string{key, loginapi.TokenPrefix, loginapi.RefreshPrefix, loginapi.PollingPrefix} {
		if strings.Contains(w.out.String(), secret) {
			w.t.Errorf("%s is printed", secret)
		}
	}
	return code
}

// lines are those of one kind.
func (w *world) lines(kind string) []string {
	var found []string
	for line := range strings.Lines(w.out.String()) {
		if strings.HasPrefix(line, kind+"  ") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
