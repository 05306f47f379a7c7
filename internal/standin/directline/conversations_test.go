package directline_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/directline"
)

func TestStartAnswers201OnceAndTellsTheBotOnce(t *testing.T) {
	site := newSite(t, nil)
	token, conversation := site.generate("dl_ada")
	for i, want := range []int{201, 200, 200} {
		got := site.post("/conversations", token, map[string]any{"locale": "nl-NL"})
		if got.status != want || got.text("conversationId") != conversation || got.text("token") == "" {
			t.Errorf("start %d = %d %s, want %d", i+1, got.status, got.raw, want)
		}
		if got.text("streamUrl") == "" || got.text("referenceGrammarId") == "" {
			t.Errorf("start %d has no stream or grammar: %s", i+1, got.raw)
		}
	}
	updates := site.bot.Received("conversationUpdate")
	if len(updates) != 1 {
		t.Fatalf("the bot got %d updates, want 1", len(updates))
	}
	want := []any{map[string]any{"id": "demobot", "name": "Demo bot"}, map[string]any{"id": "dl_ada"}}
	if diff := cmp.Diff(want, updates[0]["membersAdded"]); diff != "" {
		t.Errorf("membersAdded (-want +got):\n%s", diff)
	}
	if updates[0]["locale"] != "nl-NL" || updates[0]["channelId"] != "directline" {
		t.Errorf("update = %v", updates[0])
	}
	if updates[0]["recipient"].(map[string]any)["id"] != "demobot" {
		t.Errorf("recipient = %v, want the bot", updates[0]["recipient"])
	}
}

func TestSomebodyUnknownAtTheStartJoinsWithTheFirstMessage(t *testing.T) {
	site := newSite(t, nil)
	got := site.post("/conversations", site.secret(), nil)
	if got.status != http.StatusCreated {
		t.Fatalf("start with the secret = %d", got.status)
	}
	site.say(got.text("conversationId"), got.text("token"), "one")
	site.say(got.text("conversationId"), got.text("token"), "two")
	var kinds []string
	for _, activity := range site.bot.Received("") {
		kinds = append(kinds, saying(activity))
	}
	if diff := cmp.Diff([]string{"conversationUpdate", "conversationUpdate", "one", "two"}, kinds); diff != "" {
		t.Errorf("the bot got (-want +got):\n%s", diff)
	}
}

func TestTheUserOfAStart(t *testing.T) {
	site := newSite(t, nil)
	anonymous, _ := site.generate("")
	bound, _ := site.generate("dl_ada")
	for name, test := range map[string]struct {
		auth, user string
		status     int
		claim      any
	}{
		"token's user wins":         {bound, "eve", 201, "dl_ada"},
		"secret may choose dl_":     {site.secret(), "dl_eve", 201, "dl_eve"},
		"token may not choose dl_":  {anonymous, "dl_eve", 400, nil},
		"token may choose another":  {anonymous, "eve", 201, "eve"},
		"secret without user is ok": {site.secret(), "", 201, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := site.post("/conversations", test.auth, map[string]any{"user": map[string]any{"id": test.user}})
			if got.status != test.status {
				t.Fatalf("start = %d %s, want %d", got.status, got.raw, test.status)
			}
			if test.status != http.StatusCreated {
				return
			}
			if _, claims := claimsOf(t, got.text("token")); claims["user"] != test.claim {
				t.Errorf("user = %v, want %v", claims["user"], test.claim)
			}
		})
	}
}

func TestABotThatFailsAtTheStartDoesNotKeepItFromStarting(t *testing.T) {
	site := newSite(t, nil)
	site.bot.answer = func(context.Context, map[string]any) error { return errors.New("down") }
	site.start("dl_ada")
}

// Facts: the client library needs both token and streamUrl to come back.
func TestReconnectGivesAFreshTokenAndStream(t *testing.T) {
	site := newSite(t, nil)
	for watermark, want := range map[string][]string{
		"?watermark=1": {"two", "three", "four"},
		"?watermark=0": {"one", "two", "three", "four"},
		"?watermark=-": {"one", "two", "three", "four"},
		"?watermark=9": {"four"},
		"?watermark=":  {"four"},
		"":             {"four"},
	} {
		token, conversation, _ := site.start("dl_ada")
		for _, text := range []string{"one", "two", "three"} {
			site.say(conversation, token, text)
		}
		got := site.get("/conversations/"+conversation+watermark, token)
		if got.status != http.StatusOK || got.text("token") == "" || got.text("token") == token {
			t.Fatalf("reconnect with %q = %d %s", watermark, got.status, got.raw)
		}
		if _, err := site.Send(t.Context(), conversation, []byte(`{"type":"message","text":"four"}`)); err != nil {
			t.Fatal(err)
		}
		socket := site.listen(got.text("streamUrl"))
		if diff := cmp.Diff(want, site.texts(socket, len(want))); diff != "" {
			t.Errorf("stream after reconnect with %q (-want +got):\n%s", watermark, diff)
		}
	}
}

func TestReconnectRefusesABadWatermark(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	for _, watermark := range []string{"x", "-1", "1.5"} {
		if got := site.get("/conversations/"+conversation+"?watermark="+watermark, token); got.status != http.StatusBadRequest {
			t.Errorf("watermark %q = %d, want 400", watermark, got.status)
		}
	}
}

// Facts: reconnecting with the secret drops the bound user, and fails under
// enhanced authentication with MissingProperty.
func TestReconnectingWithTheSecretDropsTheUser(t *testing.T) {
	site := newSite(t, nil)
	_, enhanced, _ := site.start("dl_ada")
	if got := site.get("/conversations/"+enhanced, site.secret()); got.status != 400 || got.errorCode() != "MissingProperty" {
		t.Errorf("with a dl_ user = %d %s, want 400 MissingProperty", got.status, got.errorCode())
	}
	_, plain, _ := site.start("ada")
	got := site.get("/conversations/"+plain, site.secret())
	if _, claims := claimsOf(t, got.text("token")); claims["user"] != nil {
		t.Errorf("user = %v, want none", claims["user"])
	}
}

func TestALostConversationIs404AndCanBeStartedAgain(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	if !site.Forget(conversation) || site.Forget(conversation) {
		t.Error("Forget is wrong about what was known")
	}
	for _, path := range []string{"/conversations/" + conversation, "/conversations/" + conversation + "/activities"} {
		if got := site.get(path, token); got.status != http.StatusNotFound {
			t.Errorf("%s = %d, want 404", path, got.status)
		}
	}
	if got := site.get(strings.TrimPrefix(asHTTP(streamURL), site.url), ""); got.status != http.StatusNotFound {
		t.Errorf("stream = %d, want 404", got.status)
	}
	if _, err := site.Send(t.Context(), conversation, []byte(`{"type":"message"}`)); !errors.Is(err, directline.ErrUnknownConversation) {
		t.Errorf("Send = %v, want ErrUnknownConversation", err)
	}
	if got := site.post("/conversations", token, nil); got.status != http.StatusCreated {
		t.Errorf("starting again = %d, want 201", got.status)
	}
}
