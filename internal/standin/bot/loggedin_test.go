package bot_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// There is no way to cancel a login, so that the user may still accept it.
func TestALogOutWhileALoginWaits(t *testing.T) {
	for name, test := range map[string]struct {
		then    reply
		say     string
		last    string // what the bot says in the end
		givesIt bool   // the token back
	}{
		"it is accepted all the same": {approved("sealed"), "log out", "You are not logged in.", true},
		"it is declined":              {status("access_denied", 2), "log out", "You are not logged in.", false},
		"it expires":                  {status("expired_token", 2), "log out", "You are not logged in.", false},
		"the user wants it after all": {approved("sealed"), "log in", "You are logged in. Ask for your balance.", false},
	} {
		t.Run(name, func(t *testing.T) {
			inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
				w.abandoned(`,"bindingCode":"KX7-4PQ"`)
				w.on(pollPath, status("authorization_pending", 2), test.then)
				if got := w.say("log out"); !strings.Contains(got.Text, "no longer wait for the login") {
					t.Errorf("the bot says %q", got.Text)
				}
				w.say(test.say)
				if got := w.later(time.Hour); got.Text != test.last {
					t.Errorf("later the bot says %q", got.Text)
				}
				if given := len(w.called(signOutPath)) == 1; given != test.givesIt {
					t.Errorf("the token was given back: %t", given)
				}
			})
		})
	}
}

func TestALogOutEndsALoginAndWhatWaits(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.loggedIn("sealed")
		w.abandoned(`,"bindingCode":"KX7-4PQ"`)
		w.on(pollPath, status("authorization_pending", 2))
		if got := w.say("log out"); !strings.Contains(got.Text, "You are logged out, and I no longer wait") {
			t.Errorf("the bot says %q", got.Text)
		}
		if len(w.called(signOutPath)) != 1 {
			t.Error("the token was kept")
		}
	})
}

func TestATokenThatIsTakenNoMore(t *testing.T) {
	again := refusal(409, "login_again")
	for name, test := range map[string]struct {
		balance, refresh []reply
		want             string
		refreshes        int
		signOuts         int
		loggedIn         bool
	}{
		"is refreshed":                        {[]reply{again, ok(statement)}, []reply{ok(`{"token":"sealed-2","expires_in":60}`)}, "EUR 9984.56", 1, 0, true},
		"cannot be refreshed":                 {[]reply{again}, []reply{again}, "log in again", 1, 1, false},
		"is no better when it is refreshed":   {[]reply{again}, []reply{ok(`{"token":"sealed-2"}`)}, "log in again", 1, 1, false},
		"cannot be refreshed now":             {[]reply{again}, []reply{refusal(503, "login_unavailable")}, "does not answer just now", 1, 0, true},
		"is unknown":                          {[]reply{refusal(404, "login_unknown")}, nil, "log in again", 0, 1, false},
		"is good, but the bank is not there":  {[]reply{refusal(502, "backend_unavailable")}, nil, "does not answer just now", 0, 0, true},
		"is good, but the bank answers so":    {[]reply{ok("<html>")}, nil, "does not answer just now", 0, 0, true},
		"is good, but the bank has no answer": {[]reply{{status: 409, body: `{"code":"other"}`}}, nil, "does not answer just now", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
				w.loggedIn("sealed")
				w.on(balancePath, test.balance...)
				w.on(refreshPath, test.refresh...)
				if got := w.say("balance"); !strings.Contains(got.Text, test.want) {
					t.Errorf("the bot says %q, want something with %q", got.Text, test.want)
				}
				if len(w.called(refreshPath)) != test.refreshes || len(w.called(signOutPath)) != test.signOuts {
					t.Errorf("%d refreshes, %d sign-outs", len(w.called(refreshPath)), len(w.called(signOutPath)))
				}
				if test.refreshes > 0 {
					if diff := cmp.Diff(map[string]string{"token": "sealed", "conversationId": "c"}, w.called(refreshPath)[0].body); diff != "" {
						t.Errorf("refresh (-want +got):\n%s", diff)
					}
				}
				w.on(balancePath, ok(statement))
				if got := w.say("balance"); strings.Contains(got.Text, "9984.56") != test.loggedIn {
					t.Errorf("afterwards: %q", got.Text)
				}
			})
		})
	}
}

// What a token is refreshed by may be good for once.
func TestTwoQuestionsRefreshOnce(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.loggedIn("sealed")
		stale := refusal(409, "login_again")
		stale.unless, stale.good = "sealed-2", statement
		w.on(balancePath, stale)
		w.on(refreshPath, ok(`{"token":"sealed-2"}`), refusal(409, "login_again"))
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() { w.hears(said("balance")) })
		}
		asking.Wait()
		if refreshes := len(w.called(refreshPath)); refreshes != 1 {
			t.Errorf("%d refreshes, want 1", refreshes)
		}
		for _, answer := range w.out.sent[2:] {
			if !strings.Contains(answer.Text, "9984.56") {
				t.Errorf("the bot says %q", answer.Text)
			}
		}
	})
}

func TestSigningOutThatFailsStillForgets(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.loggedIn("sealed")
		w.on(signOutPath, refusal(503, "login_unavailable"))
		if got := w.say("sign out"); !strings.Contains(got.Text, "logged out") {
			t.Errorf("the bot says %q", got.Text)
		}
		if got := w.say("balance"); !strings.Contains(got.Text, "unless you log in") {
			t.Errorf("the bot says %q", got.Text)
		}
	})
}
