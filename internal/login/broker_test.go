package login_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/problem"
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
	w.pollIs(started, login.StatusPending)
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	issued := w.pollIs(started, login.StatusApproved).Issued
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
	w.phone.decide(login.DecisionApproved)
	w.clock.Advance(5 * time.Second)
	issued := w.pollIs(started, login.StatusApproved).Issued
	if got, err := w.used(rita(), issued.Token); err != nil || got != canaryToken {
		t.Errorf("%q, %v", got, err)
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
	elsewhere := rita()
	elsewhere.ConversationID = "conversation-2"
	w.startFails(elsewhere, problem.SecretUnavailable, 0)
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
