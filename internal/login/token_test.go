package login_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/problem"
	"chatgate/internal/secrets"
)

func TestATokenIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	for name, binding := range map[string]login.Binding{
		"another assistant":    {Assistant: "banky", ConversationID: rita().ConversationID},
		"another conversation": {Assistant: "bankx", ConversationID: "conversation-2"},
	} {
		if got, err := w.used(binding, issued.Token); problem.From(err).Code != problem.LoginUnknown || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if _, err := w.broker.Refresh(t.Context(), binding.Assistant, binding.ConversationID, issued.Token); problem.From(err).Code != problem.LoginUnknown {
			t.Errorf("refresh by %s: %v", name, err)
		}
	}
	w.phone.decide(login.DecisionPending)
	handle := w.start(rita()).Login
	if _, err := w.used(rita(), handle); problem.From(err).Code != problem.LoginUnknown {
		t.Errorf("a handle in place of a token: %v", err)
	}
}

func TestATokenExpiresAndIsRefreshed(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	w.clock.Advance(10 * time.Minute)
	_, err := w.used(rita(), issued.Token)
	wantProblem(t, err, problem.LoginAgain, 0)
	w.phone.token, w.phone.refresh = "second-token", ""
	next, err := w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, issued.Token)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.used(rita(), next.Token); err != nil || got != "second-token" {
		t.Errorf("%q, %v", got, err)
	}
	// RFC 6749 section 6: without a new refresh token the old one stays.
	w.phone.token = "third-token"
	if _, err := w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, next.Token); err != nil {
		t.Fatal(err)
	}
	if last := w.phone.polled[len(w.phone.polled)-1]; last != canaryRefresh {
		t.Errorf("refreshed with %q", last)
	}
	w.clock.Advance(25 * time.Hour)
	_, err = w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, next.Token)
	wantProblem(t, err, problem.LoginAgain, 0)
}

// After a leak a sealing key is disabled: what it sealed must not live on under the
// next one.
func TestATokenOfAnOlderKeyIsRefreshedOnlyIfTheVaultConfirmsTheKey(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	refresh := func() error {
		_, err := w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, issued.Token)
		return err
	}
	w.keys.current, w.keys.confirmed = '2', problem.New(problem.SecretUnavailable, "away")
	wantProblem(t, refresh(), problem.SecretUnavailable, 0)
	w.keys.confirmed = secrets.ErrNotFound
	wantProblem(t, refresh(), problem.LoginUnknown, 0)
	if len(w.phone.polled) != 1 {
		t.Errorf("the client's system was asked %d times, want only by the poll", len(w.phone.polled))
	}
	w.keys.confirmed = nil
	if err := refresh(); err != nil {
		t.Error(err)
	}
}

func TestARefreshThatIsRefusedAsksForANewLogin(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	for _, decision := range []login.Decision{login.DecisionDenied, login.DecisionExpired, login.DecisionPending, login.DecisionNone} {
		w.phone.decide(decision)
		_, err := w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, issued.Token)
		wantProblem(t, err, problem.LoginAgain, 0)
	}
	w.phone.err = login.ErrLoginAgain
	_, err := w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, issued.Token)
	wantProblem(t, err, problem.LoginAgain, 0)
	w.phone.err = errors.New("no answer")
	_, err = w.broker.Refresh(t.Context(), "bankx", rita().ConversationID, issued.Token)
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	if err := w.broker.SignOut(t.Context(), "bankx", rita().ConversationID, issued.Token); err != nil || w.phone.signOuts != 1 {
		t.Errorf("%v, %d", err, w.phone.signOuts)
	}
	if err := w.broker.SignOut(t.Context(), "bankx", "another", issued.Token); problem.From(err).Code != problem.LoginUnknown {
		t.Errorf("another's: %v", err)
	}
}

// A token goes into a header as it is: whatever could end the header, or is
// larger than what can be sealed, is refused.
func TestTokensThatNoHeaderMayHoldAreRefused(t *testing.T) {
	for name, token := range map[string]string{
		"empty": "", "a line break": "a\r\nX: y", "a space": "a b", "not ASCII": "ä", "padding in the middle": "a=b", "too large": strings.Repeat("a", 8<<10+1),
	} {
		w := newWorld(t)
		started := w.start(rita())
		w.phone.decide(login.DecisionApproved)
		w.phone.token = token
		w.clock.Advance(5 * time.Second)
		_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
		if problem.From(err).Code != problem.LoginRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each part is within its bounds, and all together are more than can be sealed.
func TestWhatIsTooMuchTogetherIsRefused(t *testing.T) {
	w := newWorld(t)
	binding := login.Binding{Assistant: "bankx", ConversationID: strings.Repeat("c", 1024), UserID: strings.Repeat("u", 1024)}
	started := w.start(binding)
	w.phone.decide(login.DecisionApproved)
	w.phone.token, w.phone.refresh = strings.Repeat("a", 8<<10), strings.Repeat("b", 4<<10)
	w.clock.Advance(5 * time.Second)
	if _, err := w.broker.Poll(t.Context(), binding, started.Login, ""); problem.From(err).Code != problem.LoginRefused {
		t.Errorf("err = %v", err)
	}
}
