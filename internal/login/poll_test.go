package login_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// RFC 8628 section 3.5: a poll that comes too early costs 5 seconds more, and
// none of them reaches the provider.
func TestPollsThatComeTooEarlySlowDown(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	for _, want := range []time.Duration{10 * time.Second, 15 * time.Second, 20 * time.Second} {
		w.clock.Advance(time.Second)
		if got := w.pollIs(started, login.StatusSlowDown); got.Interval != want {
			t.Errorf("interval = %s, want %s", got.Interval, want)
		}
	}
	if w.phone.polls != 0 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
	w.clock.Advance(20 * time.Second)
	if got := w.pollIs(started, login.StatusPending); got.Interval != 20*time.Second {
		t.Errorf("interval = %s", got.Interval)
	}
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusSlowDown)
}

func TestAPollMayComeALittleEarly(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(4600 * time.Millisecond)
	w.pollIs(started, login.StatusPending)
}

func TestManyPollsReachTheProviderOnceAnInterval(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(5 * time.Second)
	var group sync.WaitGroup
	for i := range 20 {
		broker := []*login.Broker{w.broker, w.other}[i%2]
		group.Go(func() {
			if _, err := broker.Poll(t.Context(), rita(), started.Login, ""); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if w.phone.polls != 1 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
}

func TestALoginIsRedeemedOnce(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusApproved)
	for range 3 {
		w.clock.Advance(time.Minute)
		if got := w.pollIs(started, login.StatusExpired); !got.Issued.Token.IsEmpty() {
			t.Error("a second token")
		}
	}
	if w.phone.polls != 1 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
}

// TestOfTwoPollsThatAreBothApprovedOneRedeems: the second poll's turn comes while
// the provider is still answering the first.
func TestOfTwoPollsThatAreBothApprovedOneRedeems(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(5 * time.Second)
	var second login.Progress
	w.phone.during = func() {
		w.phone.during = nil
		w.phone.decision = login.DecisionApproved
		w.clock.Advance(time.Minute)
		w.phone.mu.Unlock() // the provider answers both at once
		defer w.phone.mu.Lock()
		var err error
		if second, err = w.other.Poll(context.Background(), rita(), started.Login, ""); err != nil {
			t.Error(err)
		}
	}
	first := w.poll(started)
	if second.Status != login.StatusApproved || first.Status != login.StatusExpired || !first.Issued.Token.IsEmpty() {
		t.Errorf("first %s, second %s", first.Status, second.Status)
	}
}

func TestAPollInBetweenDoesNotLoseTheRedemption(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	w.phone.during = func() {
		w.phone.during = nil
		if got, err := w.other.Poll(context.Background(), rita(), started.Login, ""); err != nil || got.Status != login.StatusSlowDown {
			t.Errorf("%+v, %v", got, err)
		}
	}
	w.pollIs(started, login.StatusApproved)
}

func TestADenialIsRememberedAndCoolsDown(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.DecisionDenied)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusDenied)
	w.pollIs(started, login.StatusDenied)
	if w.phone.polls != 1 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
	w.startFails(rita(), problem.LoginCoolDown, time.Minute)
	elsewhere := rita()
	elsewhere.ConversationID = "conversation-2"
	w.startFails(elsewhere, problem.LoginCoolDown, time.Minute)
	w.clock.Advance(time.Minute)
	w.start(rita())
}

// Whoever knows a hint could otherwise wear somebody down with a prompt a minute.
func TestEachFurtherDenialCoolsDownTwiceAsLong(t *testing.T) {
	w := newWorld(t)
	conversations := 0
	elsewhere := func() login.Binding {
		conversations++
		binding := rita()
		binding.ConversationID = fmt.Sprint("elsewhere-", conversations)
		return binding
	}
	deny := func(wait time.Duration) {
		t.Helper()
		binding := elsewhere()
		started := w.start(binding)
		w.phone.decide(login.DecisionDenied)
		w.clock.Advance(5 * time.Second)
		for range 2 { // a poll may be repeated
			if got, err := w.broker.Poll(t.Context(), binding, started.Login, ""); err != nil || got.Status != login.StatusDenied {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		w.startFails(rita(), problem.LoginCoolDown, wait)
		w.clock.Advance(wait)
	}
	for _, minutes := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		deny(time.Duration(minutes) * time.Minute)
	}
	w.clock.Advance(23 * time.Hour)
	deny(time.Hour)
	w.clock.Advance(25 * time.Hour)
	deny(time.Minute)
	deny(2 * time.Minute)
	w.approvedIn(elsewhere())
	deny(time.Minute)
}

// Several may have begun before one was denied.
func TestDenialsOfLoginsThatWaitedTogetherCountAsOne(t *testing.T) {
	w := newWorld(t)
	bindings := []login.Binding{rita(), rita(), rita()}
	var started []login.Started
	for i := range bindings {
		bindings[i].ConversationID = fmt.Sprint("elsewhere-", i)
		started = append(started, w.start(bindings[i]))
	}
	w.phone.decide(login.DecisionDenied)
	w.clock.Advance(5 * time.Second)
	for i, binding := range bindings {
		if got, err := w.broker.Poll(t.Context(), binding, started[i].Login, ""); err != nil || got.Status != login.StatusDenied {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	w.startFails(rita(), problem.LoginCoolDown, time.Minute)
}

// A Login API may give its token once only. A slow answer with the token wins over
// a quick one that knows of none any more.
func TestAnApprovalIsNotLostToAPollThatCameAfterIt(t *testing.T) {
	for name, second := range map[string]login.Decision{"expired": login.DecisionExpired, "unusable": login.DecisionNone} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			started := w.start(rita())
			w.phone.decide(login.DecisionApproved)
			w.clock.Advance(5 * time.Second)
			w.phone.during = func() {
				w.phone.during = nil
				w.phone.decision = second
				w.clock.Advance(time.Minute)
				w.phone.mu.Unlock() // the provider answers both at once
				defer w.phone.mu.Lock()
				if got, _ := w.other.Poll(context.Background(), rita(), started.Login, ""); !got.Issued.Token.IsEmpty() {
					t.Errorf("the second poll: %+v", got)
				}
				w.phone.decision = login.DecisionApproved
			}
			w.pollIs(started, login.StatusApproved)
			w.pollIs(started, login.StatusExpired)
		})
	}
}

// A key that is refused may have been rotated a moment ago: the user has answered,
// and is not asked again for it.
func TestARefusedKeyEndsNoLogin(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.err = login.Refusal(&outbound.StatusError{Service: "the Login API", Status: http.StatusUnauthorized})
	w.clock.Advance(5 * time.Second)
	_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
	wantProblem(t, err, problem.LoginRefused, 0)
	w.phone.err = nil
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusApproved)
}

// Whom a denial cannot be noted for could be asked at once from elsewhere.
func TestADenialIsNotedForTheHintBeforeItIsTold(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.DecisionDenied)
	w.clock.Advance(5 * time.Second)
	saves := 0
	w.attempts.Fail = func(operation string) error {
		if operation == "save" {
			if saves++; saves == 2 { // the first takes the turn
				return errors.New("away")
			}
		}
		return nil
	}
	_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusDenied)
	elsewhere := rita()
	elsewhere.ConversationID = "conversation-2"
	w.startFails(elsewhere, problem.LoginCoolDown, time.Minute)
}

func TestALoginThatTheProviderRefusesIsOver(t *testing.T) {
	for name, refuse := range map[string]func(*phone){
		"an answer that cannot be used": func(p *phone) { p.err = login.ErrRefused },
		"no decision":                   func(p *phone) { p.decision = login.DecisionNone },
		"no token that a header holds":  func(p *phone) { p.decision, p.token = login.DecisionApproved, "two\nlines" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			started := w.start(rita())
			refuse(w.phone)
			w.clock.Advance(5 * time.Second)
			_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
			wantProblem(t, err, problem.LoginRefused, 0)
			w.pollIs(started, login.StatusExpired)
			w.phone.err = nil
			w.start(rita())
		})
	}
}

func TestTheProviderMayTimeOut(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.DecisionExpired)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.StatusExpired)
	w.start(rita())
}

func TestALoginExpires(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{
		0: 10 * time.Minute, time.Hour: 10 * time.Minute, time.Minute: time.Minute,
	} {
		w := newWorld(t)
		w.phone.begun.ExpiresIn = given
		started := w.start(rita())
		if started.ExpiresIn != want {
			t.Errorf("with %s it lives %s, want %s", given, started.ExpiresIn, want)
		}
		w.phone.decide(login.DecisionApproved)
		w.clock.Advance(want)
		w.pollIs(started, login.StatusExpired)
		if w.phone.polls != 0 {
			t.Error("the provider was asked")
		}
		w.start(rita())
	}
}

func TestAProviderThatIsAwayIsAskedAgainInTime(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(5 * time.Second)
	w.phone.err = errors.New("no answer")
	_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	w.pollIs(started, login.StatusSlowDown)
	w.phone.err = nil
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(10 * time.Second)
	w.pollIs(started, login.StatusApproved)
}

func TestAHandleIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	other := rita()
	other.ConversationID = "conversation-of-a-token"
	issued := w.approvedIn(other)
	w.phone.decide(login.DecisionPending)
	asked := w.phone.polls
	for name, binding := range map[string]login.Binding{
		"another assistant":    {Assistant: "banky", ConversationID: rita().ConversationID, UserID: rita().UserID},
		"another conversation": {Assistant: "bankx", ConversationID: "conversation-2", UserID: rita().UserID},
		"another user":         {Assistant: "bankx", ConversationID: rita().ConversationID, UserID: "dl_otto"},
		"nobody":               {},
	} {
		w.clock.Advance(10 * time.Second)
		_, err := w.broker.Poll(t.Context(), binding, started.Login, "")
		if err == nil {
			t.Fatal(name)
		}
		wantProblem(t, err, problem.LoginUnknown, 0)
	}
	for name, handle := range map[string]string{"empty": "", "made up": "x.y.z", "a token": issued.Token.Reveal(), "cut": started.Login.Reveal()[:50]} {
		if _, err := w.broker.Poll(t.Context(), rita(), redacted.New(handle), ""); problem.From(err).Code != problem.LoginUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.phone.polls != asked {
		t.Errorf("the provider was asked %d times", w.phone.polls-asked)
	}
}
