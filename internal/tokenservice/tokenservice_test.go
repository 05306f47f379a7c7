package tokenservice_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/login"
	"chatgate/internal/problem"
	"chatgate/internal/secretly"
	"chatgate/internal/tokenservice"
)

// service answers every call with one status and body, and remembers what came.
type service struct {
	mu     sync.Mutex
	status int
	body   string
	calls  []call
}

type call struct {
	path, authorization string
	query               url.Values
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call{r.Method + " " + r.URL.Path, r.Header.Get("Authorization"), r.URL.Query()})
	w.Header().Set("Location", "/elsewhere") // for the statuses that look at it
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// identity is the bot's.
type identity struct {
	err    error
	scopes []string
}

func (i *identity) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.scopes = options.Scopes
	return azcore.AccessToken{Token: "bot-token"}, i.err
}

func now() time.Time {
	return time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
}

func start(t *testing.T, status int, body string, connections ...string) (*service, *tokenservice.Client) {
	t.Helper()
	s := &service{status: status, body: body}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	if connections == nil {
		connections = []string{"bank"}
	}
	return s, open(t, tokenservice.Options{
		URL: server.URL + "/", BotID: "a-bot", Connections: connections, Credential: &identity{}, Now: now,
	})
}

func open(tb testing.TB, options tokenservice.Options) *tokenservice.Client {
	tb.Helper()
	client, err := tokenservice.New(options)
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

func TestOnlyAddressesThatKeepTokensSecretAreTaken(t *testing.T) {
	if _, err := tokenservice.New(tokenservice.Options{}); err != nil {
		t.Errorf("the global service: %v", err)
	}
	for _, address := range []string{"service", "http://token.example", "https://u:p@token.example", "https://token.example?x=1"} {
		client, err := tokenservice.New(tokenservice.Options{URL: address})
		if err == nil || client != nil || !strings.HasPrefix(err.Error(), "the token service's address ") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func ada() login.Binding {
	return login.Binding{Assistant: "bankx", ConversationID: "c-1", UserID: "dl_ada"}
}

func poll() login.PollRequest {
	return login.PollRequest{Binding: ada(), Connection: "bank", Polling: secretly.Bytes("directline")}
}

func refresh() login.RefreshRequest {
	return login.RefreshRequest{Binding: ada(), Connection: "bank", Refresh: secretly.Bytes("directline")}
}

func signOut() login.SignOutRequest {
	return login.SignOutRequest{Binding: ada(), Connection: "bank", Refresh: secretly.Bytes("directline")}
}

const link = "https://token.botframework.com/api/oauth/signin?signin=1"

func TestStart(t *testing.T) {
	s, client := start(t, http.StatusOK, `{"signInLink":"`+link+`","tokenExchangeResource":{"id":"x"}}`)
	begun, err := client.Start(t.Context(), login.StartRequest{
		Binding: ada(), Connection: "bank", ServiceURL: "https://directline.botframework.com/", Hint: "not for it", BindingCode: "KX7-4PQ"})
	if err != nil {
		t.Fatal(err)
	}
	if begun.SignInLink != link || !begun.HidesCode || begun.ExpiresIn != 10*time.Minute || begun.Interval != 5*time.Second || len(begun.Polling) == 0 {
		t.Errorf("%+v", begun)
	}
	got := s.calls[0]
	if got.path != "GET /api/botsignin/GetSignInResource" || got.authorization != "Bearer bot-token" || len(got.query) != 1 {
		t.Errorf("the service was sent %+v", got)
	}
	text, err := base64.StdEncoding.DecodeString(got.query.Get("state"))
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"connectionName": "bank", "msAppId": "a-bot", "conversation": map[string]any{
		"user": map[string]any{"id": "dl_ada"}, "bot": map[string]any{"id": "a-bot"}, "conversation": map[string]any{"id": "c-1"},
		"channelId": "directline", "serviceUrl": "https://directline.botframework.com/",
	}}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// The service keeps tokens for a user, in whatever conversation and at whatever
// browser: an approval must be a sign-in that came after the start.
func TestAStartEndsWhatTheUserWasSignedInToBefore(t *testing.T) {
	for status, good := range map[int]bool{200: true, 204: true, 404: true, 403: false, 500: false} {
		var calls []call
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls = append(calls, call{r.Method + " " + r.URL.Path, "", r.URL.Query()})
			if r.Method == http.MethodDelete {
				w.WriteHeader(status)
				return
			}
			_, _ = io.WriteString(w, `{"signInLink":"`+link+`"}`)
		}))
		client, err := tokenservice.New(tokenservice.Options{URL: server.URL, Connections: []string{"bank"}, Credential: &identity{}})
		if err != nil {
			t.Fatal(err)
		}
		if begun, err := client.Start(t.Context(), login.StartRequest{Binding: ada()}); (err == nil) != good || good != (begun.SignInLink != "") {
			t.Errorf("%d: %+v, %v", status, begun, err)
		}
		server.Close()
		want := call{"DELETE /api/usertoken/SignOut", "", url.Values{"userId": {"dl_ada"}, "connectionName": {"bank"}, "channelId": {"directline"}}}
		if len(calls) != 2 || !cmp.Equal(calls[1], want, cmp.AllowUnexported(call{})) {
			t.Errorf("the service was sent %+v", calls)
		}
	}
}

// What a start says of the channel comes back with every later call.
func TestTheChannelIsRemembered(t *testing.T) {
	for given, want := range map[string]string{"": "directline", "webchat": "webchat"} {
		s, client := start(t, http.StatusOK, `{"signInLink":"`+link+`","token":"t-1"}`)
		begun, err := client.Start(t.Context(), login.StartRequest{Binding: ada(), ChannelID: given})
		if err != nil {
			t.Fatal(err)
		}
		outcome, err := client.Poll(t.Context(), login.PollRequest{Binding: ada(), Polling: begun.Polling})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Refresh(t.Context(), login.RefreshRequest{Binding: ada(), Refresh: outcome.Refresh}); err != nil {
			t.Fatal(err)
		}
		if err := client.SignOut(t.Context(), login.SignOutRequest{Binding: ada(), Refresh: outcome.Refresh}); err != nil {
			t.Fatal(err)
		}
		for _, later := range s.calls[1:] {
			if later.query.Get("channelId") != want {
				t.Errorf("channel %q: %s is sent %q", given, later.path, later.query.Get("channelId"))
			}
		}
	}
}

func TestPoll(t *testing.T) {
	for name, test := range map[string]struct {
		status    int
		body      string
		want      login.Decision
		expiresIn time.Duration
	}{
		"no token yet":              {404, ``, login.DecisionPending, 0},
		"an error that says so":     {404, `{"error":{"code":"NotFound"}}`, login.DecisionPending, 0},
		"an empty one":              {200, `{"connectionName":"bank"}`, login.DecisionPending, 0},
		"nothing":                   {204, ``, login.DecisionPending, 0},
		"a token":                   {200, `{"token":"t-1","expiration":"2026-03-01T11:00:00.0000000Z"}`, login.DecisionApproved, time.Hour},
		"one that tells no seconds": {200, `{"token":"t-1","expiration":"2026-03-01T10:30Z"}`, login.DecisionApproved, 30 * time.Minute},
		"one of another time zone":  {200, `{"token":"t-1","expiration":"2026-03-01T12:00:00+01:00"}`, login.DecisionApproved, time.Hour},
		"one that has expired":      {200, `{"token":"t-1","expiration":"2026-03-01T09:00:00Z"}`, login.DecisionApproved, time.Second},
		"one that tells no expiry":  {200, `{"token":"t-1"}`, login.DecisionApproved, 0},
		"one whose expiry is null":  {200, `{"token":"t-1","expiration":null}`, login.DecisionApproved, 0},
		"one whose expiry is odd":   {200, `{"token":"t-1","expiration":"soon"}`, login.DecisionApproved, 0},
		"one whose expiry is .NET's": {200, `{"token":"t-1","expiration":"0001-01-01T00:00:00Z"}`,
			login.DecisionApproved, 0},
	} {
		s, client := start(t, test.status, test.body)
		outcome, err := client.Poll(t.Context(), poll())
		if err != nil || outcome.Decision != test.want || outcome.ExpiresIn != test.expiresIn {
			t.Errorf("%s: %+v, %v", name, outcome, err)
		}
		if test.want == login.DecisionApproved && string(outcome.Token) != "t-1" {
			t.Errorf("%s: token %q", name, []byte(outcome.Token))
		}
		want := url.Values{"userId": {"dl_ada"}, "connectionName": {"bank"}, "channelId": {"directline"}}
		if diff := cmp.Diff(want, s.calls[0].query); diff != "" || s.calls[0].path != "GET /api/usertoken/GetToken" {
			t.Errorf("%s: the service was sent %+v", name, s.calls[0])
		}
	}
}

func TestTheCodeIsSent(t *testing.T) {
	s, client := start(t, http.StatusOK, `{"token":"t-1"}`)
	request := poll()
	request.Code = "12 34&x=1"
	if _, err := client.Poll(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if got := s.calls[0].query; got.Get("code") != "12 34&x=1" || got.Get("x") != "" {
		t.Errorf("the service was sent %v", got)
	}
}

func TestRefreshAsksAgain(t *testing.T) {
	s, client := start(t, http.StatusOK, `{"token":"t-2","expiration":"2026-03-01T11:00:00Z"}`)
	outcome, err := client.Refresh(t.Context(), refresh())
	if err != nil || string(outcome.Token) != "t-2" || s.calls[0].path != "GET /api/usertoken/GetToken" {
		t.Errorf("%+v, %v", outcome, err)
	}
	s.status = http.StatusNotFound
	if _, err := client.Refresh(t.Context(), refresh()); !errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("without a token: %v", err)
	}
}

func TestSignOut(t *testing.T) {
	for status, good := range map[int]bool{200: true, 204: true, 404: true, 403: false, 500: false} {
		s, client := start(t, status, ``)
		if err := client.SignOut(t.Context(), signOut()); (err == nil) != good {
			t.Errorf("%d: %v", status, err)
		}
		want := url.Values{"userId": {"dl_ada"}, "connectionName": {"bank"}, "channelId": {"directline"}}
		if diff := cmp.Diff(want, s.calls[0].query); diff != "" || s.calls[0].path != "DELETE /api/usertoken/SignOut" {
			t.Errorf("the service was sent %+v", s.calls[0])
		}
	}
}

func TestOnlyConnectionsOfTheSettingsAreUsed(t *testing.T) {
	s, client := start(t, http.StatusOK, `{"signInLink":"`+link+`","token":"t-1"}`, "bank", "crm")
	for _, name := range []string{"", "none", "Bank", "bank,crm"} {
		_, err := client.Start(t.Context(), login.StartRequest{Binding: ada(), Connection: name})
		if problem.From(err).Code != problem.BadRequest {
			t.Errorf("start at %q: %v", name, err)
		}
		// A handle or token of a connection that was taken out of the settings.
		request, refreshed, signedOut := poll(), refresh(), signOut()
		request.Connection, refreshed.Connection, signedOut.Connection = name, name, name
		_, pollErr := client.Poll(t.Context(), request)
		_, refreshErr := client.Refresh(t.Context(), refreshed)
		for _, err := range []error{pollErr, refreshErr, client.SignOut(t.Context(), signedOut)} {
			if !errors.Is(err, login.ErrLoginAgain) {
				t.Errorf("later, at %q: %v", name, err)
			}
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("the service was called: %+v", s.calls)
	}
	if _, err := client.Start(t.Context(), login.StartRequest{Binding: ada(), Connection: "crm"}); err != nil {
		t.Errorf("at one of them: %v", err)
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
		"500":                  {500, "canary", false},
		"503":                  {503, "canary", false},
		"429":                  {429, "canary", false},
		"408":                  {408, "canary", false},
		"400":                  {400, "canary", true},
		"401":                  {401, "canary", true},
		"403":                  {403, "canary", true},
		"501":                  {501, "canary", true},
		"202":                  {202, `{"token":"canary"}`, true},
		"a redirect":           {302, "canary", true},
		"no JSON":              {200, "canary", true},
		"a list":               {200, `["canary"]`, true},
		"a text":               {200, `"canary"`, true},
		"a number for a token": {200, `{"token":1,"signInLink":1,"canary":1}`, true},
		"too long":             {200, `{"token":"t","signInLink":"` + link + strings.Repeat("c", 64<<10) + `"}`, false},
	} {
		s, client := start(t, test.status, test.body)
		_, startErr := client.Start(t.Context(), login.StartRequest{Binding: ada()})
		_, pollErr := client.Poll(t.Context(), poll())
		_, refreshErr := client.Refresh(t.Context(), refresh())
		for _, err := range []error{startErr, pollErr, refreshErr} {
			if err == nil || errors.Is(err, login.ErrRefused) != test.refused {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: the error quotes the answer: %v", name, err)
			}
		}
		if len(s.calls) != 3 {
			t.Errorf("%s: %d calls, want 3: a redirect is not followed and nothing is repeated", name, len(s.calls))
		}
	}
}

// The link is opened by the visitor's browser.
func TestLinksThatAreNone(t *testing.T) {
	for _, given := range []string{``, `javascript:alert(1)`, `data:text/html,x`, `/api/oauth/signin`, `https://`, `https:x`, `file:///x`, `ftp://x/`, `https://a b/`, "https://x/\\u0001"} {
		_, client := start(t, http.StatusOK, `{"signInLink":"`+given+`"}`)
		if begun, err := client.Start(t.Context(), login.StartRequest{Binding: ada()}); !errors.Is(err, login.ErrRefused) {
			t.Errorf("%s: %+v, %v", given, begun, err)
		}
	}
	_, client := start(t, http.StatusNotFound, ``)
	if _, err := client.Start(t.Context(), login.StartRequest{Binding: ada()}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("without a link: %v", err)
	}
}

func TestAServiceThatIsAwayMayComeBack(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := open(t, tokenservice.Options{URL: server.URL, Connections: []string{"bank"}, Credential: &identity{}})
	_, err := client.Start(t.Context(), login.StartRequest{Binding: ada()})
	if err == nil || errors.Is(err, login.ErrRefused) || errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("start: %v", err)
	}
	if _, err := client.Refresh(t.Context(), refresh()); err == nil || errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("refresh: %v: the token may still be there", err)
	}
}

func TestTheBotsIdentity(t *testing.T) {
	s := &service{status: http.StatusNotFound}
	server := httptest.NewServer(s)
	defer server.Close()
	bot := &identity{}
	client := open(t, tokenservice.Options{URL: server.URL, Connections: []string{"bank"}, Credential: bot})
	if _, err := client.Poll(t.Context(), poll()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"https://api.botframework.com/.default"}, bot.scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	for name, failure := range map[string]error{
		"refused":      &azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 400, Request: httptest.NewRequest("GET", "/canary", nil), Body: http.NoBody}},
		"of any kind":  errors.New("canary"),
		"not in time":  context.DeadlineExceeded,
		"a long story": &url.Error{Op: "Get", URL: "http://canary/", Err: io.EOF},
	} {
		bot.err = failure
		s.calls = nil
		_, err := client.Poll(t.Context(), poll())
		if err == nil || errors.Is(err, login.ErrRefused) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.calls) != 0 {
			t.Errorf("%s: the service was called without a token", name)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"token":"t","expiration":"2026-03-01T11:00:00Z"}`, `{"signInLink":"` + link + `"}`, `{"signInLink":"javascript:x"}`,
		`{`, `null`, `{"token":null}`, `{"token":"t","expiration":"9999-12-31T23:59:59.9999999Z"}`,
	} {
		f.Add(body)
	}
	s := &service{status: http.StatusOK}
	server := httptest.NewServer(s)
	f.Cleanup(server.Close)
	client := open(f, tokenservice.Options{URL: server.URL, Connections: []string{"bank"}, Credential: &identity{}, Now: now})
	f.Fuzz(func(t *testing.T, body string) {
		s.body, s.calls = body, nil
		outcome, err := client.Poll(t.Context(), poll())
		if err == nil && (outcome.Decision == login.DecisionNone || outcome.ExpiresIn < 0 || (outcome.Decision == login.DecisionApproved) != (len(outcome.Token) > 0)) {
			t.Errorf("%q gives %+v", body, outcome)
		}
		begun, err := client.Start(t.Context(), login.StartRequest{Binding: ada()})
		if err == nil && !strings.HasPrefix(strings.ToLower(begun.SignInLink), "http") {
			t.Errorf("%q gives %+v", body, begun)
		}
	})
}
