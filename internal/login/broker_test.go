package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

func TestALoginFromStartToUse(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	if started.ExpiresIn != 5*time.Minute || started.Interval != 5*time.Second {
		t.Errorf("started = %+v", started)
	}
	if request := w.phone.started[0]; request.BindingCode != started.BindingCode || request.Hint != hint {
		t.Errorf("the phone shows %q, the chat %q", request.BindingCode, started.BindingCode)
	}
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.Pending)
	w.phone.decide(login.Granted)
	w.clock.Advance(5 * time.Second)
	issued := w.pollIs(started, login.Approved).Issued
	if issued.ExpiresIn != 10*time.Minute {
		t.Errorf("the token lives %s", issued.ExpiresIn)
	}
	if got, err := w.used(rita(), issued.Token); err != nil || got != canaryToken {
		t.Errorf("another instance uses %q, %v", got, err)
	}
	if w.phone.polled[0] != canaryPolling+" " {
		t.Errorf("polled with %q", w.phone.polled[0])
	}
}

func TestAnyInstanceContinuesWhatAnotherBegan(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.broker, w.other = w.other, w.newBroker()
	w.phone.decide(login.Granted)
	w.clock.Advance(5 * time.Second)
	issued := w.pollIs(started, login.Approved).Issued
	if got, err := w.used(rita(), issued.Token); err != nil || got != canaryToken {
		t.Errorf("%q, %v", got, err)
	}
}

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

// RFC 8628 section 3.5: a poll that comes too early costs 5 seconds more, and
// none of them reaches the provider.
func TestPollsThatComeTooEarlySlowDown(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	for _, want := range []time.Duration{10 * time.Second, 15 * time.Second, 20 * time.Second} {
		w.clock.Advance(time.Second)
		if got := w.pollIs(started, login.SlowDown); got.Interval != want {
			t.Errorf("interval = %s, want %s", got.Interval, want)
		}
	}
	if w.phone.polls != 0 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
	w.clock.Advance(20 * time.Second)
	if got := w.pollIs(started, login.Pending); got.Interval != 20*time.Second {
		t.Errorf("interval = %s", got.Interval)
	}
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.SlowDown)
}

func TestAPollMayComeALittleEarly(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(4600 * time.Millisecond)
	w.pollIs(started, login.Pending)
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
	w.phone.decide(login.Granted)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.Approved)
	for range 3 {
		w.clock.Advance(time.Minute)
		if got := w.pollIs(started, login.Expired); !got.Issued.Token.IsEmpty() {
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
		w.phone.decision = login.Granted
		w.clock.Advance(time.Minute)
		w.phone.mu.Unlock() // the provider answers both at once
		defer w.phone.mu.Lock()
		var err error
		if second, err = w.other.Poll(context.Background(), rita(), started.Login, ""); err != nil {
			t.Error(err)
		}
	}
	first := w.poll(started)
	if second.Status != login.Approved || first.Status != login.Expired || !first.Issued.Token.IsEmpty() {
		t.Errorf("first %s, second %s", first.Status, second.Status)
	}
}

func TestAPollInBetweenDoesNotLoseTheRedemption(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.Granted)
	w.clock.Advance(5 * time.Second)
	w.phone.during = func() {
		w.phone.during = nil
		if got, err := w.other.Poll(context.Background(), rita(), started.Login, ""); err != nil || got.Status != login.SlowDown {
			t.Errorf("%+v, %v", got, err)
		}
	}
	w.pollIs(started, login.Approved)
}

func TestADenialIsRememberedAndCoolsDown(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.Refused)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.Denied)
	w.pollIs(started, login.Denied)
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

func TestTheProviderMayTimeOut(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.phone.decide(login.TimedOut)
	w.clock.Advance(5 * time.Second)
	w.pollIs(started, login.Expired)
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
		w.phone.decide(login.Granted)
		w.clock.Advance(want)
		w.pollIs(started, login.Expired)
		if w.phone.polls != 0 {
			t.Error("the provider was asked")
		}
		w.start(rita())
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

func TestAProviderThatIsAwayIsAskedAgainInTime(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(5 * time.Second)
	w.phone.err = errors.New("no answer")
	_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	w.pollIs(started, login.SlowDown)
	w.phone.err = nil
	w.phone.decide(login.Granted)
	w.clock.Advance(10 * time.Second)
	w.pollIs(started, login.Approved)
}

func TestAHandleIsNobodyElses(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	issued := redacted.Text{}
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
	for name, handle := range map[string]string{"empty": "", "made up": "x.y.z", "a token": issued.Reveal(), "cut": started.Login.Reveal()[:50]} {
		if _, err := w.broker.Poll(t.Context(), rita(), redacted.New(handle), ""); problem.From(err).Code != problem.LoginUnknown {
			t.Errorf("%s: %v", name, err)
		}
	}
	if w.phone.polls != 0 {
		t.Errorf("the provider was asked %d times", w.phone.polls)
	}
}

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
	w.phone.decide(login.Waiting)
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

func TestARefreshThatIsRefusedAsksForANewLogin(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	for _, decision := range []login.Decision{login.Refused, login.TimedOut, login.Waiting, login.Undecided} {
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
		"empty": "", "a line break": "a\r\nX: y", "a space": "a b", "not ASCII": "ä", "too large": strings.Repeat("a", 8<<10+1),
	} {
		w := newWorld(t)
		started := w.start(rita())
		w.phone.decide(login.Granted)
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
	w.phone.decide(login.Granted)
	w.phone.token, w.phone.refresh = strings.Repeat("a", 8<<10), strings.Repeat("b", 4<<10)
	w.clock.Advance(5 * time.Second)
	if _, err := w.broker.Poll(t.Context(), binding, started.Login, ""); problem.From(err).Code != problem.LoginRefused {
		t.Errorf("err = %v", err)
	}
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

func TestWhatIsTooLongIsRefused(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for name, change := range map[string]func(*login.StartRequest){
		"no conversation":   func(r *login.StartRequest) { r.ConversationID = "" },
		"no user":           func(r *login.StartRequest) { r.UserID = "" },
		"long conversation": func(r *login.StartRequest) { r.ConversationID = long },
		"long user":         func(r *login.StartRequest) { r.UserID = long },
		"long hint":         func(r *login.StartRequest) { r.Hint = long },
		"long connection":   func(r *login.StartRequest) { r.Connection = long },
		"long channel":      func(r *login.StartRequest) { r.ChannelID = long },
		"long service URL":  func(r *login.StartRequest) { r.ServiceURL = long },
	} {
		request := login.StartRequest{Binding: rita()}
		change(&request)
		if _, err := newWorld(t).broker.Start(t.Context(), request); problem.From(err).Code != problem.BadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheTableAwayIsAProblemThatPasses(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.clock.Advance(5 * time.Second)
	w.attempts.Fail = func(string) error { return errors.New("503") }
	_, err := w.broker.Poll(t.Context(), rita(), started.Login, "")
	wantProblem(t, err, problem.LoginUnavailable, 5*time.Second)
	w.startFails(rita(), problem.LoginUnavailable, 5*time.Second)
	if w.phone.polls != 0 {
		t.Error("the provider was asked although the turn could not be taken")
	}
}

func TestTheVaultAwayIsAProblemThatPasses(t *testing.T) {
	w := newWorld(t)
	started := w.start(rita())
	w.keys.away = true
	if _, err := w.broker.Poll(t.Context(), rita(), started.Login, ""); problem.From(err).Code != problem.SecretUnavailable {
		t.Errorf("Poll: %v", err)
	}
	w.startFails(rita(), problem.SecretUnavailable, 0)
}

// The table holds cadence and redemption, and neither secrets nor who it is
// about.
func TestTheTableHoldsNoSecret(t *testing.T) {
	w := newWorld(t)
	issued := w.approved()
	var text strings.Builder
	for key, row := range w.attempts.Rows() {
		encoded, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(key.Partition + " " + key.Row + " " + string(encoded) + "\n")
	}
	for _, secret := range []string{"canary", "1234567", "dl_rita", "conversation-1", issued.Token.Reveal()[:40]} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the table holds %q:\n%s", secret, text.String())
		}
	}
	if len(w.attempts.Rows()) != 2 {
		t.Errorf("rows: %s", text.String())
	}
}
