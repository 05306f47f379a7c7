package handlers_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"chatgate/internal/transcript"
)

func (w *deskWorld) isThere(t *testing.T, assistant, conversation string) bool {
	t.Helper()
	_, err := w.store.Conversation(t.Context(), assistant, transcript.ConversationRow(conversation))
	if err != nil && !errors.Is(err, transcript.ErrNoConversation) {
		t.Fatal(err)
	}
	return err == nil
}

func TestEraseAConversation(t *testing.T) {
	w := startDesk(t)
	for _, assistant := range []string{"bankx", "banky"} {
		w.say(t, assistant, "c1", "a1", "2026-11-20T21:00:00Z", "")
		w.say(t, assistant, "c1", "a2", "2026-11-21T21:00:00Z", "")
	}
	w.say(t, "bankx", "c2", "a3", "2026-11-21T21:00:00Z", "")
	for range 2 { // safe to repeat
		response, body := w.ask(t, "eraser of X", http.MethodDelete, "assistants/bankx/conversations/"+transcript.ConversationRow("c1"))
		if response.StatusCode != 204 || len(body) > 0 || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%d %s", response.StatusCode, body)
		}
	}
	if w.isThere(t, "bankx", "c1") || !w.isThere(t, "bankx", "c2") || !w.isThere(t, "banky", "c1") {
		t.Error("not exactly the conversation is gone")
	}
	var list page
	w.get(t, "reader of X", "assistants/bankx/conversations", &list)
	if len(list.Items) != 1 {
		t.Errorf("the list shows %v", list.Items)
	}
}

// The id of a user is decoded exactly once, however hostile it is, and nobody
// else's conversations go.
func TestEraseAUser(t *testing.T) {
	users := map[string]string{ // the id, and how it is written at the end of the path
		"dl_1":        "/dl_1",
		"a b":         "/a%20b",
		"a+b":         "/a+b",
		"%41":         "/%2541",
		"A":           "/A",
		"a/b":         "?userId=a%2Fb",
		"a%2Fb":       "?userId=a%252Fb",
		"..":          "?userId=..",
		"ü'\"<>":      "/" + url.PathEscape("ü'\"<>"),
		"29:1x_-=.~@": "/29:1x_-=.~@",
		"?#&":         "?userId=" + url.QueryEscape("?#&"),
	}
	for id, written := range users {
		w := startDesk(t)
		for other := range users {
			w.say(t, "bankx", "of "+other, "a1", "2026-11-21T21:00:00Z", "", other)
		}
		w.say(t, "banky", "of "+id, "a1", "2026-11-21T21:00:00Z", "", id)
		w.want(t, "eraser of X", http.MethodDelete, "assistants/bankx/users"+written, 204, "")
		for other := range users {
			if w.isThere(t, "bankx", "of "+other) != (other != id) {
				t.Errorf("erasing %q (%s): the conversation of %q there: %t", id, written, other, other == id)
			}
		}
		if !w.isThere(t, "banky", "of "+id) {
			t.Errorf("erasing %q at Bank X erased Bank Y's conversation", id)
		}
	}
}

// Behind the host %2F arrives as %252F, and is then as good as the three
// characters %2F. Nothing is erased on a guess.
func TestAnIdWhoseSlashGotLostIsRefused(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "one", "a1", "2026-11-21T21:00:00Z", "", "a/b")
	w.say(t, "bankx", "two", "a1", "2026-11-21T21:00:00Z", "", "a%2Fb")
	for _, path := range []string{"users/a%252Fb", "users/a%252fb"} {
		w.want(t, "eraser of X", http.MethodDelete, "assistants/bankx/"+path, 400, "bad_request")
	}
	if !w.isThere(t, "bankx", "one") || !w.isThere(t, "bankx", "two") {
		t.Error("a conversation is gone")
	}
	w.want(t, "eraser of X", http.MethodDelete, "assistants/bankx/users/a%2Fb", 204, "") // where a host passes it on
	if w.isThere(t, "bankx", "one") || !w.isThere(t, "bankx", "two") {
		t.Error("not exactly the user's conversation is gone")
	}
}

func TestUsersWhoseIdsAreNone(t *testing.T) {
	w := startDesk(t)
	for _, written := range []string{"", "?userId=", "?userId=a&userId=b", "?userid=a", "?userId=%FF", "/%FF", "/a?userId=b"} {
		w.want(t, "eraser of X", http.MethodDelete, "assistants/bankx/users"+written, 400, "bad_request")
	}
}
