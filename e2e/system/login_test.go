package system_test

import (
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/loginapi"
)

// A login from its start to its end: what one instance began before it was
// killed, another goes on with.
func TestALoginOutlivesTheInstanceThatBeganIt(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	first, second := s.startHandler(t), s.startHandler(t)
	b := s.newBot(t, first.app, "conversation")
	code := b.start(t).BindingCode
	wantProblem(t, b.ask(t, b.loginRequest("start", map[string]string{"userId": "dl_user"})), http.StatusConflict, "login_pending")
	b.poll(t, "authorization_pending")
	first.signal(t, syscall.SIGKILL)

	b.app = second.app
	wantProblem(t, b.ask(t, b.loginRequest("start", map[string]string{"userId": "dl_user"})), http.StatusConflict, "login_pending")
	s.decide(t, code, true)
	b.poll(t, "approved")
	b.balance(t)
	old := *b
	b.refresh(t)
	b.balance(t)
	second.signal(t, syscall.SIGKILL)

	third := s.startHandler(t)
	b.app, old.app = third.app, third.app
	b.balance(t)
	// The bank takes a token no more that was exchanged for another.
	wantProblem(t, old.ask(t, old.backendRequest(http.MethodGet, "balance")), http.StatusConflict, "login_again")
	wantProblem(t, old.ask(t, old.tokenRequest("refresh")), http.StatusConflict, "login_again")
	asked := s.Bank.Calls(loginapi.PollLogin)
	b.poll(t, "expired_token")
	if again := s.Bank.Calls(loginapi.PollLogin); again != asked {
		t.Errorf("a login that was redeemed was asked for %d times more", again-asked)
	}
	b.signOut(t)

	stranger := *b
	stranger.conversation = "another conversation"
	wantProblem(t, stranger.ask(t, stranger.backendRequest(http.MethodGet, "balance")), http.StatusNotFound, "login_unknown")
	wantProblem(t, stranger.ask(t, stranger.tokenRequest("refresh")), http.StatusNotFound, "login_unknown")
	wantProblem(t, stranger.ask(t, stranger.pollRequest()), http.StatusNotFound, "login_unknown")
	if hasty := s.Bank.Hasty(); hasty > 0 {
		t.Errorf("the Login API was polled too early %d times", hasty)
	}
	s.checkSecrecy(t, b, &old, &stranger)
}

// A bot that retries and its twin poll at once, at two instances.
func TestOfManyPollsAtOnceOneGetsTheToken(t *testing.T) {
	t.Parallel()
	const polls = 20
	s := newLoginSystem(t)
	instances := []*process{s.startHandler(t), s.startHandler(t)}
	b := s.newBot(t, instances[0].app, "conversation")
	s.decide(t, b.start(t).BindingCode, true)
	for _, each := range instances { // who has read the keys
		each.issue(t, "")
	}
	b.turn(t)

	var gone sync.WaitGroup
	answers := make([]answer, polls)
	begin := make(chan struct{})
	for n := range polls {
		gone.Go(func() {
			<-begin
			got, err := instances[n%len(instances)].try(t.Context(), b.pollRequest())
			if err != nil {
				t.Errorf("a poll: %v", err)
			}
			answers[n] = got
		})
	}
	close(begin)
	gone.Wait()
	counts := map[string]int{}
	for _, got := range answers {
		if got.status != http.StatusOK {
			t.Fatalf("a poll answered %d %s", got.status, got.body)
		}
		said := b.read(t, got)
		counts[said.Status]++
		if said.Token != "" {
			b.token = said.Token
		}
	}
	if asked := s.Bank.Calls(loginapi.PollLogin); asked != 1 {
		t.Errorf("the Login API was asked %d times, want 1", asked)
	}
	if counts["approved"] != 1 || counts["approved"]+counts["slow_down"]+counts["expired_token"] != polls {
		t.Errorf("%v, want one approved and the others slow_down or expired_token", counts)
	}
	b.balance(t)
}

func TestADenialIsToldAndCoolsDown(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	p := s.startHandler(t)
	b := s.newBot(t, p.app, "conversation")
	s.decide(t, b.start(t).BindingCode, false)
	b.poll(t, "access_denied")
	start := map[string]string{"userId": "dl_user", "hint": strings.ToUpper(loginHint), "provider": "loginapi"}
	for _, conversation := range []string{b.conversation, "another conversation"} {
		who := s.newBot(t, p.app, conversation)
		wantProblem(t, who.ask(t, who.loginRequest("start", start)), http.StatusTooManyRequests, "login_cooldown")
	}
	if asked := s.Bank.Calls(loginapi.StartLogin); asked != 1 {
		t.Errorf("the user was asked %d times, want once", asked)
	}
}

// What was sealed with an older version of the key goes on; new things are sealed
// with the new one.
func TestTheSealingKeyIsRotatedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	s.set("SecretMaxAge=1s")
	p := s.startHandler(t)
	keeps, renews, begins := s.newBot(t, p.app, "keeps"), s.newBot(t, p.app, "renews"), s.newBot(t, p.app, "begins")
	s.decide(t, keeps.start(t).BindingCode, true)
	s.decide(t, renews.start(t).BindingCode, true)
	code := begins.start(t).BindingCode
	keeps.poll(t, "approved")
	renews.poll(t, "approved")
	before := keyVersion(t, keeps.token)

	rotated := cloud.NewKey()
	s.guardKey("sealing key", rotated)
	after := s.Vault.Set(cloud.SealingKey, rotated)
	poll(t, "tokens to be sealed with the new key", func() bool {
		renews.refresh(t)
		return keyVersion(t, renews.token) == after
	})
	s.decide(t, code, true)
	begins.poll(t, "approved")
	for _, each := range []*bot{keeps, renews, begins} {
		each.balance(t)
	}
	if got := keyVersion(t, begins.token); got != after || before == after {
		t.Errorf("sealed with version %s, want %s", got, after)
	}
	other := s.startHandler(t) // which has never seen the old key as the newest
	keeps.app = other.app
	keeps.balance(t)
	keeps.refresh(t)
	if got := keyVersion(t, keeps.token); got != after {
		t.Errorf("sealed with version %s, want %s", got, after)
	}
	s.checkSecrecy(t, keeps, renews, begins)
}

// The bank refuses the old key from one call to the next, and no user notices.
func TestTheLoginAPIsKeyIsRotatedInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	p := s.startHandler(t)
	b := s.newBot(t, p.app, "conversation")
	code := b.start(t).BindingCode
	s.rotateBankKey()
	s.decide(t, code, true)
	b.poll(t, "approved")
	b.refresh(t)
	b.balance(t)
	s.checkSecrecy(t, b)
}

func TestALoginGoesOnWhileTheVaultIsAway(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	s.set("SecretMaxAge=1s")
	p := s.startHandler(t)
	b := s.newBot(t, p.app, "conversation")
	b.logIn(t)
	s.Vault.Faults.Add(faults.Cut())
	poll(t, "the background re-read to fail", func() bool {
		b.balance(t)
		b.refresh(t)
		return s.Vault.Faults.Hits() > 0
	})
	b.balance(t)
	b.refresh(t)
}

// A bank that does not answer costs a poll, but not the login.
func TestALoginOutlivesAnOutageOfTheBank(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	p := s.startHandler(t)
	b := s.newBot(t, p.app, "conversation")
	code := b.start(t).BindingCode
	s.Bank.Faults.Add(faults.Cut().When(loginapi.Calling(loginapi.PollLogin)).Times(1))
	b.turn(t)
	wantProblem(t, b.ask(t, b.pollRequest()), http.StatusServiceUnavailable, "login_unavailable")
	b.pollNext = time.Now().Add(loginapi.DefaultInterval)
	s.decide(t, code, true)
	b.poll(t, "approved")
	s.Bank.Faults.Add(faults.Cut().When(loginapi.Calling(loginapi.Balance)).Times(1))
	wantProblem(t, b.ask(t, b.backendRequest(http.MethodGet, "balance")), http.StatusBadGateway, "backend_unavailable")
	b.balance(t)
}
