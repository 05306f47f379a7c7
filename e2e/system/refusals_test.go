package system_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
)

// What is wrong with a request is said before anybody is called.
func TestWhatIsWrongWithARequestIsSaidWithoutAskingAnybody(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.addAssistant("shop", cloud.DirectLineSecret, s.DirectLine)
	p := s.startHandler(t)
	const issue, refresh = "/api/GetNewToken/" + assistant, "/api/RefreshToken/" + assistant
	for name, test := range map[string]struct {
		request request
		status  int
		code    string
	}{
		"not JSON":           {request{path: issue, body: `visitor`}, 400, "bad_request"},
		"not an object":      {request{path: issue, body: `[]`}, 400, "bad_request"},
		"unknown member":     {request{path: issue, body: `{"user":"dl_me"}`}, 400, "bad_request"},
		"trailing data":      {request{path: issue, body: `{} {}`}, 400, "bad_request"},
		"wrong type":         {request{path: issue, body: `{"visitor":1}`}, 400, "bad_request"},
		"too large":          {request{path: issue, body: `{"visitor":"` + strings.Repeat("x", 8<<10) + `"}`}, 413, "too_large"},
		"no token":           {request{path: refresh}, 401, "token_missing"},
		"token in no scheme": {request{path: refresh, header: map[string]string{"Authorization": "Basic dTpw"}}, 401, "token_missing"},
		"illegal characters": {request{path: refresh, body: `{"token":"a b"}`}, 400, "token_malformed"},
		"endless token":      {request{path: refresh, header: map[string]string{"Authorization": "Bearer " + strings.Repeat("x", 9<<10)}}, 400, "token_malformed"},
		"stranger":           {request{path: issue, header: map[string]string{"Origin": "https://www.bankx.example.evil.example"}}, 403, "origin_not_allowed"},
		"plain http":         {request{path: issue, header: map[string]string{"Origin": "http://www.bankx.example"}}, 403, "origin_not_allowed"},
		"null":               {request{path: refresh, header: map[string]string{"Origin": "null"}}, 403, "origin_not_allowed"},
		"no origin":          {request{path: issue, header: map[string]string{"Origin": ""}}, 403, "origin_required"},
		"stranger's preflight": {request{method: http.MethodOptions, path: issue, header: map[string]string{
			"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}}, 403, "origin_not_allowed"},
		"unknown assistant":      {request{path: "/api/GetNewToken/other"}, 404, "unknown_assistant"},
		"no assistant of two":    {request{path: "/api/GetNewToken"}, 404, "unknown_assistant"},
		"no function":            {request{path: "/api/Nothing"}, 404, "not_found"},
		"outside the prefix":     {request{path: "/GetNewToken"}, 404, "not_found"},
		"wrong method":           {request{method: http.MethodGet, path: issue}, 405, "method_not_allowed"},
		"wrong method to Health": {request{method: http.MethodPost, path: "/api/Health"}, 405, "method_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.call(t, test.request)
			wantProblem(t, got, test.status, test.code)
			if origin := test.request.header["Origin"]; origin != "" && got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("CORS headers for %s", origin)
			}
		})
	}
	if calls := s.DirectLine.Calls(directline.Any); calls > 0 {
		t.Errorf("Direct Line got %d calls", calls)
	}
}

func TestAnExpiredTokenIsRefusedWithoutAskingDirectLine(t *testing.T) {
	t.Parallel()
	past := func() time.Time { return time.Now().Add(-2 * time.Hour) }
	s := newSystem(t, cloud.Options{DirectLine: &directline.Options{Now: past}})
	p := s.startHandler(t)
	token := p.issue(t, "").Token
	got := p.call(t, request{path: "/api/RefreshToken", body: `{"token":"` + token + `"}`})
	wantProblem(t, got, http.StatusUnauthorized, "token_expired")
	if calls := s.DirectLine.Calls(directline.RefreshToken); calls > 0 {
		t.Errorf("Direct Line got %d calls", calls)
	}
	// A token that is no JWT tells nothing; Direct Line decides.
	got = p.call(t, request{path: "/api/RefreshToken", body: `{"token":"opaque.token"}`})
	wantProblem(t, got, http.StatusUnauthorized, "token_invalid")
	if calls := s.DirectLine.Calls(directline.RefreshToken); calls != 1 {
		t.Errorf("Direct Line got %d calls, want 1", calls)
	}
}

func TestThePagesPreflightIsAnswered(t *testing.T) {
	t.Parallel()
	p := newSystem(t, cloud.Options{}).startHandler(t)
	got := p.call(t, request{method: http.MethodOptions, path: "/api/RefreshToken", header: map[string]string{
		"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-ms-bot-agent"}})
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != page || got.header.Get("Vary") != "Origin" {
		t.Errorf("answered %d %v", got.status, got.header)
	}
	allowed := strings.ToLower(got.header.Get("Access-Control-Allow-Headers"))
	for _, header := range []string{"authorization", "content-type", "x-requested-with", "x-ms-bot-agent"} {
		if !strings.Contains(allowed, header) {
			t.Errorf("header %s is not allowed", header)
		}
	}
}

// The limit counts the address that Azure appended, the last one: the ones before
// it are the client's own words.
func TestOneAddressCannotTakeAllTokens(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.set("TokenRateLimit=3/h")
	p := s.startHandler(t)
	ask := func(forwarded string) answer {
		return p.call(t, request{path: "/api/GetNewToken", header: map[string]string{"X-Forwarded-For": forwarded}})
	}
	for _, invented := range []string{"203.0.113.1", "203.0.113.2, 10.0.0.1", "203.0.113.3"} {
		if got := ask(invented + ", 198.18.0.7:4711"); got.status != http.StatusOK {
			t.Fatalf("within the limit answered %d %s", got.status, got.body)
		}
	}
	wantProblem(t, ask("203.0.113.4, 198.18.0.7:4712"), http.StatusTooManyRequests, "rate_limited")
	for range 3 {
		if got := ask("[2001:db8:1:2:3::4]:4711"); got.status != http.StatusOK {
			t.Fatalf("another address answered %d %s", got.status, got.body)
		}
	}
	wantProblem(t, ask("[2001:db8:1:2:ffff::5]:4711"), http.StatusTooManyRequests, "rate_limited")
	if calls := s.DirectLine.Calls(directline.GenerateToken); calls != 6 {
		t.Errorf("Direct Line got %d calls, want 6: none for what was refused", calls)
	}
	for _, address := range []string{"198.18.0.7", "203.0.113.", "2001:db8"} {
		if strings.Contains(p.stdout.String(), address) {
			t.Errorf("the log holds the address %s", address)
		}
	}
}

// Clients without an Origin header are let in only where a setting says so.
func TestANativeAppIsLetInBySetting(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.set("Assistants__" + assistant + "__AllowNoOrigin=true")
	p := s.startHandler(t)
	if got := p.call(t, request{path: "/api/getnewtoken/BankX/", header: map[string]string{"Origin": ""}}); got.status != http.StatusOK {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}
