package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/problem"
)

// Conversations that appear while the others are being erased are erased too.
func TestEraseUserLooksAgain(t *testing.T) {
	p, s := newPeople(t), newStore()
	s.users["user"] = []string{"one", "two"}
	s.conversations["two"], s.conversations["three"] = []string{"came meanwhile"}, []string{"too"}
	s.erasing = func(_ context.Context, key string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if key == "two" {
			s.users["user"] = []string{"two", "three"} // written to meanwhile
		}
		return nil
	}
	_, e := enter(t, newDesk(p, s, 0), p)
	erased, err := e.User(t.Context(), "user")
	if err != nil || erased != 3 {
		t.Errorf("erased %d, %v; want 3, each once", erased, err)
	}
	events := s.did()
	slices.Sort(events)
	if want := []string{"audit erase_user", "erase one", "erase three", "erase two", "interrupted ", "look user", "look user", "look user"}; !slices.Equal(events, want) {
		t.Errorf("happened: %q", events)
	}
}

// What is left of a conversation by somebody who stored an activity meanwhile, and
// ended before noticing that it was erased, is erased as well; and that is all,
// whatever the store says then.
func TestEraseUserErasesWhatNamesTheUserAndHasNoActivities(t *testing.T) {
	p, s := newPeople(t), newStore()
	s.users["user"] = []string{"one", "two"}
	s.erasing = func(context.Context, string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users["user"] = []string{"two"}
		return nil
	}
	_, e := enter(t, newDesk(p, s, 0), p)
	if erased, err := e.User(t.Context(), "user"); err != nil || erased != 2 {
		t.Errorf("erased %d, %v; want 2", erased, err)
	}
	events := s.did()
	slices.Sort(events)
	if want := []string{"audit erase_user", "erase one", "erase two", "erase two", "interrupted ", "look user", "look user", "look user"}; !slices.Equal(events, want) {
		t.Errorf("happened: %q", events)
	}
}

// An erasure that was interrupted may be the user's although the store no longer
// knows of whom the conversation was.
func TestEraseUserFinishesWhatWasInterrupted(t *testing.T) {
	p, s := newPeople(t), newStore()
	s.interrupted, s.goingOn = []string{"halfway", "goes on"}, []string{"goes on"}
	_, e := enter(t, newDesk(p, s, 0), p)
	if erased, err := e.User(t.Context(), "user"); err != nil || erased != 1 || !slices.Contains(s.did(), "finish halfway") {
		t.Errorf("erased %d, %v: %q", erased, err, s.did())
	}
}

func TestOneFailureKeepsNoOtherConversation(t *testing.T) {
	p, s := newPeople(t), newStore()
	for i := range 30 {
		s.users["user"] = append(s.users["user"], fmt.Sprintf("c%02d", i))
	}
	s.erasing = func(_ context.Context, key string) error {
		if key == "c00" {
			return errors.New("a row is locked")
		}
		return nil
	}
	_, e := enter(t, newDesk(p, s, 0), p)
	_, err := e.User(t.Context(), "user")
	if codeOf(err) != problem.StoreUnavailable {
		t.Errorf("err = %v", err)
	}
	erased := slices.DeleteFunc(s.did(), func(event string) bool { return !strings.HasPrefix(event, "erase ") })
	if len(erased) != 30 {
		t.Errorf("tried to erase %d of 30", len(erased))
	}
}

// An erasure is bounded in time and at once, and says what to do when it runs
// out. The browser's going does not end it.
func TestEraseUserIsBounded(t *testing.T) {
	p := newPeople(t)
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		for i := range 100 {
			s.users["user"] = append(s.users["user"], fmt.Sprintf("c%03d", i))
		}
		var mu sync.Mutex
		running, most := 0, 0
		s.erasing = func(ctx context.Context, _ string) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			defer func() {
				mu.Lock()
				running--
				mu.Unlock()
			}()
			select {
			case <-time.After(10 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		_, e := enter(t, newDesk(p, s, 90*time.Second), p)
		gone, leave := context.WithCancel(t.Context())
		leave()
		start := time.Now()
		_, err := e.User(gone, "user")
		if codeOf(err) != problem.StoreUnavailable || !strings.Contains(problem.From(err).Message, "Repeat") {
			t.Errorf("err = %v, want one that asks to repeat", err)
		}
		if took := time.Since(start); took != 90*time.Second {
			t.Errorf("gave up after %s", took)
		}
		if most != 8 {
			t.Errorf("%d at once", most)
		}
		s.mu.Lock()
		s.users["user"] = s.users["user"][72:] // what nine rounds of eight have left
		s.mu.Unlock()
		if erased, err := e.User(gone, "user"); err != nil || erased != 28 {
			t.Errorf("repeated: erased %d, %v", erased, err)
		}
	})
}

func TestUsersThatNobodyHas(t *testing.T) {
	p, s := newPeople(t), newStore()
	_, e := enter(t, newDesk(p, s, 0), p)
	for _, id := range []string{"", "\xff", strings.Repeat("x", 4<<10+1)} {
		if _, err := e.User(t.Context(), id); codeOf(err) != problem.BadRequest {
			t.Errorf("user %.10q: %v", id, err)
		}
	}
	for _, id := range []string{".", "..", "a/b", "a'b", "%41", "\x00", "ü\u2028", strings.Repeat("x", 4<<10)} {
		if _, err := e.User(t.Context(), id); err != nil {
			t.Errorf("user %.10q: %v", id, err)
		}
		if got := s.entries[len(s.entries)-1].UserID; got != id {
			t.Errorf("the audit says %.10q of %.10q", got, id)
		}
	}
}
