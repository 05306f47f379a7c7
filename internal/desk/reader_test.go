package desk_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/desk"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

// A key from outside reaches the store only in the form of one.
func TestMissingAndImpossibleConversationsAreAlike(t *testing.T) {
	p, s := newPeople(t), newStore()
	r, e := enter(t, newDesk(p, s, 0), p)
	_, _, missing := r.Read(t.Context(), "none", transcript.Part{Limit: 1})
	wantEvents(t, s, "find none")
	for _, key := range []string{"", ".", "..", "a/b", "a'b", "a b", "x.y", "~", "=", "=zz", "ü", strings.Repeat("a", 401)} {
		_, _, err := r.Read(t.Context(), key, transcript.Part{Limit: 1})
		if codeOf(err) != problem.NotFound || err.Error() != missing.Error() {
			t.Errorf("reading %q: %v, want %v", key, err, missing)
		}
		if _, _, err := r.Export(t.Context(), key); codeOf(err) != problem.NotFound {
			t.Errorf("exporting %q: %v", key, err)
		}
		if err := e.Conversation(t.Context(), key); codeOf(err) != problem.NotFound {
			t.Errorf("erasing %q: %v", key, err)
		}
		wantEvents(t, s)
	}
	if len(s.entries) > 0 {
		t.Errorf("the audit holds %v, though nothing was read", s.entries)
	}
}

func TestFailuresOfTheStoreTellNothing(t *testing.T) {
	p := newPeople(t)
	for event, do := range map[string]func(*testing.T, *desk.Reader, *desk.Eraser) error{
		"list": func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
			_, err := r.List(t.Context(), transcript.Span{}, transcript.Mark{}, 1)
			return err
		},
		"find": func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
			_, _, err := r.Export(t.Context(), "one")
			return err
		},
		"read": func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
			_, _, err := r.Read(t.Context(), "one", transcript.Part{Limit: 1})
			return err
		},
		"erase": func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error { return e.Conversation(t.Context(), "one") },
		"look": func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error {
			_, err := e.User(t.Context(), "user")
			return err
		},
		"page": func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error {
			_, err := e.Audit(t.Context(), "", 1)
			return err
		},
	} {
		s := newStore()
		s.conversations["one"] = []string{"a"}
		s.failures[event] = errors.New("connection refused by canary.example")
		r, e := enter(t, newDesk(p, s, 0), p)
		err := do(t, r, e)
		if codeOf(err) != problem.StoreUnavailable || strings.Contains(problem.From(err).Message, "canary") || !strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want store_unavailable with the cause for the log only", event, err)
		}
	}
}

func TestExportReadsPageByPage(t *testing.T) {
	p, s := newPeople(t), newStore()
	for i := range 1201 {
		s.conversations["long"] = append(s.conversations["long"], fmt.Sprintf("%04d", i))
	}
	r, _ := enter(t, newDesk(p, s, 0), p)
	conversation, records, err := r.Export(t.Context(), "long")
	if err != nil || conversation.ConversationID != "id of long" {
		t.Fatal(conversation, err)
	}
	wantEvents(t, s, "find long", "audit export")
	var got []string
	for record, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(record.Activity))
	}
	if !slices.Equal(got, s.conversations["long"]) {
		t.Errorf("%d activities, want %d in order", len(got), len(s.conversations["long"]))
	}
	wantEvents(t, s, "read long after ", "read long after 0499", "read long after 0999")
}

func TestExportEndsAfterItsFirstError(t *testing.T) {
	p, s := newPeople(t), newStore()
	s.conversations["one"] = []string{"a"}
	r, _ := enter(t, newDesk(p, s, 0), p)
	_, records, err := r.Export(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	s.failures["read"] = errors.New("gone")
	yielded := 0
	for _, err := range records {
		yielded++
		if codeOf(err) != problem.StoreUnavailable {
			t.Errorf("yielded %v", err)
		}
	}
	if yielded != 1 {
		t.Errorf("yielded %d times", yielded)
	}
}
