package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func erasuresAtOnce(t *testing.T, s subject) {
	s.must(t, s.dialogue(t, "conversation", 120)...)
	kept := s.said(t, "kept", "1", noon(), "user")
	s.must(t, kept)
	stores := []Store{s.Store, s.open(t)}
	var erasers sync.WaitGroup
	for i := range 4 {
		erasers.Go(func() {
			subject{Store: stores[i%2], assistant: s.assistant}.erase(t, "conversation")
		})
	}
	erasers.Wait()
	s.wantGone(t, "conversation", "dl_user")
	s.wantWhole(t, kept)
}

// Whoever stores and whoever erases at the same moment: afterwards there is
// nothing that an erasure cannot find because no list shows it.
func erasureAmongWriters(t *testing.T, s subject) {
	stores := []Store{s.Store, s.open(t)}
	for round := range 4 {
		conversation := fmt.Sprint("conversation ", round)
		s.must(t, s.said(t, conversation, "before", noon(), "before"))
		var group sync.WaitGroup
		for writer := range 3 {
			group.Go(func() {
				mine := subject{Store: stores[writer%2], assistant: s.assistant}
				user := fmt.Sprint("user ", writer)
				for i := range 5 {
					at := noon().Add(time.Duration((i*7+writer)%5) * 9 * time.Hour)
					mine.must(t, mine.said(t, conversation, fmt.Sprint(user, i), at, user))
				}
			})
		}
		for eraser := range 2 {
			group.Go(func() {
				for range 3 {
					subject{Store: stores[eraser], assistant: s.assistant}.erase(t, conversation)
				}
			})
		}
		group.Wait()
		s.wantSeenOrGone(t, conversation)
		s.erase(t, conversation)
		s.wantGone(t, conversation, "before", "user 0", "user 1", "user 2")
	}
}

// wantSeenOrGone expects that a consultant finds a conversation as its
// activities say: not at all, or in the list and by the users that they name.
func (s subject) wantSeenOrGone(t *testing.T, conversation string) {
	t.Helper()
	records := s.activities(t, conversation)
	if len(records) == 0 {
		s.wantUnseen(t, conversation)
		return
	}
	key, last := keyOf(conversation), records[len(records)-1]
	if got := s.listed(t, conversation, transcript.Span{}); len(got) != 1 {
		t.Errorf("%d activities are left, the list shows %q", len(records), shown(got))
	}
	if _, err := s.Conversation(t.Context(), s.assistant, key); err != nil {
		t.Errorf("%d activities are left, the conversation is %v", len(records), err)
	}
	if at, err := s.LastActivity(t.Context(), s.assistant, key); err != nil || !at.Equal(last.SentAt) {
		t.Errorf("last active at %v, %v; the last activity left is of %v", at, err, last.SentAt)
	}
	for i := range records {
		var user string
		if _, err := fmt.Sscanf(records[i].ActivityID, "user %1s", &user); err != nil {
			continue
		}
		if keys := s.userConversations(t, "user "+user); !slices.Contains(keys, key) {
			t.Errorf("%s is left, user %s has conversations %q", records[i].ActivityID, user, keys)
		}
	}
}
