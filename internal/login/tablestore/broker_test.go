package tablestore_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
	"chatgate/internal/tables/tablestest"
)

// approving is a provider whose user approves at once.
type approving struct{}

func (approving) Start(context.Context, login.StartRequest) (login.Begun, error) {
	return login.Begun{Polling: secretly.Bytes("polling")}, nil
}

func (approving) Poll(context.Context, login.PollRequest) (login.Outcome, error) {
	return login.Outcome{Decision: login.DecisionApproved, Token: secretly.Bytes("token")}, nil
}

func (approving) Refresh(context.Context, login.RefreshRequest) (login.Outcome, error) {
	return login.Outcome{}, login.ErrLoginAgain
}

func (approving) SignOut(context.Context, login.SignOutRequest) error { return nil }

// vault has one sealing key.
type vault struct{}

func (v vault) Get(ctx context.Context, name string) (secrets.Secret, error) {
	return v.Version(ctx, name, strings.Repeat("1", 32))
}

func (vault) Version(_ context.Context, name, version string) (secrets.Secret, error) {
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	return secrets.Secret{Name: name, Version: version, Value: redacted.New(key)}, nil
}

func (vault) Confirm(context.Context, string, string) error { return nil }

// TestALostAnswerCostsNobodyTheLogin: whichever of the writes of a login is
// answered by a broken connection, the user logs in.
func TestALostAnswerCostsNobodyTheLogin(t *testing.T) {
	for lost := range 5 { // hint, reservation, handle, turn, redemption
		proxy, through, past := emulator.NewProxy(t)
		save(t, open(t, past), login.Row{}, "") // so that there is a table
		writes, faults := 0, 0
		proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
			if !r.IsTransaction() {
				return nil
			}
			if writes++; writes != lost+1 {
				return nil
			}
			faults++
			return tablestest.CutAfterCommit
		})
		now := noon()
		broker := login.NewBroker(map[string]login.Providers{"bankx": {login.LoginAPI: approving{}}}, sealed.New(vault{}, "sealing"),
			open(t, through), &login.Options{Now: func() time.Time { return now }})
		binding := login.Binding{Assistant: "bankx", ConversationID: "c", UserID: "dl_rita"}
		started, err := broker.Start(t.Context(), login.StartRequest{Binding: binding, Hint: "rita"})
		if err != nil {
			t.Errorf("write %d: start: %v", lost, err)
			continue
		}
		now = now.Add(started.Interval)
		progress, err := broker.Poll(t.Context(), binding, started.Login, "")
		if err != nil || progress.Status != login.StatusApproved {
			t.Errorf("write %d: %s, %v", lost, progress.Status, err)
		}
		if faults != 1 || writes != 6 {
			t.Errorf("write %d: %d writes, %d of them lost", lost, writes, faults)
		}
	}
}
