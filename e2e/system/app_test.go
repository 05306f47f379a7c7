package system_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// app is a running Chatgate as its clients see it, and what it writes.
type app struct {
	url    string
	client *http.Client
	stdout *output
	stderr *output

	system *System
	calls  *atomic.Int64
}

func newApp(t *testing.T, s *System, url string) *app {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &app{
		url:    url,
		client: &http.Client{Transport: transport, Timeout: patience},
		stdout: newOutput(),
		stderr: newOutput(),
		system: s,
		calls:  new(atomic.Int64),
	}
}

// request is a call of the app. Without anything else it is what the page sends.
type request struct {
	method string // POST
	path   string
	body   string
	// header replaces the page's headers; an empty value leaves one out.
	header map[string]string
}

type answer struct {
	status int
	header http.Header
	body   string
}

// try makes a call. Each comes from another client address, as if from another
// visitor.
func (a *app) try(ctx context.Context, r request) (answer, error) {
	if r.method == "" {
		r.method = http.MethodPost
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, a.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	visitor := a.calls.Add(1)
	sent.Header.Set("Origin", page)
	sent.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d:%d", visitor/250, visitor%250+1, 50000+visitor%1000))
	for name, value := range r.header {
		sent.Header.Set(name, value)
		if value == "" {
			sent.Header.Del(name)
		}
	}
	received, err := a.client.Do(sent)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(received.Body)
	if err = errors.Join(err, received.Body.Close()); err != nil {
		return answer{}, err
	}
	return answer{received.StatusCode, received.Header, string(body)}, nil
}

// call makes a call that must be answered, with whatever status.
func (a *app) call(t *testing.T, r request) answer {
	t.Helper()
	got, err := a.try(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return got
}

// grant is the answer of GetNewToken and RefreshToken.
type grant struct {
	Token          string    `json:"token"`
	ExpiresIn      int       `json:"expires_in"`
	ExpiresAt      time.Time `json:"expiresAt"`
	ConversationID string    `json:"conversationId"`
	UserID         string    `json:"userId"`
	Domain         string    `json:"domain"`
	Visitor        string    `json:"visitor"`
}

// granted reads an answer that must be a token's. From now on the token must be
// found nowhere else.
func (a *app) granted(got answer) (grant, error) {
	if got.status != http.StatusOK {
		return grant{}, fmt.Errorf("answered %d: %s", got.status, got.body)
	}
	var given grant
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&given); err != nil {
		return grant{}, fmt.Errorf("reading the answer: %w", err)
	}
	a.system.canaries.add("token", given.Token)
	a.system.canaries.add("visitor token", given.Visitor)
	return given, nil
}

// issue gets a token, for the visitor whom a visitor token names if there is one.
func (a *app) issue(t *testing.T, visitor string) grant {
	t.Helper()
	r := request{path: "/api/GetNewToken/" + assistant}
	if visitor != "" {
		r.body = `{"visitor":` + strconv.Quote(visitor) + `}`
	}
	given, err := a.granted(a.call(t, r))
	if err != nil {
		t.Fatalf("GetNewToken: %v", err)
	}
	return given
}

// newcomer is a token for somebody whom the app will know again. Of an instance
// that has just started, the first ones may come without a visitor token: it does
// not keep people waiting for the key.
func (a *app) newcomer(t *testing.T) (given grant) {
	t.Helper()
	poll(t, "the key of visitor tokens", func() bool {
		given = a.issue(t, "")
		return given.Visitor != ""
	})
	return given
}

// refresh exchanges a token for one that lives longer.
func (a *app) refresh(t *testing.T, token string) grant {
	t.Helper()
	given, err := a.granted(a.call(t, request{
		path:   "/api/RefreshToken/" + assistant,
		header: map[string]string{"Authorization": "Bearer " + token},
	}))
	if err != nil {
		t.Fatalf("RefreshToken: %v", err)
	}
	return given
}

// health returns the status of Health and what it says is failing.
func (a *app) health(t *testing.T) (status int, failing []string) {
	t.Helper()
	got := a.call(t, request{method: http.MethodGet, path: "/api/Health"})
	var said struct {
		Status  string   `json:"status"`
		Version string   `json:"version"`
		Failing []string `json:"failing"`
	}
	if err := json.Unmarshal([]byte(got.body), &said); err != nil || said.Version == "" {
		t.Fatalf("Health answered %d %s", got.status, got.body)
	}
	if (said.Status == "ok") != (got.status == http.StatusOK) || (got.status == http.StatusOK) != (len(said.Failing) == 0) {
		t.Errorf("Health contradicts itself: %d %s", got.status, got.body)
	}
	return got.status, said.Failing
}

// awaitHealth asks until Health is as wanted.
func (a *app) awaitHealth(t *testing.T, status int, failing ...string) {
	t.Helper()
	poll(t, fmt.Sprintf("Health to answer %d %v", status, failing), func() bool {
		got, parts := a.health(t)
		return got == status && strings.Join(parts, ",") == strings.Join(failing, ",")
	})
}

// poll asks again and again until there is a yes. It is for what announces itself
// to nobody.
func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s for %s", what, patience)
		}
	}
}

// checkOutput holds the app to what it may write: one JSON object a line, no
// errors of the process, and nothing that is secret.
func (a *app) checkOutput(t *testing.T) {
	t.Helper()
	if text := a.stderr.String(); text != "" {
		t.Errorf("on stderr, which is for what ends the process: %s", text)
	}
	for _, line := range a.stdout.lines() {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || bytes.ContainsRune([]byte(line), '\x1b') {
			t.Errorf("on stdout, not a JSON object: %s", line)
		}
	}
	if found := a.system.canaries.foundIn(a.stdout.String()); len(found) > 0 {
		t.Errorf("the log holds %s", strings.Join(found, ", "))
	}
	if text := a.stdout.String(); strings.Contains(text, "198.18.") {
		t.Error("the log holds client addresses")
	}
}
