package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func (s subject) erase(t *testing.T, conversation string) {
	t.Helper()
	if err := s.Erase(t.Context(), s.assistant, keyOf(conversation)); err != nil {
		t.Errorf("Erase(%q): %v", conversation, err)
	}
}

// unfinished are the keys of erasures that began and did not end.
func (s subject) unfinished(t *testing.T) []string {
	t.Helper()
	keys, err := s.Unfinished(t.Context(), s.assistant)
	if err != nil {
		t.Fatalf("Unfinished: %v", err)
	}
	return keys
}

// expired are the days that ended by the given moment, read page by page.
func (s subject) expired(t *testing.T, before time.Time, limit int) (days []transcript.DayRow) {
	t.Helper()
	after := ""
	for {
		page, err := s.Expired(t.Context(), s.assistant, before, after, limit)
		if err != nil {
			t.Fatalf("Expired: %v", err)
		}
		if len(page) > limit {
			t.Errorf("a page of at most %d days holds %d", limit, len(page))
		}
		if len(page) == 0 {
			return days
		}
		last := page[len(page)-1].Place
		if last <= after {
			t.Fatalf("after place %q come days up to %q", after, last)
		}
		days, after = append(days, page...), last
	}
}

// wantGone expects that no reading finds anything of a conversation, its users
// or its days.
func (s subject) wantGone(t *testing.T, conversation string, users ...string) {
	t.Helper()
	s.wantUnseen(t, conversation)
	key := keyOf(conversation)
	for _, row := range s.conversations(t) {
		if row.ConversationID == conversation {
			t.Errorf("the index has %+v", row)
		}
	}
	for _, user := range users {
		if slices.Contains(s.userConversations(t, user), key) {
			t.Errorf("user %q still has conversation %q", user, conversation)
		}
	}
	isIts := func(row transcript.DayRow) bool { return row.Key == key }
	if slices.ContainsFunc(s.expired(t, noon().Add(1000*day), 100), isIts) {
		t.Errorf("a day of %q is still there to expire", conversation)
	}
	if keys := s.unfinished(t); slices.Contains(keys, key) {
		t.Errorf("the erasure of %q is among the unfinished %q", conversation, keys)
	}
}

// wantUnseen expects that a consultant finds nothing of a conversation.
func (s subject) wantUnseen(t *testing.T, conversation string) {
	t.Helper()
	key := keyOf(conversation)
	if got := s.activities(t, conversation); len(got) > 0 {
		t.Errorf("%q has %d activities", conversation, len(got))
	}
	if got := s.excerpts(t, key, 10, 1<<20); len(got) > 0 {
		t.Errorf("%q has an excerpt of %d activities", conversation, len(got))
	}
	if got := s.listed(t, conversation, transcript.Span{}); len(got) > 0 {
		t.Errorf("the list shows %q", shown(got))
	}
	if got := s.listed(t, conversation, transcript.Span{To: midnight().Add(day)}); len(got) > 0 {
		t.Errorf("the list of earlier days shows %q", shown(got))
	}
	if got, err := s.Conversation(t.Context(), s.assistant, key); !errors.Is(err, transcript.ErrNoConversation) {
		t.Errorf("%q is %+v, %v", conversation, got, err)
	}
	if at, err := s.LastActivity(t.Context(), s.assistant, key); !errors.Is(err, transcript.ErrNoConversation) {
		t.Errorf("%q was last active at %v, %v", conversation, at, err)
	}
}

// listed is what a list shows of a conversation.
func (s subject) listed(t *testing.T, conversation string, span transcript.Span) []transcript.Listed {
	t.Helper()
	return slices.DeleteFunc(s.list(t, span, 50), func(item transcript.Listed) bool { return item.ConversationID != conversation })
}

// wantWhole expects that every reading finds a conversation that has exactly
// these records, and each of their users.
func (s subject) wantWhole(t *testing.T, records ...transcript.Record) {
	t.Helper()
	last := records[len(records)-1]
	conversation, key := last.ConversationID, keyOf(last.ConversationID)
	wantRecords(t, s.activities(t, conversation), records)
	wantRecords(t, s.excerpts(t, key, 10, 1<<20), records)
	if got := s.listed(t, conversation, transcript.Span{}); len(got) != 1 || got[0].LastText != last.Text || !got[0].LastActivityAt.Equal(last.SentAt) {
		t.Errorf("the list shows %q, want %q", shown(got), last.Text)
	}
	if got, err := s.Conversation(t.Context(), s.assistant, key); err != nil || got.LastText != last.Text {
		t.Errorf("%q is %+v, %v; want %q", conversation, got, err, last.Text)
	}
	if at, err := s.LastActivity(t.Context(), s.assistant, key); err != nil || !at.Equal(last.SentAt) {
		t.Errorf("%q was last active at %v, %v; want %v", conversation, at, err, last.SentAt)
	}
	for i := range records {
		if user := records[i].User.ID; user != "" && !slices.Contains(s.userConversations(t, user), key) {
			t.Errorf("user %q lacks conversation %q", user, conversation)
		}
	}
}

func erasedIsInNoReading(t *testing.T, s subject) {
	s.must(t,
		s.said(t, "conversation", "1", noon(), "one"),
		s.said(t, "conversation", "2", noon().Add(time.Minute), "two"),
		s.said(t, "conversation", "3", noon().Add(day), "one"),
		s.said(t, "conversation", "4", noon().Add(40*day), "two"),
	)
	other := subject{Store: s.open(t), assistant: s.assistant}
	if got := other.userConversations(t, "one"); len(got) != 1 {
		t.Errorf("before the erasure user one has conversations %q", got)
	}
	s.erase(t, "conversation")
	s.wantGone(t, "conversation", "one", "two")
	other.wantGone(t, "conversation", "one", "two")
}

func erasingLeavesOthers(t *testing.T, s subject) {
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	var kept [][]transcript.Record
	for _, name := range []string{"conv", "1conversation", "conversation1", "conversation/1", "conversation.", "CONVERSATION", "conversatioN", "'conversation'", "another"} {
		kept = append(kept, []transcript.Record{s.said(t, name, "1", noon(), "user"), s.said(t, name, "2", noon().Add(day), "user")})
	}
	theirs := []transcript.Record{longer.said(t, "conversation", "1", noon(), "user"), longer.said(t, "conversation", "2", noon().Add(day), "user")}
	s.must(t, slices.Concat(kept...)...)
	longer.must(t, theirs...)
	s.must(t, s.said(t, "conversation", "1", noon(), "user"), s.said(t, "conversation", "2", noon().Add(day), "user"))

	s.erase(t, "conversation")
	s.wantGone(t, "conversation")
	for _, records := range kept {
		s.wantWhole(t, records...)
	}
	longer.wantWhole(t, theirs...)
}

func erasingNothing(t *testing.T, s subject) {
	kept := []transcript.Record{s.said(t, "kept", "1", noon(), "user"), s.said(t, "kept", "2", noon().Add(day), "other")}
	s.must(t, kept...)
	s.must(t, s.said(t, "conversation", "1", noon(), "user"))
	for range 3 {
		s.erase(t, "conversation")
		s.wantGone(t, "conversation", "user")
	}
	for _, key := range notKeys(keyOf("kept")) {
		if err := s.Erase(t.Context(), s.assistant, key); err != nil {
			t.Errorf("erasing %.40q: %v", key, err)
		}
	}
	nobody := newAssistant()
	if err := s.Erase(t.Context(), nobody, keyOf("kept")); err != nil {
		t.Errorf("erasing what another assistant has: %v", err)
	}
	s.wantWhole(t, kept...)
	if keys := s.unfinished(t); len(keys) > 0 {
		t.Errorf("unfinished are %q", keys)
	}
}

func longConversationIsErased(t *testing.T, s subject) {
	records := s.dialogue(t, "conversation", 250)
	setActivity(t, &records[100], activityOf(3*transcript.MaxProperty))
	kept := s.said(t, "kept", "1", noon(), "user")
	s.must(t, append(records, kept)...)
	s.erase(t, "conversation")
	s.wantGone(t, "conversation", "dl_user")
	s.wantWhole(t, kept)
}

// Another instance remembers rows that are gone by then.
func activityAfterErasure(t *testing.T, s subject) {
	other := subject{Store: s.open(t), assistant: s.assistant}
	for i, writer := range []subject{s, other, s} {
		before := s.said(t, "conversation", fmt.Sprint("before ", i), noon().Add(time.Hour), "gone")
		s.must(t, before)
		other.must(t, s.said(t, "conversation", fmt.Sprint("other ", i), noon().Add(2*time.Hour), "gone"), s.said(t, "conversation", "next day", noon().Add(day), "gone"))
		s.erase(t, "conversation")
		s.wantGone(t, "conversation", "gone")

		after := writer.said(t, "conversation", fmt.Sprint("after ", i), noon(), "back")
		writer.must(t, after)
		for _, reader := range []subject{s, other} {
			reader.wantWhole(t, after)
			reader.wantUserConversations(t, "gone")
		}
		s.erase(t, "conversation")
	}
	s.wantGone(t, "conversation", "gone", "back")
}

// The broker may deliver again what was erased. A store that takes the rows of
// the index for unchanged would leave activities that no list shows.
func redeliveryAfterErasure(t *testing.T, s subject) {
	other := subject{Store: s.open(t), assistant: s.assistant}
	records := []transcript.Record{
		s.said(t, "conversation", "1", noon(), "user"), s.said(t, "conversation", "2", noon().Add(time.Hour), "user"), s.said(t, "conversation", "3", noon().Add(day), "second"),
	}
	for _, eraser := range []subject{s, other} {
		s.must(t, records...)
		s.wantWhole(t, records...)
		eraser.erase(t, "conversation")
		s.must(t, records[:1]...)
		s.wantWhole(t, records[:1]...)
		other.wantWhole(t, records[:1]...)
		s.wantUserConversations(t, "second")
		s.must(t, records...)
		other.wantWhole(t, records...)
	}
}

func interruptedErasureGoesOn(t *testing.T, s subject) {
	s.must(t, s.dialogue(t, "conversation", 20)...)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.Erase(ended, s.assistant, keyOf("conversation")); err == nil {
		t.Error("Erase succeeded although its context had ended")
	}
	other := subject{Store: s.open(t), assistant: s.assistant}
	other.erase(t, "conversation")
	s.wantGone(t, "conversation", "dl_user")
	if keys := s.unfinished(t); len(keys) > 0 {
		t.Errorf("unfinished are %q", keys)
	}
}

func endedContextEndsErasing(t *testing.T, s subject) {
	s.must(t, s.said(t, "conversation", "1", noon(), "user"))
	ended, end := context.WithCancel(t.Context())
	end()
	key := keyOf("conversation")
	wantAllFail(t, map[string]func() error{
		"Erase":             func() error { return s.Erase(ended, s.assistant, key) },
		"EraseIdle":         func() error { return s.EraseIdle(ended, s.assistant, dayOf("conversation", noon()), noon().Add(day)) },
		"Finish":            func() error { _, err := s.Finish(ended, s.assistant, key); return err },
		"UserConversations": func() error { _, err := s.UserConversations(ended, s.assistant, "user"); return err },
		"Unfinished":        func() error { _, err := s.Unfinished(ended, s.assistant); return err },
		"Expired":           func() error { _, err := s.Expired(ended, s.assistant, noon().Add(9*day), "", 10); return err },
		"LastActivity":      func() error { _, err := s.LastActivity(ended, s.assistant, key); return err },
		"Bookmark":          func() error { _, err := s.Bookmark(ended, s.assistant); return err },
		"SetBookmark":       func() error { return s.SetBookmark(ended, s.assistant, "place") },
	})
	if place, err := s.Bookmark(t.Context(), s.assistant); place != "" || err != nil {
		t.Errorf("the bookmark is %q, %v", place, err)
	}
	wantShown(t, s.list(t, transcript.Span{}, 10), "conversation: user says 1")
}
