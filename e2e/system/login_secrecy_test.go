package system_test

import (
	"net/http"
	"strings"
	"testing"

	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/loginapi"
)

// A busy login, in which much goes wrong, and all places where its secrets might
// have been written down. The log is looked at when the handler ends.
func TestNothingSecretOfALoginIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	i := s.startInstance(t)
	const hint, words = "canary-of-a-hint@bank.example", "canary-of-the-bank"
	s.canaries.add("hint", hint)
	s.guard("words of the bank", words)

	unheard := s.newBot(t, i.app, "unheard")
	unheard.must(t, unheard.loginRequest("start", map[string]string{"userId": "dl_user", "hint": hint, "provider": "loginapi"}), http.StatusCreated)
	b := s.newBot(t, i.app, "conversation")
	b.logIn(t)
	b.balance(t)
	failing := s.newBot(t, i.app, "failing")
	failing.token = b.token
	for _, fault := range []faults.Fault{
		faults.Answer(http.StatusBadRequest, words), faults.Answer(http.StatusForbidden, words),
		faults.Answer(http.StatusInternalServerError, words), faults.Cut(), faults.CutAfterWork(),
	} {
		for _, operation := range []loginapi.Operation{loginapi.StartLogin, loginapi.RefreshToken} {
			s.Bank.Faults.Add(fault.When(loginapi.Calling(operation)).Times(1))
		}
		b.ask(t, b.tokenRequest("refresh"))
		failing.ask(t, failing.loginRequest("start", map[string]string{"userId": "dl_user", "provider": "loginapi"}))
		s.Bank.Faults.Clear()
	}
	mangle(t, b)
	s.Bank.RevokeAll()
	wantProblem(t, b.ask(t, b.backendRequest(http.MethodGet, "balance")), http.StatusConflict, "login_again")
	wantProblem(t, b.ask(t, b.tokenRequest("refresh")), http.StatusConflict, "login_again")

	s.checkSecrecy(t, b, unheard, failing)
	rows := s.Tables.rows(t, "logins")
	hints := 0
	for _, each := range rows {
		if strings.HasPrefix(each.text("RowKey"), "h.") {
			hints++
		}
		for column, value := range each {
			if text, _ := value.(string); strings.Contains(strings.ToLower(text), loginHint) && column != "odata.etag" {
				t.Errorf("table logins names a user's hint in %s: %s", column, text)
			}
		}
	}
	if hints != 2 || len(rows) != 5 {
		t.Errorf("%d rows in table logins, %d of them for hints; want 5 and 2", len(rows), hints)
	}
}

// mangle sends what is secret where it does not belong, and changed.
func mangle(t *testing.T, b *bot) {
	t.Helper()
	for _, sealed := range []string{b.token + "x", b.login, b.token[1:], strings.Replace(b.token, ".", "..", 1), strings.ToUpper(b.token), b.bearer} {
		wrong := *b
		wrong.token, wrong.answers = sealed, nil
		wantProblem(t, wrong.ask(t, wrong.backendRequest(http.MethodGet, "balance")), http.StatusNotFound, "login_unknown")
		wantProblem(t, wrong.ask(t, wrong.tokenRequest("refresh")), http.StatusNotFound, "login_unknown")
		wrong.login = sealed
		if sealed != b.login {
			wantProblem(t, wrong.ask(t, wrong.pollRequest()), http.StatusNotFound, "login_unknown")
		}
		b.answers = append(b.answers, wrong.answers...)
	}
	for _, r := range []request{
		b.loginRequest("start", map[string]string{"userId": b.token, "provider": b.token}),
		b.loginRequest("poll", map[string]string{"userId": b.login, "login": b.login, b.token: b.token}),
		b.loginRequest(b.token, nil),
		b.backendRequest(http.MethodPost, "transfers/../"+b.token),
		b.backendRequest(http.MethodTrace, b.token),
	} {
		if got := b.ask(t, r); got.status < 400 || strings.Contains(got.body, b.token) {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	}
}
