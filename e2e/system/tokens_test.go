package system_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
)

const directLineDomain = "https://" + cloud.DirectLineHost + "/v3/directline"

func TestATokenLetsItsUserChat(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{DirectLine: &directline.Options{TokenLifetime: 1800 * time.Second}})
	p := s.startHandler(t)

	p.newcomer(t)
	start := time.Now()
	given := p.issue(t, "")
	if !strings.HasPrefix(given.UserID, "dl_") || len(given.UserID) < len("dl_")+22 {
		t.Errorf("user id %q, want dl_ and at least 128 random bits", given.UserID)
	}
	if given.ExpiresIn != 1800 || given.ExpiresAt.Sub(start) < 1798*time.Second || given.ExpiresAt.Sub(start) > 1860*time.Second {
		t.Errorf("it expires in %d s, at %s; Direct Line gave 1800 s at %s", given.ExpiresIn, given.ExpiresAt, start)
	}
	if given.Domain != directLineDomain || given.ConversationID == "" || given.Visitor == "" {
		t.Errorf("not complete: %+v", given)
	}

	chat := s.newBrowser(t, given.Token)
	chat.start(t, given.ConversationID)
	chat.say(t, given.ConversationID, "hello", given.UserID)

	renewed := p.refresh(t, given.Token)
	if renewed.ConversationID != given.ConversationID || renewed.UserID != given.UserID || renewed.Visitor != "" || renewed.Token == given.Token {
		t.Errorf("refreshing changed more than the token: %+v", renewed)
	}
	s.newBrowser(t, renewed.Token).say(t, given.ConversationID, "hello again", given.UserID)
	if calls := s.DirectLine.Calls(directline.RefreshToken); calls != 1 {
		t.Errorf("%d calls of refresh reached Direct Line, want 1", calls)
	}
}

// Two visitors must never share a conversation or a user, however many come at
// once.
func TestEveryVisitorIsSomebodyElse(t *testing.T) {
	t.Parallel()
	p := newSystem(t, cloud.Options{}).startHandler(t)
	const visitors = 40
	type result struct {
		given grant
		err   error
	}
	results := make(chan result, visitors)
	for range visitors {
		go func() {
			got, err := p.try(t.Context(), request{path: "/api/GetNewToken"})
			if err != nil {
				results <- result{err: err}
				return
			}
			given, err := p.granted(got)
			results <- result{given, err}
		}()
	}
	users, conversations := map[string]bool{}, map[string]bool{}
	for range visitors {
		each := receive(t, results)
		if each.err != nil {
			t.Fatal(each.err)
		}
		users[each.given.UserID], conversations[each.given.ConversationID] = true, true
	}
	if len(users) != visitors || len(conversations) != visitors {
		t.Errorf("%d visitors got %d users and %d conversations", visitors, len(users), len(conversations))
	}
}

func TestAVisitorComesBackAsTheSameUser(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.addAssistant("shop", cloud.DirectLineSecret, s.DirectLine)
	p := s.startHandler(t)
	first := p.newcomer(t)
	if again := p.issue(t, first.Visitor); again.UserID != first.UserID || again.ConversationID == first.ConversationID {
		t.Errorf("coming back, %s in %s became %s in %s", first.UserID, first.ConversationID, again.UserID, again.ConversationID)
	}
	if forged := p.issue(t, forge(first.Visitor)); forged.UserID == first.UserID {
		t.Error("a forged visitor token was believed")
	}
	elsewhere, err := p.granted(p.call(t, request{path: "/api/GetNewToken/shop", body: `{"visitor":"` + first.Visitor + `"}`}))
	if err != nil || elsewhere.UserID == first.UserID {
		t.Errorf("another assistant believed the visitor token: %s %v", elsewhere.UserID, err)
	}
}

// forge changes a character in the middle of a token's signature.
func forge(token string) string {
	at := strings.LastIndexByte(token, '.') + 10
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}

// An instance that starts after the key was rotated has never seen the key with
// which the token was signed, and reads that version from the vault.
func TestARotationOfTheVisitorKeyLosesNobody(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	before := s.startHandler(t).newcomer(t)
	s.Vault.Set(cloud.VisitorKey, cloud.NewKey())

	later := s.startHandler(t)
	later.newcomer(t)
	after := later.issue(t, before.Visitor)
	if after.UserID != before.UserID {
		t.Errorf("after the rotation %s became %s", before.UserID, after.UserID)
	}
	s.Vault.Set(cloud.VisitorKey, cloud.NewKey())
	last := s.startHandler(t)
	last.newcomer(t)
	if again := last.issue(t, after.Visitor); again.UserID != before.UserID {
		t.Errorf("after two rotations %s became %s", before.UserID, again.UserID)
	}
}

// browser is a client of Direct Line that has a token and nothing else, as the
// page has.
type browser struct {
	client *http.Client
	token  string
}

func (s *System) newBrowser(t *testing.T, token string) *browser {
	t.Helper()
	transport := s.Proxy.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{client: &http.Client{Transport: transport, Timeout: patience}, token: token}
}

func (b *browser) call(t *testing.T, method, path, body string, into any) {
	t.Helper()
	sent, err := http.NewRequestWithContext(t.Context(), method, directLineDomain+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header.Set("Authorization", "Bearer "+b.token)
	sent.Header.Set("Content-Type", "application/json")
	received, err := b.client.Do(sent)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer received.Body.Close()
	text, err := io.ReadAll(received.Body)
	if err != nil || received.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s %v", method, path, received.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// start starts the conversation that the token is for.
func (b *browser) start(t *testing.T, conversationID string) {
	t.Helper()
	var started struct {
		ConversationID string `json:"conversationId"`
	}
	b.call(t, http.MethodPost, "/conversations", "", &started)
	if started.ConversationID != conversationID {
		t.Fatalf("the token is for conversation %s, %s was started", conversationID, started.ConversationID)
	}
}

// say sends a message in somebody else's name; it must arrive in the name of the
// user to whom the token is bound, and be answered.
func (b *browser) say(t *testing.T, conversationID, text, userID string) {
	t.Helper()
	path := "/conversations/" + conversationID + "/activities"
	var posted struct {
		ID string `json:"id"`
	}
	b.call(t, http.MethodPost, path, fmt.Sprintf(`{"type":"message","from":{"id":"dl_mallory"},"text":%q}`, text), &posted)
	var seen struct {
		Activities []struct {
			ID, ReplyToID, Text string
			From                struct{ ID string }
		}
	}
	b.call(t, http.MethodGet, path, "", &seen)
	sender, answered := "", false
	for _, activity := range seen.Activities {
		if activity.ID == posted.ID {
			sender = activity.From.ID
		}
		answered = answered || activity.ReplyToID == posted.ID && strings.Contains(activity.Text, text)
	}
	if sender != userID || !answered {
		t.Errorf("%q came from %q, not from %q; answered: %t", text, sender, userID, answered)
	}
}
