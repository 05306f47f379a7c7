package desk_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/desk"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

// store is one assistant's conversations and its audit. It notes the order of
// what happens, and fails as told. What it is not asked for here it lacks.
type store struct {
	transcript.Archive
	transcript.Eraser

	mu       sync.Mutex
	events   []string
	entries  []audit.Entry
	failures map[string]error // by the event's first word

	conversations map[string][]string // key → the texts of its activities
	users         map[string][]string // user → keys
	interrupted   []string
	goingOn       []string // those of the interrupted that go on
	// erasing is called for each erasure, without the lock.
	erasing func(ctx context.Context, key string) error
}

func newStore() *store {
	return &store{failures: map[string]error{}, conversations: map[string][]string{}, users: map[string][]string{}}
}

func (s *store) note(what, about string) error {
	s.events = append(s.events, what+" "+about)
	return s.failures[what]
}

func (s *store) Recent(_ context.Context, assistant string, _ transcript.Span, _ transcript.Mark, limit int) (transcript.Listing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var listing transcript.Listing
	for key := range s.conversations {
		listing.Items = append(listing.Items, transcript.Listed{Key: key})
	}
	listing.Items = listing.Items[:min(limit, len(listing.Items))]
	return listing, s.note("list", assistant)
}

func (s *store) Conversation(_ context.Context, _, key string) (transcript.Conversation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.note("find", key); err != nil {
		return transcript.Conversation{}, err
	}
	if _, there := s.conversations[key]; !there {
		return transcript.Conversation{}, transcript.ErrNoConversation
	}
	return transcript.Conversation{ConversationID: "id of " + key}, nil
}

// Excerpt takes the texts themselves for row keys.
func (s *store) Excerpt(_ context.Context, _, key string, part transcript.Part) (transcript.Excerpt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.note("read", key+" after "+part.After); err != nil {
		return transcript.Excerpt{}, err
	}
	texts := s.conversations[key]
	texts = texts[slices.Index(texts, part.After)+1:]
	var excerpt transcript.Excerpt
	for _, text := range texts[:min(part.Limit, len(texts))] {
		excerpt.Records = append(excerpt.Records, transcript.Record{Activity: []byte(text)})
	}
	if len(texts) > part.Limit {
		excerpt.Next = texts[part.Limit-1]
	}
	return excerpt, nil
}

func (s *store) UserConversations(_ context.Context, _, userID string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users[userID]), s.note("look", userID)
}

func (s *store) Unfinished(context.Context, string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.interrupted), s.note("interrupted", "")
}

// LastActivity knows only of whether there is any.
func (s *store) LastActivity(_ context.Context, _, key string) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.conversations[key]; !there {
		return time.Time{}, transcript.ErrNoConversation
	}
	return now, nil
}

func (s *store) Finish(_ context.Context, _, key string) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.note("finish", key)
	return err == nil && !slices.Contains(s.goingOn, key), err
}

func (s *store) Erase(ctx context.Context, _, key string) error {
	s.mu.Lock()
	erasing, err := s.erasing, s.note("erase", key)
	s.mu.Unlock()
	if erasing != nil {
		return erasing(ctx, key)
	}
	return err
}

func (s *store) Append(_ context.Context, entry audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := entry.Check(); err != nil {
		return err
	}
	if err := s.note("audit", string(entry.Action)); err != nil {
		return err
	}
	s.entries = append(s.entries, entry)
	return nil
}

func (s *store) Page(_ context.Context, assistant, _ string, _ int) (audit.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return audit.Page{Entries: slices.Clone(s.entries)}, s.note("page", assistant)
}

// did returns what happened since the last call.
func (s *store) did() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

var now = time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)

// newDesk opens a desk for one assistant of each bank, and one that has no
// consultants.
func newDesk(p people, s *store, timeout time.Duration) *desk.Desk {
	return desk.New([]desk.Assistant{{ID: "bankx", TenantID: p.bankX}, {ID: "banky", TenantID: p.bankY}, {ID: "silent"}}, s, s,
		&desk.Options{Now: func() time.Time { return now }, EraseTimeout: timeout})
}

func codeOf(err error) problem.Code {
	if err == nil {
		return ""
	}
	return problem.From(err).Code
}

func wantEvents(t *testing.T, s *store, want ...string) {
	t.Helper()
	if got := s.did(); !slices.Equal(got, want) {
		t.Errorf("happened: %q, want %q", got, want)
	}
}
