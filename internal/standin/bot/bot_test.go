package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"chatgate/internal/standin/bot"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// channel stands for Direct Line, and journal for the bus: each keeps what it got.
type channel struct {
	mu   sync.Mutex
	sent []bot.Activity
	at   []time.Time
	fail error
	none bool // gives no ids
}

func (c *channel) Send(_ context.Context, conversationID string, raw json.RawMessage) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return "", c.fail
	}
	var sent bot.Activity
	if err := json.Unmarshal(raw, &sent); err != nil {
		return "", err
	}
	c.sent, c.at = append(c.sent, sent), append(c.at, time.Now())
	if c.none {
		return "", nil
	}
	return fmt.Sprintf("%s|%07d", conversationID, len(c.sent)), nil
}

type journal struct {
	mu     sync.Mutex
	logged []map[string]any
	fail   error
}

func (j *journal) Log(_ context.Context, raw json.RawMessage) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	var logged map[string]any
	if err := json.Unmarshal(raw, &logged); err != nil {
		return err
	}
	j.logged = append(j.logged, logged)
	return nil
}

func fixedNow() time.Time {
	return time.Date(2026, 3, 1, 11, 0, 0, 500_000_000, time.FixedZone("CET", 3600))
}

// received is an activity as Direct Line delivers it, with some members more.
func received(more string) json.RawMessage {
	return json.RawMessage(`{"id":"c|0000000","timestamp":"2026-03-01T10:00:00Z","channelId":"directline","serviceUrl":"https://directline.example/",
		"from":{"id":"dl_ada","name":"Ada"},"recipient":{"id":"demobot","name":"Demo bot","role":"bot"},"conversation":{"id":"c"},"locale":"nl-NL",` + more + `}`)
}

func said(text string) json.RawMessage {
	return received(fmt.Sprintf(`"type":"message","text":%q`, text))
}

func TestWhatTheBotAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		activity json.RawMessage
		want     []string // part of the text of each answer
	}{
		"echo":              {said("Good morning"), []string{"You said: Good morning"}},
		"help":              {said(" Help "), []string{"**card**"}},
		"card":              {said("card"), []string{"cards"}},
		"a card's form":     {received(`"type":"message","value":{"form": "remark", "remark":"fine"}`), []string{`{"form":"remark","remark":"fine"}`}},
		"a file":            {received(`"type":"message","attachments":[{"contentType":"image/png","name":"a.png"}]`), []string{"file a.png"}},
		"files":             {received(`"type":"message","attachments":[{},{}]`), []string{"2 files"}},
		"nothing":           {said(" "), []string{"empty"}},
		"typing":            {received(`"type":"typing"`), nil},
		"an event":          {received(`"type":"event","name":"webchat/join"`), nil},
		"a new user":        {received(`"type":"conversationUpdate","membersAdded":[{"id":"demobot"},{"id":"dl_ada"}]`), []string{"Hello! I am the Demo bot."}},
		"only the bot":      {received(`"type":"conversationUpdate","membersAdded":[{"id":"demobot"}]`), nil},
		"somebody who left": {received(`"type":"conversationUpdate","membersRemoved":[{"id":"dl_ada"}]`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			out := &channel{}
			if err := bot.New(out, nil, nil).Receive(t.Context(), test.activity); err != nil {
				t.Fatal(err)
			}
			if len(out.sent) != len(test.want) {
				t.Fatalf("%d answers, want %d: %+v", len(out.sent), len(test.want), out.sent)
			}
			for i, want := range test.want {
				if !strings.Contains(out.sent[i].Text, want) {
					t.Errorf("answer %d = %q, want something with %q", i, out.sent[i].Text, want)
				}
			}
		})
	}
}

func TestAnAnswerIsAddressedAndLogged(t *testing.T) {
	out, log := &channel{}, &journal{}
	demo := bot.New(out, log, &bot.Options{Now: fixedNow})
	if err := demo.Receive(t.Context(), said("hi")); err != nil {
		t.Fatal(err)
	}
	if len(log.logged) != 2 {
		t.Fatalf("%d activities logged, want 2", len(log.logged))
	}
	// As Bot Framework's transcript logger does: the role that the channel left
	// out, and the rest unchanged.
	if diff := cmp.Diff(map[string]any{"id": "dl_ada", "name": "Ada", "role": "user"}, log.logged[0]["from"]); diff != "" {
		t.Errorf("from of what was received (-want +got):\n%s", diff)
	}
	want := map[string]any{
		"type": "message", "id": "c|0000001", "timestamp": "2026-03-01T10:00:00.5Z", "replyToId": "c|0000000",
		"channelId": "directline", "serviceUrl": "https://directline.example/", "locale": "nl-NL",
		"conversation": map[string]any{"id": "c"}, "text": "You said: hi", "textFormat": "plain", "inputHint": "acceptingInput",
		"from":      map[string]any{"id": "demobot", "name": "Demo bot", "role": "bot"},
		"recipient": map[string]any{"id": "dl_ada", "name": "Ada"},
	}
	if diff := cmp.Diff(want, log.logged[1]); diff != "" {
		t.Errorf("what was sent (-want +got):\n%s", diff)
	}
}

func TestUnknownMembersAreLoggedAsTheyCame(t *testing.T) {
	log := &journal{}
	activity := received(`"type":"event","name":"x","channelData":{"clientActivityID":"1"},"own":[1,{"a":null}]`)
	if err := bot.New(&channel{}, log, nil).Receive(t.Context(), activity); err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(activity, &want); err != nil {
		t.Fatal(err)
	}
	want["from"].(map[string]any)["role"] = "user"
	if diff := cmp.Diff(want, log.logged[0]); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
}

func TestAChannelThatGivesNoIDs(t *testing.T) {
	log := &journal{}
	if err := bot.New(&channel{none: true}, log, nil).Receive(t.Context(), said("hi")); err != nil {
		t.Fatal(err)
	}
	if id, _ := log.logged[1]["id"].(string); !strings.HasPrefix(id, "g_") || len(id) < 20 {
		t.Errorf("id = %q, want a generated one, g_…", id)
	}
}

func TestSlowShowsTypingFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, log := &channel{}, &journal{}
		if err := bot.New(out, log, &bot.Options{Thinking: 3 * time.Second}).Receive(t.Context(), said("slow")); err != nil {
			t.Fatal(err)
		}
		if len(out.sent) != 2 || out.sent[0].Type != "typing" || out.sent[1].Type != "message" {
			t.Fatalf("answers = %+v, want typing and a message", out.sent)
		}
		if pause := out.at[1].Sub(out.at[0]); pause != 3*time.Second {
			t.Errorf("the bot thought for %s, want 3s", pause)
		}
		if len(log.logged) != 3 {
			t.Errorf("%d activities logged, want 3: typing too", len(log.logged))
		}
	})
}

func TestThinkingEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := bot.New(&channel{}, nil, nil).Receive(ctx, said("slow")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive = %v, want the deadline", err)
		}
	})
}

// A property of Table Storage holds 32 K characters: the demo must show that
// more than that is stored.
func TestLongIsLongerThanAPropertyOfTableStorage(t *testing.T) {
	out := &channel{}
	if err := bot.New(out, nil, nil).Receive(t.Context(), said("long")); err != nil {
		t.Fatal(err)
	}
	if length := len(utf16.Encode([]rune(out.sent[0].Text))); length <= 32<<10 || length > 128<<10 {
		t.Errorf("the text has %d characters, want more than 32 K and far less than 256 K", length)
	}
}

func TestTheCardsAreCards(t *testing.T) {
	out := &channel{}
	if err := bot.New(out, nil, nil).Receive(t.Context(), said("card")); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, attached := range out.sent[0].Attachments {
		var card struct{ Type, Title string }
		if err := json.Unmarshal(attached.Content, &card); err != nil {
			t.Errorf("%s: %v", attached.ContentType, err)
		}
		kinds[attached.ContentType] = card.Type + card.Title
	}
	want := map[string]string{
		"application/vnd.microsoft.card.adaptive": "AdaptiveCard",
		"application/vnd.microsoft.card.hero":     "A hero card",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("cards (-want +got):\n%s", diff)
	}
}

func TestWhatMakesTheBotFail(t *testing.T) {
	down := errors.New("down")
	for name, test := range map[string]struct {
		activity         json.RawMessage
		channel, journal error // what they fail with
		want             error
		logged           int
	}{
		"the user asks for it":    {activity: said("error"), want: bot.ErrAsked, logged: 1},
		"the channel is down":     {activity: said("hi"), channel: down, want: down, logged: 1},
		"the transcript is down":  {activity: said("hi"), journal: down, want: down},
		"the activity is no JSON": {activity: json.RawMessage("{")},
	} {
		t.Run(name, func(t *testing.T) {
			out, log := &channel{fail: test.channel}, &journal{fail: test.journal}
			err := bot.New(out, log, nil).Receive(t.Context(), test.activity)
			if err == nil || (test.want != nil && !errors.Is(err, test.want)) {
				t.Errorf("Receive = %v, want %v", err, test.want)
			}
			if len(out.sent) != 0 {
				t.Errorf("the bot answered %v", out.sent)
			}
			if len(log.logged) != test.logged {
				t.Errorf("%d activities logged, want %d", len(log.logged), test.logged)
			}
		})
	}
}
