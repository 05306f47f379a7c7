package tokenservice_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/login"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/tokenservice"
)

func stateOf(w *world) string {
	return base64.StdEncoding.EncodeToString([]byte(`{"connectionName":"bank","msAppId":"a-bot","relatesTo":null,
		"conversation":{"user":{"id":"` + user + `","name":"Ada"},"bot":{"id":"demobot"},"conversation":{"id":"` + w.conversation + `"},"channelId":"directline"}}`))
}

// signedIn is a world in which the user has a token.
func signedIn(t *testing.T, options tokenservice.Options) *world {
	t.Helper()
	w := open(t, options)
	_, page := w.browser().signIn(w.link().SignInLink, "bo")
	if got := w.poll(codeOn(page)); got.Decision != login.DecisionApproved {
		t.Fatal("the user is not signed in")
	}
	return w
}

func TestOnlyTheBotsIdentityIsLetIn(t *testing.T) {
	w := open(t, tokenservice.Options{})
	if _, err := w.clientOf("https://vault.azure.net").Start(t.Context(), login.StartRequest{Binding: w.binding(), Connection: "bank"}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("a token for another audience: %v", err)
	}
	for _, path := range []string{"/api/botsignin/GetSignInResource", "/api/usertoken/GetToken", "/api/usertoken/GetTokenStatus"} {
		for name, header := range map[string]string{"nothing": "", "another scheme": "Basic eDp5", "no JWT": "Bearer x"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
			r.Header.Set("Authorization", header)
			recorded := httptest.NewRecorder()
			w.ServeHTTP(recorded, r)
			if recorded.Code != http.StatusUnauthorized || recorded.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %s: %d", path, name, recorded.Code)
			}
		}
	}
}

func TestMalformedCalls(t *testing.T) {
	w := open(t, tokenservice.Options{})
	good := stateOf(w)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, query := range map[string]url.Values{
		"no state":             {},
		"no base64":            {"state": {"%"}},
		"no JSON":              {"state": {encode("{")}},
		"nothing in it":        {"state": {encode("{}")}},
		"too long":             {"state": {strings.Repeat("A", 17<<10)}},
		"no such connection":   {"state": {encode(strings.Replace(decode(t, good), `"bank"`, `"none"`, 1))}},
		"no user":              {"state": {encode(strings.Replace(decode(t, good), user, ``, 1))}},
		"a redirect to a file": {"state": {good}, "finalRedirect": {"file:///etc/passwd"}},
		"a script":             {"state": {good}, "finalRedirect": {"javascript:alert(1)"}},
	} {
		if status, answer := w.call("GET", "/api/botsignin/GetSignInResource", query); status != http.StatusBadRequest {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
	for path, query := range map[string]url.Values{
		"/api/usertoken/GetToken":       {"userId": {"u"}, "channelId": {"directline"}},
		"/api/usertoken/GetToken?":      {"userId": {"u"}, "channelId": {"directline"}, "connectionName": {"none"}},
		"/api/usertoken/GetTokenStatus": {"channelId": {"directline"}},
	} {
		if status, answer := w.call("GET", strings.TrimSuffix(path, "?"), query); status != http.StatusBadRequest {
			t.Errorf("%s %v: %d %v", path, query, status, answer)
		}
	}
	if status, _ := w.call("DELETE", "/api/usertoken/SignOut", url.Values{}); status != http.StatusBadRequest {
		t.Errorf("signing nobody out: %d", status)
	}
}

func decode(t *testing.T, text string) string {
	t.Helper()
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestGetTokenStatus(t *testing.T) {
	w := signedIn(t, tokenservice.Options{Connections: []string{"bank", "other"}})
	for include, want := range map[string]map[string]bool{
		"":                 {"bank": true, "other": false},
		"Bank":             {"bank": true},
		"other,bank":       {"bank": true, "other": false},
		"another,bankrupt": {},
	} {
		status, answer := w.call("GET", "/api/usertoken/GetTokenStatus", url.Values{"userId": {user}, "channelId": {"directline"}, "include": {include}})
		got := map[string]bool{}
		for _, each := range answer.([]any) {
			got[each.(map[string]any)["connectionName"].(string)] = each.(map[string]any)["hasToken"].(bool)
		}
		if diff := cmp.Diff(want, got); diff != "" || status != http.StatusOK {
			t.Errorf("include=%q: %d (-want +got):\n%s", include, status, diff)
		}
	}
}

func TestSigningOut(t *testing.T) {
	w := signedIn(t, tokenservice.Options{})
	request := login.SignOutRequest{Binding: w.binding(), Connection: "bank", Refresh: secretly.Bytes("directline")}
	for range 2 {
		if err := w.client.SignOut(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.poll(""); got.Decision != login.DecisionPending {
		t.Errorf("%v", got.Decision)
	}
	again := signedIn(t, tokenservice.Options{})
	if status, _ := again.call("DELETE", "/api/usertoken/SignOut", url.Values{"userId": {user}, "channelId": {"directline"}}); status != http.StatusOK {
		t.Errorf("signing out of all connections: %d", status)
	}
	if got := again.poll(""); got.Decision != login.DecisionPending {
		t.Errorf("out of all: %v", got.Decision)
	}
}

// The service refreshes a user's token by itself.
func TestAnExpiredTokenIsRefreshed(t *testing.T) {
	var asked []string
	var failure error
	var w *world
	issue := func(connection, account string) (redacted.Text, time.Time, error) {
		asked = append(asked, connection+" "+account)
		return redacted.New("token-" + string(rune('0'+len(asked)))), w.clock.Now().Add(time.Minute), failure
	}
	w = open(t, tokenservice.Options{Issue: issue})
	_, page := w.browser().signIn(w.link().SignInLink, "bo")
	for n, want := range []string{"token-1", "token-1", "token-2"} {
		if got := w.poll(map[int]string{0: codeOn(page)}[n]); string(got.Token) != want {
			t.Errorf("poll %d: %q, want %s", n, []byte(got.Token), want)
		}
		w.clock.Advance(30 * time.Second)
	}
	if diff := cmp.Diff([]string{"bank bo", "bank bo"}, asked); diff != "" {
		t.Errorf("issued (-want +got):\n%s", diff)
	}
	failure = errors.New("revoked")
	w.clock.Advance(time.Minute)
	request := login.RefreshRequest{Binding: w.binding(), Connection: "bank", Refresh: secretly.Bytes("directline")}
	if _, err := w.client.Refresh(t.Context(), request); !errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("what cannot be refreshed: %v", err)
	}
}

func TestCallsAreCountedAndFail(t *testing.T) {
	w := signedIn(t, tokenservice.Options{})
	w.Faults.Add(faults.Answer(http.StatusServiceUnavailable, "x").When(tokenservice.Calling(tokenservice.GetToken)).Times(1))
	if _, err := w.client.Poll(t.Context(), login.PollRequest{Binding: w.binding(), Connection: "bank", Polling: secretly.Bytes("directline")}); err == nil {
		t.Error("the fault befell nothing")
	}
	if w.Calls(tokenservice.GetSignInResource) != 1 || w.Calls(tokenservice.GetToken) != 2 {
		t.Errorf("%d links, %d tokens; want 1 and 2", w.Calls(tokenservice.GetSignInResource), w.Calls(tokenservice.GetToken))
	}
}
