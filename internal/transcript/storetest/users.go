package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// said is a record whose user is the given one.
func (s subject) said(t *testing.T, conversation, id string, at time.Time, user string) transcript.Record {
	t.Helper()
	record := s.record(t, conversation, id, at, user+" says "+id)
	record.User = transcript.Party{ID: user, Certainty: transcript.UserByRole}
	return record
}

// userConversations are the keys of a user's conversations.
func (s subject) userConversations(t *testing.T, user string) []string {
	t.Helper()
	keys, err := s.UserConversations(t.Context(), s.assistant, user)
	if err != nil {
		t.Fatalf("UserConversations(%q): %v", user, err)
	}
	return keys
}

func (s subject) wantUserConversations(t *testing.T, user string, conversations ...string) {
	t.Helper()
	var want []string
	for _, conversation := range conversations {
		want = append(want, keyOf(conversation))
	}
	slices.Sort(want)
	if got := s.userConversations(t, user); !slices.Equal(got, want) {
		t.Errorf("user %.40q has conversations %q, want %q", user, got, want)
	}
}

func userHasConversations(t *testing.T, s subject) {
	s.must(t,
		s.said(t, "own", "1", noon(), "user"),
		s.said(t, "own", "2", noon().Add(day), "user"),
		s.said(t, "shared", "1", noon().Add(time.Hour), "second"),
		s.said(t, "shared", "2", noon(), "user"),
		s.said(t, "second's", "1", noon(), "second"),
		s.said(t, "one day each", "1", noon(), "user"),
		s.said(t, "one day each", "2", noon().Add(day), "second"),
	)
	late := s.said(t, "one day each", "0", noon().Add(-time.Hour), "third")
	late.User.Certainty = transcript.UserByID // so that the index does not show them
	s.must(t, late)
	for range 2 {
		s.wantUserConversations(t, "user", "own", "shared", "one day each")
		s.wantUserConversations(t, "second", "shared", "second's", "one day each")
		s.wantUserConversations(t, "third", "one day each")
		for _, unknown := range []string{"", "use", "user1", "USER", "user.", "user.own", "us"} {
			s.wantUserConversations(t, unknown)
		}
		nobody := subject{Store: s.Store, assistant: s.assistant + "x"}
		nobody.wantUserConversations(t, "user")
		s.must(t, late, s.said(t, "shared", "1", noon().Add(time.Hour), "second"))
	}
}

// Far more users than a row of the index names, in few deliveries and in many.
func crowdHasConversation(t *testing.T, s subject) {
	var records []transcript.Record
	for i := range 150 {
		records = append(records, s.said(t, "crowd", fmt.Sprint(i), noon().Add(time.Duration(i)*time.Second), fmt.Sprintf("user %03d", 149-i)))
	}
	s.must(t, records[:100]...)
	for few := range slices.Chunk(records[100:], 10) {
		s.must(t, few...)
	}
	for i := range records {
		s.wantUserConversations(t, records[i].User.ID, "crowd")
	}
	s.erase(t, "crowd")
	for i := range records {
		s.wantUserConversations(t, records[i].User.ID)
	}
	s.wantGone(t, "crowd")
}

func anyUserIDIsFound(t *testing.T, s subject) {
	var records []transcript.Record
	for i, user := range hostileIDs() {
		records = append(records, s.said(t, fmt.Sprint("conversation ", i), "1", noon(), user))
	}
	for i, user := range hostileIDs()[:20] {
		records = append(records, s.said(t, "together", fmt.Sprint(i), noon(), user))
	}
	s.must(t, records...)
	for i, user := range hostileIDs() {
		want := []string{fmt.Sprint("conversation ", i)}
		if i < 20 {
			want = append(want, "together")
		}
		s.wantUserConversations(t, user, want...)
	}
}

func userIsErasedEverywhere(t *testing.T, s subject) {
	alone := s.said(t, "second's", "1", noon(), "second")
	s.must(t,
		alone,
		s.said(t, "own", "1", noon(), "user"),
		s.said(t, "shared", "1", noon(), "user"),
		s.said(t, "shared", "2", noon().Add(time.Hour), "second"),
		s.said(t, "one day each", "1", noon(), "user"),
		s.said(t, "one day each", "2", noon().Add(day), "second"),
	)
	for _, key := range s.userConversations(t, "user") {
		if err := s.Erase(t.Context(), s.assistant, key); err != nil {
			t.Error(err)
		}
	}
	for _, conversation := range []string{"own", "shared", "one day each"} {
		s.wantGone(t, conversation, "user", "second")
	}
	s.wantUserConversations(t, "user")
	s.wantUserConversations(t, "second", "second's")
	s.wantWhole(t, alone)
}
