package bot_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bot"
)

func TestASignInThatWaitsIsShownAgain(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.abandoned(`,"signInLink":"https://token.example/signin?signin=1"`)
		w.on(pollPath, status("authorization_pending", 2))
		got := w.say("sign in")
		if !strings.Contains(got.Text, "waiting for you already") || len(got.Attachments) != 1 || !strings.Contains(string(got.Attachments[0].Content), "https://token.example/signin?signin=1") {
			t.Errorf("the bot says %+v", got)
		}
	})
}

func TestSignInByACard(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"signInLink":"https://token.example/signin?signin=1"`))
		w.on(pollPath, status("authorization_pending", 2), approved("sealed"))
		card := w.say("sign in")
		want := map[string]string{
			"conversationId": "c", "userId": "dl_ada", "provider": "botservice", "connection": "bank",
			"channelId": "directline", "serviceUrl": "https://directline.example/",
		}
		if diff := cmp.Diff(want, w.called(start)[0].body); diff != "" {
			t.Errorf("start (-want +got):\n%s", diff)
		}
		var content struct {
			ConnectionName string
			Buttons        []bot.CardAction
		}
		if len(card.Attachments) != 1 || card.Attachments[0].ContentType != "application/vnd.microsoft.card.oauth" ||
			json.Unmarshal(card.Attachments[0].Content, &content) != nil {
			t.Fatalf("no OAuth card: %+v", card)
		}
		button := []bot.CardAction{{Type: "signin", Title: "Sign in", Value: "https://token.example/signin?signin=1"}}
		if diff := cmp.Diff(button, content.Buttons); diff != "" || content.ConnectionName != "bank" {
			t.Errorf("card of %q (-want +got):\n%s", content.ConnectionName, diff)
		}
		// The service tells the bot when the same browser session has signed in.
		w.hears(received(`"type":"event","name":"tokens/response","value":{"connectionName":"bank","token":"canary"}`))
		if got := w.newest(); got.Type != "typing" {
			t.Errorf("the bot answers %+v", got)
		}
		if diff := cmp.Diff(map[string]any{"redacted": true}, w.loggedOf("event")["value"]); diff != "" {
			t.Errorf("the transcript (-want +got):\n%s", diff)
		}
		if got := w.later(4 * time.Second); !strings.Contains(got.Text, "You are logged in") {
			t.Errorf("the bot says %q", got.Text)
		}
		if diff := cmp.Diff(seconds(2, 4), w.at(pollPath)); diff != "" {
			t.Errorf("polls (-want +got): the event is no leave to poll sooner\n%s", diff)
		}
	})
}

func TestTheCodeOfTheSignInPage(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		w.on(start, begun(`,"signInLink":"https://token.example/signin?signin=1"`))
		w.on(pollPath, status("authorization_pending", 2), status("authorization_pending", 2), status("authorization_pending", 2),
			status("slow_down", 7), refusal(503, "login_unavailable"), approved("sealed"))
		w.say("sign in")
		w.later(3 * time.Second)
		for _, typed := range []string{" 000000 ", "111111"} {
			if got := w.say(typed); !strings.Contains(got.Text, "check that code") {
				t.Errorf("to %q: %q", typed, got.Text)
			}
		}
		if got := w.later(2 * time.Second); !strings.Contains(got.Text, "That is not the code") {
			t.Errorf("a wrong code: %q", got.Text)
		}
		w.later(2 * time.Second)
		w.hears(received(`"type":"invoke","name":"signin/verifyState","value":{"state":"123456"}`))
		if got := w.later(time.Minute); !strings.Contains(got.Text, "You are logged in") {
			t.Errorf("the right one: %q", got.Text)
		}
		var sent []string
		for _, poll := range w.called(pollPath) {
			sent = append(sent, poll.body["code"])
		}
		// Of two the newer; once where it was looked at, again where it was not.
		if diff := cmp.Diff([]string{"", "111111", "", "123456", "123456", "123456"}, sent); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(seconds(2, 4, 6, 8, 15, 22), w.at(pollPath)); diff != "" {
			t.Errorf("polls (-want +got): a code is no leave to poll sooner\n%s", diff)
		}
		if diff := cmp.Diff(map[string]any{"redacted": true}, w.loggedOf("invoke")["value"]); diff != "" {
			t.Errorf("the transcript (-want +got):\n%s", diff)
		}
	})
}

func TestSixDigitsMayBeJustAMessage(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		if got := w.say("123456"); got.Text != "You said: 123456" {
			t.Errorf("without a login: %q", got.Text)
		}
		w.on(start, begun(`,"bindingCode":"KX7-4PQ"`))
		w.on(pollPath, status("authorization_pending", 2))
		w.say("log in")
		if got := w.say("123456"); got.Text != "You said: 123456" {
			t.Errorf("while the phone is asked: %q", got.Text)
		}
		w.later(2 * time.Second)
		if code := w.called(pollPath)[0].body["code"]; code != "" {
			t.Errorf("the code %q was sent", code)
		}
	})
}

func TestEventsAndInvokesThatAreNobodys(t *testing.T) {
	inSimulatedTime(t, func(t *testing.T, w *loginWorld) {
		for _, more := range []string{
			`"type":"event","name":"tokens/response","value":{"token":"canary"}`,
			`"type":"event","name":"webchat/join"`,
			`"type":"invoke","name":"signin/verifyState","value":{"state":"123456"}`,
			`"type":"invoke","name":"signin/tokenExchange","value":{"token":"canary"}`,
			`"type":"invoke","name":"signin/verifyState"`,
			`"type":"invoke","name":"other","value":{"state":"123456"}`,
		} {
			w.hears(received(more))
		}
		if w.count() != 0 {
			t.Errorf("the bot says %+v", w.newest())
		}
	})
}
