package login_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/outbound"
	"chatgate/internal/problem"
)

func TestBindingCodesAreEasyToCompare(t *testing.T) {
	seen := map[string]bool{}
	form := regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ23456789]{3}-[BCDFGHJKLMNPQRSTVWXZ23456789]{3}$`)
	for range 50 {
		w := newWorld(t)
		code := w.start(rita()).BindingCode
		if !form.MatchString(code) {
			t.Fatalf("code = %q", code)
		}
		seen[code] = true
	}
	if len(seen) < 49 {
		t.Errorf("only %d of 50 codes differ", len(seen))
	}
}

func TestIntervalsAreWithinReason(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{
		0: 5 * time.Second, -time.Second: 5 * time.Second, time.Millisecond: 2 * time.Second, time.Hour: time.Minute, 7 * time.Second: 7 * time.Second,
	} {
		w := newWorld(t)
		w.phone.begun.Interval = given
		if got := w.start(rita()).Interval; got != want {
			t.Errorf("with %s it is %s, want %s", given, got, want)
		}
	}
}

func TestOnePendingLoginAConversation(t *testing.T) {
	w := newWorld(t)
	w.start(rita())
	w.clock.Advance(time.Minute)
	w.startFails(rita(), problem.LoginPending, 4*time.Minute)
	if len(w.phone.started) != 1 {
		t.Errorf("the user was asked %d times", len(w.phone.started))
	}
	other := rita()
	other.ConversationID = "conversation-2"
	w.start(other)
}

func TestStartsAtOnceAskOnce(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	for i := range 10 {
		broker := []*login.Broker{w.broker, w.other}[i%2]
		group.Go(func() { _, _ = broker.Start(t.Context(), login.StartRequest{Binding: rita()}) })
	}
	group.Wait()
	if len(w.phone.started) != 1 {
		t.Errorf("the user was asked %d times", len(w.phone.started))
	}
}

func TestStartsAreLimitedForAConversationAndForAHint(t *testing.T) {
	w := newWorld(t)
	w.phone.begun.ExpiresIn = time.Minute
	for range 5 {
		w.start(rita())
		w.clock.Advance(time.Minute)
	}
	w.startFails(rita(), problem.RateLimited, 5*time.Minute)
	other := rita()
	other.ConversationID = "conversation-2"
	w.startFails(other, problem.RateLimited, 5*time.Minute)
	if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: other, Hint: "somebody else"}); err != nil {
		t.Error(err)
	}
	w.clock.Advance(5 * time.Minute)
	w.start(rita())
}

func TestAHintIsTheSameHoweverItIsSpelled(t *testing.T) {
	w := newWorld(t)
	for i, spelled := range []string{"Rita@Example.com", " rita@example.com", "RITA@EXAMPLE.COM", "rita@example.com", "r-i-t-a@EXAMPLE com"} {
		binding := rita()
		binding.ConversationID = strings.Repeat("c", i+1)
		if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: binding, Hint: spelled}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita(), Hint: "rita@example.com"})
	wantProblem(t, err, problem.RateLimited, 10*time.Minute)
}

func TestANumberIsTheSameHoweverItIsSpelled(t *testing.T) {
	w := newWorld(t)
	for i, spelled := range []string{"+49 151 1234567", "0049 151 1234567", "+49-151-1234567", "491511234567", "(49) 151/1234567"} {
		binding := rita()
		binding.ConversationID = strings.Repeat("c", i+1)
		if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: binding, Hint: spelled}); err != nil {
			t.Fatal(err)
		}
	}
	w.startFails(rita(), problem.RateLimited, 10*time.Minute)
}

func TestAHintIsTheSameInWhateverUnicodeWritesIt(t *testing.T) {
	for name, spellings := range map[string][]string{
		"digits in full width": {"+４９ １５１ １２３４５６７", "+49 151 1234567", "００49 151 １234567", "+49-151-123456７", "４9 151 1234567"},
		"accents apart":        {"jo\u0308rg", "jörg", "JÖRG", "Jo\u0308rg", "jö-rg"},
		"signs alone":          {"+++", "+++", "＋++", "+++", "+++"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			start := func(conversation int, spelled string) error {
				binding := rita()
				binding.ConversationID = strings.Repeat("c", conversation+1)
				_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: binding, Hint: spelled})
				return err
			}
			for i, spelled := range spellings {
				if err := start(i, spelled); err != nil {
					t.Fatal(err)
				}
			}
			wantProblem(t, start(9, spellings[0]), problem.RateLimited, 10*time.Minute)
		})
	}
}

func TestHintsThatDifferAreDifferentPeople(t *testing.T) {
	w := newWorld(t)
	for i, hint := range []string{"jorg", "jörg", "---", "+", "👍", "👎", "1", "01x"} {
		for n := range 5 {
			binding := rita()
			binding.ConversationID = strings.Repeat("c", 10*i+n+1)
			if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: binding, Hint: hint}); err != nil {
				t.Fatalf("%q: %v", hint, err)
			}
		}
	}
}

// Who says "log in" once more while the phone rings is not kept out for it.
func TestStartsThatAskNobodyDoNotCount(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code problem.Code
	}{
		"another is pending":       {},
		"the API cannot be dialed": {fmt.Errorf("startLogin: %w", &outbound.NotSentError{Err: errors.New("connection refused")}), problem.LoginUnavailable},
		"its key cannot be had":    {problem.New(problem.SecretUnavailable, "away"), problem.SecretUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if test.err == nil {
				w.start(rita())
			}
			w.phone.err = test.err
			for range 9 {
				if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita(), Hint: hint}); err == nil {
					t.Fatal("started")
				} else if test.err != nil && problem.From(err).Code != test.code {
					t.Fatal(err)
				}
			}
			w.phone.err = nil
			w.clock.Advance(5 * time.Minute)
			w.start(rita())
		})
	}
}

// Whether the user was asked, a lost answer does not tell.
func TestStartsWhoseAnswerIsLostCount(t *testing.T) {
	w := newWorld(t)
	w.phone.err = errors.New("no answer")
	for range 5 {
		_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita(), Hint: hint})
		wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	}
	w.phone.err = nil
	w.startFails(rita(), problem.RateLimited, 10*time.Minute)
}

func TestAHintThatMayNotBeAskedLeavesTheConversationFree(t *testing.T) {
	w := newWorld(t)
	w.phone.begun.ExpiresIn = time.Minute
	for i := range 5 {
		elsewhere := rita()
		elsewhere.ConversationID = strings.Repeat("c", i+1)
		w.start(elsewhere)
	}
	for range 9 {
		w.startFails(rita(), problem.RateLimited, 10*time.Minute)
	}
	if _, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita(), Hint: "somebody else"}); err != nil {
		t.Error(err)
	}
}

func TestAStartThatFailsLeavesTheWayFree(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code problem.Code
	}{
		"unreachable": {errors.New("no answer"), problem.LoginUnavailable},
		"refused":     {login.ErrRefused, problem.LoginRefused},
	} {
		w := newWorld(t)
		w.phone.err = test.err
		_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita()})
		if problem.From(err).Code != test.code {
			t.Errorf("%s: %v", name, err)
		}
		w.phone.err = nil
		w.start(rita())
	}
}

func TestAnInstanceThatDiesWhileStartingBlocksNobodyForLong(t *testing.T) {
	w := newWorld(t)
	saves := 0
	w.attempts.Fail = func(operation string) error {
		if operation == "save" {
			if saves++; saves > 1 {
				return errors.New("killed")
			}
		}
		return nil
	}
	_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: rita()})
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	w.attempts.Fail = nil
	w.startFails(rita(), problem.LoginPending, 30*time.Second)
	w.clock.Advance(30 * time.Second)
	w.start(rita())
}

func TestProvidersAreChosenByName(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		assistant string
		name      login.ProviderName
		code      problem.Code
	}{
		{"bankx", "", ""},
		{"bankx", login.LoginAPI, ""},
		{"bankx", login.BotService, problem.BadRequest},
		{"bankz", "", ""},
		{"bankz", login.BotService, ""},
		{"bankz", "other", problem.BadRequest},
		{"nobody", "", problem.BadRequest},
	} {
		binding := login.Binding{Assistant: test.assistant, ConversationID: string(test.name) + "!", UserID: "u"}
		_, err := w.broker.Start(t.Context(), login.StartRequest{Binding: binding, Provider: test.name})
		if test.code == "" && err != nil || test.code != "" && problem.From(err).Code != test.code {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
