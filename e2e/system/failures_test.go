package system_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/vault"
)

// site is the Direct Line of one assistant: all is well but for a fault.
type site struct {
	fault directline.Fault // nil: none
	first int64            // the fault befalls only so many calls; 0: all
	next  http.Handler
	calls atomic.Int64
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := s.calls.Add(1)
	befalls := s.fault != nil && (s.first == 0 || call <= s.first)
	if !befalls || s.fault(w, r) {
		s.next.ServeHTTP(w, r)
	}
}

func hang(w http.ResponseWriter, r *http.Request) bool {
	fault, _ := directline.Hang()
	return fault(w, r)
}

func redirect(w http.ResponseWriter, r *http.Request) bool {
	http.Redirect(w, r, "https://elsewhere.example/v3/directline/tokens/generate", http.StatusTemporaryRedirect)
	return false
}

// tokenCase is something that goes wrong for one assistant, and what the page is
// told.
type tokenCase struct {
	directLine directline.Fault
	first      int64
	vault      *faults.Fault
	// status and code of the answer; 200: a token.
	status int
	code   string
	// retryAfter is the header exactly; empty: whatever the status asks for.
	retryAfter string
	// calls is how many calls Direct Line may get: at least and at most.
	atLeast, atMost int64
}

func when(fault faults.Fault) *faults.Fault { return &fault }

// failuresOfGenerate are by the id of the assistant that suffers them.
func failuresOfGenerate() map[string]tokenCase {
	const refused, unavailable = "direct_line_refused", "direct_line_unavailable"
	refuse := func(status int) directline.Fault {
		return directline.Refuse(status, "BadArgument", "canary-of-direct-line")
	}
	reply := func(body string) directline.Fault { return directline.Reply(200, "application/json", body) }
	return map[string]tokenCase{
		"sound":      {status: 200, atLeast: 1, atMost: 1},
		"refused401": {directLine: refuse(401), status: 502, code: refused, atLeast: 1, atMost: 2},
		"refused403": {directLine: refuse(403), status: 502, code: refused, atLeast: 1, atMost: 2},
		"unknown404": {directLine: refuse(404), status: 502, code: unavailable, atLeast: 1, atMost: 1},
		"bad400":     {directLine: refuse(400), status: 502, code: unavailable, atLeast: 1, atMost: 1},

		"throttled":        {directLine: directline.Throttle(7 * time.Second), status: 503, code: "direct_line_throttled", retryAfter: "7", atLeast: 1, atMost: 1},
		"throttledforlong": {directLine: directline.Throttle(time.Hour), status: 503, code: "direct_line_throttled", retryAfter: "3600", atLeast: 1, atMost: 1},
		"throttledsilent":  {directLine: directline.Throttle(0), status: 503, code: "direct_line_throttled", atLeast: 1, atMost: 1},

		"down500":   {directLine: refuse(500), status: 502, code: unavailable, atLeast: 2, atMost: 5},
		"down503":   {directLine: refuse(503), status: 502, code: unavailable, atLeast: 2, atMost: 5},
		"flaky":     {directLine: refuse(503), first: 1, status: 200, atLeast: 2, atMost: 2},
		"cut":       {directLine: directline.Cut(), status: 502, code: unavailable, atLeast: 2, atMost: 10},
		"cutonce":   {directLine: directline.Cut(), first: 1, status: 200, atLeast: 2, atMost: 3},
		"cutmiddle": {directLine: directline.CutMidAnswer(), status: 502, code: unavailable, atLeast: 2, atMost: 5},
		"hanging":   {directLine: hang, status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"hangsonce": {directLine: hang, first: 1, status: 200, atLeast: 2, atMost: 2},

		"huge":        {directLine: directline.Huge(32 << 20), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"html":        {directLine: directline.Reply(200, "text/html", "<html>canary-of-direct-line"), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"empty":       {directLine: reply(""), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"notoken":     {directLine: reply(`{"conversationId":"c","expires_in":3600}`), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"injected":    {directLine: reply(`{"token":"a\r\nX: canary-of-direct-line","conversationId":"c","expires_in":3600}`), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"expired":     {directLine: reply(`{"token":"a","conversationId":"c","expires_in":-1}`), status: 502, code: unavailable, atLeast: 1, atMost: 5},
		"redirecting": {directLine: redirect, status: 502, code: unavailable, atLeast: 1, atMost: 1},

		"vault403":   {vault: when(faults.Answer(403, "Forbidden")), status: 503, code: "secret_unavailable"},
		"vault404":   {vault: when(faults.Answer(404, "SecretNotFound")), status: 503, code: "secret_unavailable"},
		"vault429":   {vault: when(faults.Throttle(time.Second)), status: 503, code: "secret_unavailable"},
		"vault500":   {vault: when(faults.Answer(500, "InternalServerError")), status: 503, code: "secret_unavailable"},
		"vaultcut":   {vault: when(faults.Cut()), status: 503, code: "secret_unavailable"},
		"vaulthangs": {vault: when(faults.Hang()), status: 503, code: "secret_unavailable"},
		"vaultflaky": {vault: when(faults.Answer(503, "ServiceUnavailable").Times(1)), status: 200, atLeast: 1, atMost: 1},
	}
}

// Each assistant has another fault and all are asked at once, so that one's
// outage would be seen to be another's.
func TestWhateverFailsThePageIsToldWhatAndWhen(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.canaries.add("answer of Direct Line", "canary-of-direct-line")
	cases := failuresOfGenerate()
	sites := map[string]*site{}
	for id, c := range cases {
		sites[id] = &site{fault: c.directLine, first: c.first, next: s.DirectLine}
		s.addAssistant(id, id+"-secret", sites[id])
		s.Vault.Set(id+"-secret", s.DirectLine.Secret(directline.Key1).Reveal())
		if c.vault != nil {
			s.Vault.Faults.Add(c.vault.When(vault.Reading(id + "-secret")))
		}
	}
	p := s.startHandler(t)
	answers := callAll(t, p.app, cases)
	for id, c := range cases {
		t.Run(id, func(t *testing.T) {
			p.checkOutcome(t, c, answers[id])
			if calls := sites[id].calls.Load(); calls < c.atLeast || calls > c.atMost {
				t.Errorf("Direct Line got %d calls, want %d to %d", calls, c.atLeast, c.atMost)
			}
		})
	}
	for _, id := range []string{"refused401", "refused403"} {
		if reads := s.Vault.Reads(id + "-secret"); reads != 2 {
			t.Errorf("%s: the vault was read %d times, want 2: at first, and once the secret was refused", id, reads)
		}
	}
}

// callAll asks all assistants for a token at once.
func callAll(t *testing.T, a *app, cases map[string]tokenCase) map[string]answer {
	t.Helper()
	answers := map[string]answer{}
	var mu sync.Mutex
	var calls sync.WaitGroup
	for id := range cases {
		calls.Go(func() {
			got, err := a.try(t.Context(), request{path: "/api/GetNewToken/" + id})
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[id] = got
		})
	}
	calls.Wait()
	return answers
}

func (a *app) checkOutcome(t *testing.T, c tokenCase, got answer) {
	t.Helper()
	if c.status == http.StatusOK {
		if _, err := a.granted(got); err != nil {
			t.Error(err)
		}
		return
	}
	wantProblem(t, got, c.status, c.code)
	if found := a.system.canaries.foundIn(got.body); len(found) > 0 {
		t.Errorf("the answer holds %s: %s", strings.Join(found, ", "), got.body)
	}
	if after := got.header.Get("Retry-After"); c.retryAfter != "" && after != c.retryAfter {
		t.Errorf("Retry-After %q, want %q", after, c.retryAfter)
	}
	if origin := got.header.Get("Access-Control-Allow-Origin"); origin != page {
		t.Errorf("the page may not read why: Access-Control-Allow-Origin %q", origin)
	}
}

func TestWhyATokenIsNotRefreshed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	const invalid, unavailable = "token_invalid", "direct_line_unavailable"
	refuse := func(status int, code string) directline.Fault { return directline.Refuse(status, code, "no") }
	cases := map[string]tokenCase{
		"sound":     {status: 200},
		"refused":   {directLine: refuse(401, "BadArgument"), status: 401, code: invalid},
		"forbidden": {directLine: refuse(403, "BadArgument"), status: 401, code: invalid},
		"unknown":   {directLine: refuse(404, "ConversationNotFound"), status: 401, code: invalid},
		"bad":       {directLine: refuse(400, "BadArgument"), status: 401, code: invalid},
		"expired":   {directLine: refuse(403, "TokenExpired"), status: 401, code: "token_expired"},
		"throttled": {directLine: directline.Throttle(3 * time.Second), status: 503, code: "direct_line_throttled", retryAfter: "3"},
		"down":      {directLine: refuse(500, "ServiceError"), status: 502, code: unavailable},
		"hanging":   {directLine: hang, status: 502, code: unavailable},
		"cut":       {directLine: directline.Cut(), status: 502, code: unavailable},
		"cutonce":   {directLine: directline.Cut(), first: 1, status: 200},
		"strange":   {directLine: directline.Reply(200, "text/plain", "OK"), status: 502, code: unavailable},
	}
	for id, c := range cases {
		s.addAssistant(id, cloud.DirectLineSecret, &site{fault: c.directLine, first: c.first, next: s.DirectLine})
	}
	p := s.startHandler(t)
	token := p.issue(t, "").Token
	for id, c := range cases {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			p.checkOutcome(t, c, p.call(t, request{path: "/api/RefreshToken/" + id, header: map[string]string{"Authorization": "Bearer " + token}}))
		})
	}
}
