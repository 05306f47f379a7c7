package loginapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/loginapi"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
)

// api answers every call with one status and body, and remembers what came.
type api struct {
	mu     sync.Mutex
	status int
	body   string
	key    string // refused unless it is sent
	calls  []call
}

type call struct {
	path, key, contentType string
	body                   map[string]string
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	text, _ := io.ReadAll(r.Body)
	seen := call{path: r.Method + " " + r.URL.Path, key: r.Header.Get("X-Api-Key"), contentType: r.Header.Get("Content-Type")}
	_ = json.Unmarshal(text, &seen.body)
	a.calls = append(a.calls, seen)
	if a.key != "" && seen.key != a.key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// keys is a vault whose key was rotated to another.
type keys struct {
	cached, newest string
	renewals       int
	err            error
}

func (k *keys) Get(_ context.Context, name string) (secrets.Secret, error) {
	return secrets.Secret{Name: name, Version: k.cached, Value: redacted.New(k.cached)}, k.err
}

func (k *keys) Renew(_ context.Context, name, refused string) (secrets.Secret, error) {
	k.renewals++
	if refused == k.cached {
		k.cached = k.newest
	}
	return secrets.Secret{Name: name, Version: k.cached, Value: redacted.New(k.cached)}, nil
}

func start(t *testing.T, status int, body string) (*api, *loginapi.Client) {
	t.Helper()
	a := &api{status: status, body: body}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return a, open(t, server.URL+"/login/", nil, "")
}

func open(tb testing.TB, base string, keys loginapi.Keys, keyName string) *loginapi.Client {
	tb.Helper()
	client, err := loginapi.New(base, keys, keyName)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

func TestOnlyAddressesThatKeepTokensSecretAreTaken(t *testing.T) {
	for _, address := range []string{"", "login", "http://api.bank.example/login", "https://u:p@api.bank.example", "https://api.bank.example?x=1"} {
		if client, err := loginapi.New(address, nil, ""); err == nil || client != nil || !strings.HasPrefix(err.Error(), "the Login API's address ") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func rita() login.Binding {
	return login.Binding{Assistant: "bankx", ConversationID: "c", UserID: "dl_rita"}
}

func TestStart(t *testing.T) {
	a, client := start(t, http.StatusCreated, `{"pollingToken":"p-1","expiresIn":300,"interval":2.5,"more":true}`)
	begun, err := client.Start(t.Context(), login.StartRequest{Binding: rita(), Hint: "rita", BindingCode: "KX7-4PQ"})
	if err != nil || string(begun.Polling) != "p-1" || begun.ExpiresIn != 5*time.Minute || begun.Interval != 2500*time.Millisecond {
		t.Errorf("%+v, %v", begun, err)
	}
	got := a.calls[0]
	if got.path != "POST /login/startLogin" || got.key != "" || got.contentType != "application/json" || len(got.body) != 2 ||
		got.body["hint"] != "rita" || got.body["bindingCode"] != "KX7-4PQ" {
		t.Errorf("the API was sent %+v", got)
	}
}

func TestPoll(t *testing.T) {
	for body, want := range map[string]login.Decision{
		`{"status":"pending"}`: login.DecisionPending,
		`{"status":"denied"}`:  login.DecisionDenied,
		`{"status":"expired"}`: login.DecisionExpired,
		`{"status":"approved","token":"t-1","expiresIn":60,"refreshToken":"r-1"}`: login.DecisionApproved,
		`{"status":"approved","token":"t-1"}`:                                     login.DecisionApproved,
	} {
		a, client := start(t, http.StatusOK, body)
		outcome, err := client.Poll(t.Context(), login.PollRequest{Binding: rita(), Polling: secretly.Bytes("p-1")})
		if err != nil || outcome.Decision != want {
			t.Errorf("%s: %+v, %v", body, outcome, err)
		}
		if got := a.calls[0]; got.path != "POST /login/pollLogin" || got.body["pollingToken"] != "p-1" {
			t.Errorf("the API was sent %+v", got)
		}
		if want == login.DecisionApproved && string(outcome.Token) != "t-1" {
			t.Errorf("token = %q", []byte(outcome.Token))
		}
		if strings.Contains(body, "r-1") && (string(outcome.Refresh) != "r-1" || outcome.ExpiresIn != time.Minute) {
			t.Errorf("%q, %s", []byte(outcome.Refresh), outcome.ExpiresIn)
		}
	}
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		_, client := start(t, status, "")
		if outcome, err := client.Poll(t.Context(), login.PollRequest{}); err != nil || outcome.Decision != login.DecisionExpired {
			t.Errorf("%d: %+v, %v", status, outcome, err)
		}
	}
}

func TestRefresh(t *testing.T) {
	a, client := start(t, http.StatusOK, `{"status":"approved","token":"t-2","expiresIn":60,"refreshToken":"r-2"}`)
	request := login.RefreshRequest{Binding: rita(), Refresh: secretly.Bytes("r-1")}
	outcome, err := client.Refresh(t.Context(), request)
	if err != nil || string(outcome.Token) != "t-2" || string(outcome.Refresh) != "r-2" {
		t.Errorf("%+v, %v", outcome, err)
	}
	if got := a.calls[0]; got.path != "POST /login/refreshToken" || got.body["refreshToken"] != "r-1" {
		t.Errorf("the API was sent %+v", got)
	}
	for _, status := range []int{400, 401, 403, 404, 405, 410, 501} {
		a.status = status
		if _, err := client.Refresh(t.Context(), request); !errors.Is(err, login.ErrLoginAgain) {
			t.Errorf("%d: %v", status, err)
		}
	}
	a.calls = nil
	if _, err := client.Refresh(t.Context(), login.RefreshRequest{}); !errors.Is(err, login.ErrLoginAgain) || len(a.calls) != 0 {
		t.Errorf("without a refresh token: %v", err)
	}
}

// What will not be otherwise the next time is refused; everything else may pass.
// No error quotes an answer.
func TestAnswersThatCannotBeUsed(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		body    string
		refused bool
	}{
		"500":                    {500, "canary", false},
		"503":                    {503, "canary", false},
		"429":                    {429, "canary", false},
		"408":                    {408, "canary", false},
		"400":                    {400, "canary", true},
		"401":                    {401, "canary", true},
		"501":                    {501, "canary", true},
		"a redirect":             {302, "canary", true},
		"204":                    {204, "", true},
		"no JSON":                {200, "canary", true},
		"a list":                 {200, `["canary"]`, true},
		"no status":              {200, `{"token":"canary"}`, true},
		"a status of its own":    {200, `{"status":"canary"}`, true},
		"approved without token": {200, `{"status":"approved","refreshToken":"canary"}`, true},
		"a number for a token":   {200, `{"status":"approved","token":1}`, true},
		"too long":               {200, `{"status":"pending","x":"` + strings.Repeat("c", 64<<10) + `"}`, false},
	} {
		_, client := start(t, test.status, test.body)
		_, pollErr := client.Poll(t.Context(), login.PollRequest{})
		_, startErr := client.Start(t.Context(), login.StartRequest{})
		for _, err := range []error{pollErr, startErr} {
			if err == nil || errors.Is(err, login.ErrRefused) != test.refused {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: the error quotes the answer: %v", name, err)
			}
		}
	}
}

func TestLengthsOfTimeAreWithinReason(t *testing.T) {
	for given, want := range map[string]time.Duration{"-5": 0, "0": 0, "1e300": 365 * 24 * time.Hour, "0.5": 500 * time.Millisecond} {
		_, client := start(t, http.StatusOK, `{"pollingToken":"p","expiresIn":`+given+`}`)
		if begun, err := client.Start(t.Context(), login.StartRequest{}); err != nil || begun.ExpiresIn != want {
			t.Errorf("%s: %s, %v", given, begun.ExpiresIn, err)
		}
	}
}

func TestTheKeyIsSentAndReadAgainWhenItIsRefused(t *testing.T) {
	a := &api{status: http.StatusOK, body: `{"status":"pending"}`, key: "second"}
	server := httptest.NewServer(a)
	defer server.Close()
	rotated := &keys{cached: "first", newest: "second"}
	client := open(t, server.URL, rotated, "bankx-login-key")
	for range 2 {
		if _, err := client.Poll(t.Context(), login.PollRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if rotated.renewals != 1 || len(a.calls) != 3 || a.calls[0].key != "first" || a.calls[1].key != "second" {
		t.Errorf("%d renewals, calls %+v", rotated.renewals, a.calls)
	}
	wrong := &keys{cached: "wrong", newest: "wrong"}
	if _, err := open(t, server.URL, wrong, "k").Poll(t.Context(), login.PollRequest{}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("with a wrong key: %v", err)
	}
	away := &keys{err: problem.New(problem.SecretUnavailable, "away")}
	if _, err := open(t, server.URL, away, "k").Poll(t.Context(), login.PollRequest{}); problem.From(err).Code != problem.SecretUnavailable {
		t.Errorf("with the vault away: %v", err)
	}
}

func TestAnAPIThatIsAwayMayComeBack(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := open(t, server.URL, nil, "").Start(t.Context(), login.StartRequest{})
	if err == nil || errors.Is(err, login.ErrRefused) {
		t.Errorf("err = %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{`{"status":"approved","token":"t","expiresIn":1}`, `{"pollingToken":"p"}`, `{`, `null`, `{"status":null}`} {
		f.Add(body)
	}
	a := &api{status: http.StatusOK}
	server := httptest.NewServer(a)
	f.Cleanup(server.Close)
	client := open(f, server.URL, nil, "")
	f.Fuzz(func(t *testing.T, body string) {
		a.body = body
		outcome, err := client.Poll(t.Context(), login.PollRequest{})
		if err == nil && (outcome.Decision == login.DecisionNone || outcome.Decision == login.DecisionApproved && len(outcome.Token) == 0) {
			t.Errorf("%q gives %+v", body, outcome)
		}
		begun, err := client.Start(t.Context(), login.StartRequest{})
		if err == nil && (len(begun.Polling) == 0 || begun.ExpiresIn < 0 || begun.Interval < 0) {
			t.Errorf("%q gives %+v", body, begun)
		}
	})
}
