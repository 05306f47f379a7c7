package bot_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bot"
)

func seconds(all ...int) []time.Duration {
	var times []time.Duration
	for _, each := range all {
		times = append(times, time.Duration(each)*time.Second)
	}
	return times
}

func TestALoginFromBeginningToEnd(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
		w.on(pollPath, status("authorization_pending", 2), status("authorization_pending", 3), approved("sealed-token"))
		w.on(balancePath, ok(statement))
		w.on(signOutPath, reply{status: http.StatusNoContent})

		if got := w.say(" Log  in "); !strings.Contains(got.Text, "KX7-4PQ") || !strings.Contains(got.Text, "[/local/phone](http://chatgate.example/local/phone)") {
			t.Errorf("the bot says %q", got.Text)
		}
		want := map[string]string{"conversationId": "c", "userId": "dl_ada", "provider": "loginapi"}
		if diff := cmp.Diff(want, w.called(start)[0].body); diff != "" {
			t.Errorf("start (-want +got):\n%s", diff)
		}
		got := w.later(time.Minute)
		if !strings.Contains(got.Text, "You are logged in") || got.Recipient.ID != "dl_ada" || got.Conversation.ID != "c" {
			t.Errorf("later the bot says %+v", got)
		}
		want = map[string]string{"login": "sealed-handle", "conversationId": "c", "userId": "dl_ada"}
		if diff := cmp.Diff(want, w.called(pollPath)[0].body); diff != "" {
			t.Errorf("poll (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(seconds(2, 4, 7), w.at(pollPath)); diff != "" {
			t.Errorf("polls (-want +got):\n%s", diff)
		}

		card := w.say("balance")
		if card.Text != "Your balance is EUR 9984.56." || len(card.Attachments) != 1 || !strings.Contains(string(card.Attachments[0].Content), "NL-1001") {
			t.Errorf("the bot shows %+v", card)
		}
		header := w.called(balancePath)[0].header
		if header.Get("X-Login-Token") != "sealed-token" || header.Get("X-Conversation-Id") != "c" || header.Get("Authorization") != "Bearer bot-token" {
			t.Errorf("headers of the call: %v", header)
		}

		if got := w.say("log out"); !strings.Contains(got.Text, "logged out") {
			t.Errorf("the bot says %q", got.Text)
		}
		if diff := cmp.Diff(map[string]string{"token": "sealed-token", "conversationId": "c"}, w.called(signOutPath)[0].body); diff != "" {
			t.Errorf("signout (-want +got):\n%s", diff)
		}
		for _, text := range []string{"balance", "log out"} {
			if got := w.say(text); !strings.Contains(got.Text, "log in") && !strings.Contains(got.Text, "not logged in") {
				t.Errorf("after it, to %q: %q", text, got.Text)
			}
		}
		if len(w.called(balancePath)) != 1 || len(w.called(signOutPath)) != 1 {
			t.Error("the token was used after it was forgotten")
		}
	})
}

func TestHowLoginsEnd(t *testing.T) {
	for name, test := range map[string]struct {
		answers []reply
		want    string
		after   time.Duration
	}{
		"denied":                      {[]reply{status("access_denied", 2)}, "You declined", 2 * time.Second},
		"expired":                     {[]reply{status("expired_token", 2)}, "in time", 2 * time.Second},
		"a handle that is unknown":    {[]reply{refusal(404, "login_unknown")}, "did not work", 2 * time.Second},
		"a login system that is odd":  {[]reply{refusal(502, "login_refused")}, "did not work", 2 * time.Second},
		"a bot that may not":          {[]reply{refusal(403, "role_missing")}, "did not work", 2 * time.Second},
		"a status of its own":         {[]reply{status("maybe", 2)}, "did not work", 2 * time.Second},
		"approved without a token":    {[]reply{status("approved", 2)}, "did not work", 2 * time.Second},
		"no JSON, for ever":           {[]reply{ok("<html>")}, "in time", 62 * time.Second},
		"Chatgate away, for ever":     {[]reply{{}}, "in time", 62 * time.Second},
		"nobody decides, for ever":    {[]reply{status("authorization_pending", 2)}, "in time", 62 * time.Second},
		"an error that passes":        {[]reply{refusal(503, "login_unavailable"), refusal(500, "internal"), refusal(429, "rate_limited"), {}, approved("sealed")}, "You are logged in", 10 * time.Second},
		"an answer without intervals": {[]reply{ok(`{"status":"authorization_pending"}`), approved("sealed")}, "You are logged in", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
				w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
				w.on(pollPath, test.answers...)
				w.say("login")
				if got := w.later(test.after - time.Millisecond); !strings.Contains(got.Text, "KX7-4PQ") {
					t.Errorf("too early the bot says %q", got.Text)
				}
				if got := w.later(time.Millisecond); !strings.Contains(got.Text, test.want) {
					t.Errorf("the bot says %q, want something with %q", got.Text, test.want)
				}
				polls := len(w.called(pollPath))
				w.later(time.Hour)
				if len(w.called(pollPath)) != polls || w.count() != 2 {
					t.Errorf("%d polls after the end, %d messages in all", len(w.called(pollPath))-polls, w.count())
				}
			})
		})
	}
}

// RFC 8628 section 3.5: five seconds more, for good. Retry-After counts too.
func TestTheBotKeepsToTheInterval(t *testing.T) {
	for name, test := range map[string]struct {
		answers []reply
		want    []time.Duration
	}{
		"as named":                  {[]reply{status("authorization_pending", 4), approved("sealed")}, seconds(2, 6)},
		"slow_down that names it":   {[]reply{status("slow_down", 9), status("authorization_pending", 9), approved("sealed")}, seconds(2, 11, 20)},
		"slow_down that does not":   {[]reply{ok(`{"status":"slow_down"}`), ok(`{"status":"slow_down"}`), approved("sealed")}, seconds(2, 9, 21)},
		"a time to retry after":     {[]reply{{status: 503, body: `{}`, retryAfter: "30"}, approved("sealed")}, seconds(2, 32)},
		"one that is shorter":       {[]reply{{status: 503, body: `{}`, retryAfter: "1"}, approved("sealed")}, seconds(2, 4)},
		"one that is none":          {[]reply{{status: 503, body: `{}`, retryAfter: "soon"}, approved("sealed")}, seconds(2, 4)},
		"an interval of nothing":    {[]reply{status("authorization_pending", 0), approved("sealed")}, seconds(2, 3)},
		"an interval below nothing": {[]reply{status("authorization_pending", -5), approved("sealed")}, seconds(2, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
				w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
				w.on(pollPath, test.answers...)
				w.say("log in")
				w.later(time.Minute)
				if diff := cmp.Diff(test.want, w.at(pollPath)); diff != "" {
					t.Errorf("polls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestLoginsThatDoNotBegin(t *testing.T) {
	for name, test := range map[string]struct {
		answer reply
		want   string
	}{
		"another is waiting":         {reply{409, `{"code":"login_pending"}`, "119", "", ""}, "waiting for you already. Answer that one, or ask again in 119 seconds"},
		"after a denial":             {reply{429, `{"code":"login_cooldown"}`, "60", "", ""}, "declined. Ask again in 60 seconds"},
		"too often":                  {reply{429, `{"code":"rate_limited"}`, "541", "", ""}, "Ask again in 10 minutes"},
		"the login system is away":   {refusal(503, "login_unavailable"), "cannot start a login just now"},
		"a bot that may not":         {refusal(401, "token_invalid"), "cannot start a login just now"},
		"Chatgate is away":           {reply{}, "cannot reach the login just now"},
		"an answer without a handle": {reply{status: 201, body: `{}`}, "cannot reach the login just now"},
	} {
		t.Run(name, func(t *testing.T) {
			inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
				w.on(start, test.answer)
				for _, text := range []string{"log in", "sign in"} {
					if got := w.say(text); !strings.Contains(got.Text, test.want) {
						t.Errorf("to %q the bot says %q, want something with %q", text, got.Text, test.want)
					}
				}
				w.later(time.Hour)
				if polls := w.called(pollPath); len(polls) != 0 || w.count() != 2 {
					t.Errorf("%d polls of what never began", len(polls))
				}
			})
		})
	}
}

// abandoned is a world whose user has begun a login and asks for another.
func (w *loginWorld) abandoned(how string) {
	pending := reply{status: 409, body: `{"code":"login_pending"}`, retryAfter: "586"}
	w.on(start, begun(how), pending)
	w.on(signOutPath, reply{status: http.StatusNoContent})
	w.say("log in")
}

func TestALoginThatWaitsIsShownAgain(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.abandoned(`,"bindingCode":"KX7-4PQ"`)
		w.on(pollPath, status("authorization_pending", 2), status("authorization_pending", 2), approved("sealed"))
		for _, text := range []string{"log in", "sign in"} {
			got := w.say(text)
			if !strings.HasPrefix(got.Text, "A login is waiting for you already, under the code **KX7-4PQ**.") || !strings.Contains(got.Text, "or ask again in 10 minutes. On this machine, open [") {
				t.Errorf("to %q the bot says %q", text, got.Text)
			}
		}
		if got := w.later(time.Minute); !strings.Contains(got.Text, "You are logged in") {
			t.Errorf("later the bot says %q", got.Text)
		}
	})
}

func TestSomebodyElsesPhone(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
		w.say("Log in as Bo")
		if hint := w.called(start)[0].body["hint"]; hint != "bo" {
			t.Errorf("hint = %q", hint)
		}
	})
}

// Somebody who asks again gets the newer login, if Chatgate lets them.
func TestANewLoginTakesThePlaceOfTheOld(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		second := reply{status: 201, body: `{"login":"sealed-second","bindingCode":"B","expires_in":60,"interval":2}`}
		w.on(start, begun(`,"bindingCode":"A"`), second)
		w.on(pollPath, status("authorization_pending", 2), approved("sealed"))
		w.say("log in")
		w.later(time.Second)
		w.say("log in")
		w.later(time.Hour)
		for _, poll := range w.called(pollPath) {
			if poll.body["login"] != "sealed-second" {
				t.Errorf("%s was polled", poll.body["login"])
			}
		}
		if w.count() != 3 {
			t.Errorf("%d messages, want two codes and one end", w.count())
		}
	})
}

func TestLoginsAreOnePersonsInOneConversation(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.loggedIn("sealed")
		for name, change := range map[string][2]string{
			"another user":         {`"dl_ada"`, `"dl_eve"`},
			"another conversation": {`"conversation":{"id":"c"}`, `"conversation":{"id":"d"}`},
		} {
			w.hears(json.RawMessage(strings.Replace(string(said("balance")), change[0], change[1], 1)))
			if got := w.newest(); !strings.Contains(got.Text, "unless you log in") {
				t.Errorf("%s: %q", name, got.Text)
			}
		}
		if len(w.called(balancePath)) != 0 {
			t.Error("somebody else's token was used")
		}
	})
}

func TestAClosedBotPollsNoMore(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
		w.on(pollPath, status("authorization_pending", 2))
		w.say("log in")
		w.later(3 * time.Second)
		w.bot.Close()
		w.bot.Close()
		w.later(time.Hour)
		if polls := len(w.called(pollPath)); polls != 1 || w.count() != 1 {
			t.Errorf("%d polls, %d messages; want 1 and 1", polls, w.count())
		}
		if got := w.say("log in"); !strings.Contains(got.Text, "cannot reach") {
			t.Errorf("the bot says %q", got.Text)
		}
		synctest.Wait()
		w.later(time.Hour)
		if len(w.called(pollPath)) != 1 {
			t.Error("a closed bot polls")
		}
	})
}

// The conversation may be gone by the time the user decides.
func TestAChatThatIsGone(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
		w.on(pollPath, approved("sealed"))
		w.say("log in")
		w.out.mu.Lock()
		w.out.fail = bot.ErrAsked
		w.out.mu.Unlock()
		w.later(time.Minute)
		if polls := len(w.called(pollPath)); polls != 1 {
			t.Errorf("%d polls", polls)
		}
	})
}

func TestWhatIsOfferedIsSuggested(t *testing.T) {
	login := &bot.LoginOptions{URL: "http://chatgate.example"}
	both := &bot.LoginOptions{URL: "http://chatgate.example", Connection: "bank"}
	for name, test := range map[string]struct {
		options       *bot.LoginOptions
		logIn, signIn bool
	}{"nothing": {nil, false, false}, "the phone": {login, true, false}, "the phone and a page": {both, true, true}} {
		out := &channel{}
		demo := bot.New(out, nil, &bot.Options{Login: test.options})
		for _, activity := range []json.RawMessage{said("help"), received(`"type":"conversationUpdate","membersAdded":[{"id":"dl_ada"}]`)} {
			if err := demo.Receive(t.Context(), activity); err != nil {
				t.Fatal(err)
			}
		}
		for _, answer := range out.sent {
			suggested := map[string]bool{}
			for _, action := range answer.SuggestedActions.Actions {
				suggested[action.Value] = true
			}
			if suggested["log in"] != test.logIn || suggested["sign in"] != test.signIn {
				t.Errorf("%s: suggested %v", name, suggested)
			}
		}
		if text := out.sent[0].Text; strings.Contains(text, "**log in**") != test.logIn || strings.Contains(text, "**sign in**") != test.signIn {
			t.Errorf("%s: help is %s", name, text)
		}
	}
	out := &channel{}
	if err := bot.New(out, nil, &bot.Options{Login: login}).Receive(t.Context(), said("sign in")); err != nil || !strings.Contains(out.sent[0].Text, "nowhere to sign in") {
		t.Errorf("%+v, %v", out.sent, err)
	}
	out = &channel{}
	if err := bot.New(out, nil, nil).Receive(t.Context(), said("log in")); err != nil || out.sent[0].Text != "You said: log in" {
		t.Errorf("%+v, %v", out.sent, err)
	}
}
