package directline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/directline"
)

// Facts: a send of Web Chat completes only when the activity comes back with an
// id and the same channelData.clientActivityID.
func TestTheUsersActivityComesBackWithIDAndClientActivityID(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	socket := site.listen(streamURL)
	got := site.post("/conversations/"+conversation+"/activities", token, json.RawMessage(
		`{"type":"message","id":"mine","from":{"id":"dl_ada","name":"Ada","role":"user"},"text":"hi",
		  "channelData":{"clientActivityID":"x.1","big":12345678901234567890},"entities":[{"type":"ClientCapabilities"}],"own":{"a":[1]}}`))
	want := map[string]any{
		"type": "message", "id": conversation + "|0000000", "timestamp": "2026-03-01T10:00:00.0000000Z",
		"channelId": "directline", "serviceUrl": "https://directline.botframework.com/",
		"conversation": map[string]any{"id": conversation},
		"from":         map[string]any{"id": "dl_ada", "name": "Ada", "role": "user"}, "text": "hi",
		"channelData": map[string]any{"clientActivityID": "x.1", "big": 12345678901234567890.0},
		"entities":    []any{map[string]any{"type": "ClientCapabilities"}}, "own": map[string]any{"a": []any{1.0}},
	}
	if got.status != http.StatusOK || got.text("id") != want["id"] {
		t.Fatalf("post = %d %s", got.status, got.raw)
	}
	frame := site.frame(socket)
	if diff := cmp.Diff([]map[string]any{want}, frame.activities()); diff != "" {
		t.Errorf("echo on the stream (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(frame.raw), "12345678901234567890") {
		t.Error("a large number was rewritten")
	}
	polled := site.get("/conversations/"+conversation+"/activities", token)
	if diff := cmp.Diff([]map[string]any{want}, polled.activities()); diff != "" {
		t.Errorf("echo by polling (-want +got):\n%s", diff)
	}
	want["recipient"] = map[string]any{"id": "demobot", "name": "Demo bot", "role": "bot"}
	if diff := cmp.Diff([]map[string]any{want}, site.bot.Received("message")); diff != "" {
		t.Errorf("what the bot got (-want +got):\n%s", diff)
	}
}

func TestWhoSpeaks(t *testing.T) {
	site := newSite(t, nil)
	for name, test := range map[string]struct {
		tokenUser, from string
		status          int
		code, speaker   string
	}{
		"a dl_ user in the token overrides":       {"dl_ada", `{"id":"eve"}`, 200, "", "dl_ada"},
		"another's dl_ id is overridden too":      {"dl_ada", `{"id":"dl_eve"}`, 200, "", "dl_ada"},
		"a dl_ user need not say who it is":       {"dl_ada", `{}`, 200, "", "dl_ada"},
		"another user in the token does not bind": {"ada", `{"id":"eve"}`, 200, "", "eve"},
		"another user is the default":             {"ada", `{}`, 200, "", "ada"},
		"nobody":                                  {"", `{}`, 400, "MissingProperty", ""},
		"dl_ ids are not free to choose":          {"", `{"id":"dl_eve"}`, 400, "BadArgument", ""},
		"dl_ ids are not free for other users":    {"ada", `{"id":"dl_eve"}`, 400, "BadArgument", ""},
		"from is no object":                       {"ada", `"eve"`, 400, "BadArgument", ""},
	} {
		t.Run(name, func(t *testing.T) {
			token, conversation, _ := site.start(test.tokenUser)
			got := site.post("/conversations/"+conversation+"/activities", token, `{"type":"message","text":"hi","from":`+test.from+`}`)
			if got.status != test.status || got.errorCode() != test.code {
				t.Fatalf("post = %d %s, want %d %s", got.status, got.errorCode(), test.status, test.code)
			}
			if test.status != http.StatusOK {
				return
			}
			polled := site.get("/conversations/"+conversation+"/activities", token).activities()
			if from := polled[0]["from"].(map[string]any); from["id"] != test.speaker {
				t.Errorf("from.id = %v, want %s", from["id"], test.speaker)
			}
		})
	}
}

func TestActivitiesThatAreRefused(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	padding := strings.Repeat("é", 256<<10)
	fits := `{"type":"message","text":""}`
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"empty":                    {"", 400, "BadArgument"},
		"not JSON":                 {"{", 400, "BadArgument"},
		"null":                     {"null", 400, "BadArgument"},
		"an array":                 {"[]", 400, "BadArgument"},
		"something after it":       {`{"type":"message"} {}`, 400, "BadArgument"},
		"no type":                  {`{"text":"hi"}`, 400, "MissingProperty"},
		"type is no string":        {`{"type":1}`, 400, "MissingProperty"},
		"conversationUpdate":       {`{"type":"conversationUpdate"}`, 400, "BadArgument"},
		"256 K characters":         {strings.Replace(fits, `""`, `"`+padding[:2*(256<<10-len(fits))]+`"`, 1), 200, ""},
		"one character more":       {strings.Replace(fits, `""`, `"`+padding[:2*(256<<10-len(fits)+1)]+`"`, 1), 400, "MessageSizeTooBig"},
		"far more than that":       {strings.Repeat(" ", 2<<20), 400, "MessageSizeTooBig"},
		"emoji count as two":       {`{"type":"message","text":"` + strings.Repeat("😀", 128<<10) + `"}`, 400, "MessageSizeTooBig"},
		"an event, a type unknown": {`{"type":"event","name":"webchat/join"}`, 200, ""},
	} {
		got := site.post("/conversations/"+conversation+"/activities", token, test.body)
		if got.status != test.status || got.errorCode() != test.code {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.errorCode(), test.status, test.code)
		}
	}
}

func TestABotThatFailsIs502(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	hello := map[string]any{"type": "message", "text": "hi"}
	site.bot.answer = func(context.Context, map[string]any) error { return errors.New("secret detail") }
	got := site.post("/conversations/"+conversation+"/activities", token, hello)
	if got.status != http.StatusBadGateway || got.errorCode() != "BotRejectedActivity" || strings.Contains(string(got.raw), "secret detail") {
		t.Errorf("post = %d %s, want 502 BotRejectedActivity", got.status, got.raw)
	}
	site.Connect(nil)
	if got := site.post("/conversations/"+conversation+"/activities", token, hello); got.status != http.StatusBadGateway {
		t.Errorf("post without a bot = %d, want 502", got.status)
	}
}

func TestABotThatHangsIs502AfterItsTime(t *testing.T) {
	site := newSite(t, &directline.Options{BotTimeout: 1})
	site.bot.answer = func(ctx context.Context, _ map[string]any) error {
		<-ctx.Done()
		return ctx.Err()
	}
	token, conversation, _ := site.start("dl_ada")
	got := site.post("/conversations/"+conversation+"/activities", token, map[string]any{"type": "message"})
	if got.status != http.StatusBadGateway {
		t.Errorf("post = %d, want 502", got.status)
	}
}

func TestTheBotAnswersInTheConversation(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	site.bot.answer = func(ctx context.Context, activity map[string]any) error {
		_, err := site.Send(ctx, conversation, json.RawMessage(
			fmt.Sprintf(`{"type":"message","text":"you said %v","replyToId":%q,"timestamp":"2026-03-01T09:00:00Z","from":{"id":"forged"}}`, activity["text"], activity["id"])))
		return err
	}
	site.say(conversation, token, "hi")
	polled := site.get("/conversations/"+conversation+"/activities", token).activities()
	want := map[string]any{
		"type": "message", "id": conversation + "|0000001", "text": "you said hi", "replyToId": conversation + "|0000000",
		"from": map[string]any{"id": "demobot", "name": "Demo bot", "role": "bot"}, "timestamp": "2026-03-01T09:00:00Z",
		"channelId": "directline", "serviceUrl": "https://directline.botframework.com/", "conversation": map[string]any{"id": conversation},
	}
	if diff := cmp.Diff(want, polled[len(polled)-1]); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// Swagger, table of availability: typing over WebSocket only, conversationUpdate
// to nobody, the rest to both.
func TestWhatPollingShows(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	socket := site.listen(streamURL)
	site.say(conversation, token, "one")
	for _, kind := range []string{"typing", "conversationUpdate", "event", "message"} {
		if _, err := site.Send(t.Context(), conversation, json.RawMessage(`{"type":"`+kind+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"one", "typing", "event", "message"}, site.texts(socket, 4)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	polled := site.get("/conversations/"+conversation+"/activities", token)
	var kinds []string
	for _, activity := range polled.activities() {
		kinds = append(kinds, saying(activity))
	}
	if diff := cmp.Diff([]string{"one", "event", "message"}, kinds); diff != "" {
		t.Errorf("polling (-want +got):\n%s", diff)
	}
	again := site.get("/conversations/"+conversation+"/activities?watermark="+polled.text("watermark"), token)
	if len(again.activities()) != 0 || !strings.Contains(string(again.raw), `"activities":[]`) || again.text("watermark") != polled.text("watermark") {
		t.Errorf("nothing new = %s", again.raw)
	}
}

func TestPollingPagesByWatermark(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	for number := range 250 {
		if _, err := site.Send(t.Context(), conversation, json.RawMessage(fmt.Sprintf(`{"type":"message","text":"%d"}`, number))); err != nil {
			t.Fatal(err)
		}
	}
	seen, watermark := 0, ""
	for {
		page := site.get("/conversations/"+conversation+"/activities?watermark="+watermark, token)
		if len(page.activities()) == 0 {
			break
		}
		if len(page.activities()) > 100 {
			t.Errorf("a page has %d activities, want at most 100", len(page.activities()))
		}
		for _, activity := range page.activities() {
			if activity["text"] != strconv.Itoa(seen) || activity["id"] != fmt.Sprintf("%s|%07d", conversation, seen) {
				t.Fatalf("activity %d = %v", seen, activity)
			}
			seen++
		}
		watermark = page.text("watermark")
	}
	if seen != 250 {
		t.Errorf("saw %d activities, want 250", seen)
	}
}

func TestAnEndedConversationCanStillBeRead(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	site.say(conversation, token, "bye")
	if got := site.post("/conversations/"+conversation+"/activities", token, map[string]any{"type": "endOfConversation"}); got.status != 200 {
		t.Fatalf("ending = %d", got.status)
	}
	if got := site.post("/conversations/"+conversation+"/activities", token, map[string]any{"type": "message"}); got.status != http.StatusBadRequest {
		t.Errorf("a message after the end = %d, want 400", got.status)
	}
	if _, err := site.Send(t.Context(), conversation, json.RawMessage(`{"type":"message"}`)); err == nil {
		t.Error("the bot could speak after the end")
	}
	if got := site.get("/conversations/"+conversation+"/activities", token); len(got.activities()) != 2 {
		t.Errorf("history = %s, want both activities", got.raw)
	}
}
