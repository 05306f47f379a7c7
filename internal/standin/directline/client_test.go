package directline_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chatgate/internal/standin/directline"
)

// client is the real client library in a process of its own.
type client struct {
	t        *testing.T
	commands io.Writer
	events   *bufio.Scanner
	past     []event
}

// event is one thing that the client tells.
type event struct {
	Status   *int           `json:"status"`
	Activity map[string]any `json:"activity"`
	Posted   string         `json:"posted"`
	Refused  int            `json:"refused"`
	Session  string         `json:"session"`
	Failed   string         `json:"failed"`
}

// Statuses of the client library.
const (
	online       = 2
	expiredToken = 3
)

// connect starts the client. What it needs is installed by "make deps"; the
// test fails without, because no other proves that Web Chat can talk to us.
func (s *site) connect(options map[string]any) *client {
	s.t.Helper()
	modules := filepath.Join(moduleRoot(s.t), "e2e", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "botframework-directlinejs")); err != nil {
		s.t.Fatal("botframework-directlinejs is not installed: run make deps")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		s.t.Fatal("Node is not installed, and the client library needs it")
	}
	options["domain"] = s.url
	encoded, err := json.Marshal(options)
	if err != nil {
		s.t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	process := exec.CommandContext(limited, node, filepath.Join("testdata", "client.cjs"), modules, string(encoded))
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		defer cancel()
		_ = stdin.Close()
		_, _ = io.Copy(io.Discard, stdout)
		_ = process.Wait()
	})
	return &client{t: s.t, commands: stdin, events: bufio.NewScanner(stdout)}
}

func (c *client) command(name string, value any) {
	c.t.Helper()
	if err := json.NewEncoder(c.commands).Encode(map[string]any{name: value}); err != nil {
		c.t.Fatal(err)
	}
}

// post sends a message as Web Chat does: with a clientActivityID.
func (c *client) post(text, clientActivityID string) {
	c.t.Helper()
	c.command("post", map[string]any{"type": "message", "from": map[string]any{"id": "me"}, "text": text,
		"channelData": map[string]any{"clientActivityID": clientActivityID}})
}

// until reads events until one fits, which may be an earlier one.
func (c *client) until(what string, fits func(event) bool) event {
	c.t.Helper()
	if at := slices.IndexFunc(c.past, fits); at >= 0 {
		return c.past[at]
	}
	for c.events.Scan() {
		var next event
		if err := json.Unmarshal(c.events.Bytes(), &next); err != nil {
			c.t.Fatalf("the client wrote %q: %v", c.events.Text(), err)
		}
		c.past = append(c.past, next)
		if fits(next) {
			return next
		}
	}
	c.t.Fatalf("the client ended before %s; it told %+v", what, c.past)
	return event{}
}

func (c *client) untilText(text string) event {
	c.t.Helper()
	return c.until(text, func(e event) bool { return e.Activity != nil && saying(e.Activity) == text })
}

func (c *client) untilStatus(status int) {
	c.t.Helper()
	c.until(fmt.Sprint("status ", status), func(e event) bool { return e.Status != nil && *e.Status == status })
}

// completed checks that a send is done for Web Chat: the echo has the id that
// the post returned, and the same clientActivityID.
func (c *client) completed(text, clientActivityID string) {
	c.t.Helper()
	echo := c.untilText(text).Activity
	data, _ := echo["channelData"].(map[string]any)
	if data["clientActivityID"] != clientActivityID {
		c.t.Errorf("echo of %q has channelData %v, want clientActivityID %s", text, data, clientActivityID)
	}
	c.until("the id of "+text, func(e event) bool { return e.Posted != "" && e.Posted == echo["id"] })
}

// count returns how often the client showed a text.
func (c *client) count(text string) int {
	shown := 0
	for _, each := range c.past {
		if each.Activity != nil && saying(each.Activity) == text {
			shown++
		}
	}
	return shown
}

// answering makes the bot type and then answer.
func (s *site) answering() {
	s.bot.answer = func(ctx context.Context, activity map[string]any) error {
		if activity["type"] != "message" {
			return nil
		}
		conversation, _ := activity["conversation"].(map[string]any)
		id, _ := conversation["id"].(string)
		for _, reply := range []string{`{"type":"typing"}`, fmt.Sprintf(`{"type":"message","text":"answer to %s"}`, activity["text"])} {
			if _, err := s.Send(ctx, id, json.RawMessage(reply)); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestTheRealClientTalksOverWebSocketAndSurvivesALostConnection(t *testing.T) {
	site := newSite(t, &directline.Options{KeepAlive: 5 * time.Millisecond})
	site.answering()
	token, conversation := site.generate("dl_ada")
	client := site.connect(map[string]any{"token": token})
	client.untilStatus(online)
	// What is typed reaches only who listens already, and the client is online
	// before its WebSocket is.
	site.sendText(conversation, "welcome")
	client.untilText("welcome")
	client.post("hello", "c.1")
	client.completed("hello", "c.1")
	client.untilText("typing")
	client.untilText("answer to hello")

	for site.CutStream(conversation) { // until the client has noticed and the site too
		site.sendText(conversation, "while you were away")
	}
	client.untilText("while you were away")
	client.post("back again", "c.2")
	client.completed("back again", "c.2")
	client.untilText("answer to back again")

	for _, text := range []string{"hello", "answer to hello", "while you were away", "back again"} {
		if got := client.count(text); got != 1 {
			t.Errorf("the client showed %q %d times, want once", text, got)
		}
	}
	if site.Calls(directline.Reconnect) != 1 || site.Calls(directline.Stream) != 2 || site.Calls(directline.GetActivities) != 0 {
		t.Errorf("calls: %d reconnects, %d streams, %d polls; want 1, 2, 0",
			site.Calls(directline.Reconnect), site.Calls(directline.Stream), site.Calls(directline.GetActivities))
	}
}

func TestTheRealClientTalksByPolling(t *testing.T) {
	site := newSite(t, nil)
	site.answering()
	token, _ := site.generate("dl_ada")
	client := site.connect(map[string]any{"token": token, "webSocket": false, "pollingInterval": 200})
	client.untilStatus(online)
	for i, text := range []string{"one", "two"} {
		client.post(text, fmt.Sprint("p.", i))
		client.completed(text, fmt.Sprint("p.", i))
		client.untilText("answer to " + text)
	}
	if client.count("one") != 1 || client.count("typing") != 0 {
		t.Errorf("the client showed %d times \"one\" and %d times typing, want 1 and 0", client.count("one"), client.count("typing"))
	}
	if site.Calls(directline.Stream) != 0 {
		t.Error("the client opened a stream")
	}
}

func TestTheRealClientUploadsAndAsksForItsSession(t *testing.T) {
	site := newSite(t, nil)
	token, conversation := site.generate("dl_ada", shop)
	client := site.connect(map[string]any{"token": token})
	client.untilStatus(online)
	client.command("session", true)
	if got := client.until("the session id", func(e event) bool { return e.Session != "" }); len(got.Session) < 20 {
		t.Errorf("session id = %q", got.Session)
	}
	client.command("post", map[string]any{"type": "message", "from": map[string]any{"id": "dl_ada"}, "text": "see",
		"attachments": []any{map[string]any{"contentType": "text/plain", "contentUrl": "data:text/plain,hello", "name": "note.txt"}}})
	client.untilText("see")
	attached := site.attachmentsOf(conversation, token)
	if len(attached) != 1 || attached[0]["name"] != "note.txt" || attached[0]["contentUrl"] == nil {
		t.Errorf("attachments = %v", attached)
	}
}

// Facts: a client that slept past the expiry ends in ExpiredToken.
func TestTheRealClientSeesThatItsTokenExpired(t *testing.T) {
	site := newSite(t, nil)
	token, _ := site.generate("dl_ada")
	client := site.connect(map[string]any{"token": token})
	client.untilStatus(online)
	site.clock.Advance(time.Hour)
	client.post("too late", "x")
	client.untilStatus(expiredToken)
}
