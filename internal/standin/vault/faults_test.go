package vault_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/vault"
)

func TestFaults(t *testing.T) {
	for name, test := range map[string]struct {
		fault  faults.Fault
		reads  int // what the client tries, retries included
		status int // 0: no answer at all
	}{
		"throttled for good":   {faults.Throttle(0), 3, 429},
		"throttled once":       {faults.Throttle(0).Times(1), 2, 200},
		"failing for good":     {faults.Answer(500, "InternalServerError"), 3, 500},
		"forbidden":            {faults.Answer(403, "Forbidden"), 1, 403},
		"connections cut":      {faults.Cut(), 3, 0},
		"cut once":             {faults.Cut().Times(1), 2, 200},
		"answered and cut off": {faults.CutAfterWork().Times(1), 2, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			client := s.client(t)
			s.vault.Set("key", "v")
			s.vault.Faults.Add(test.fault.When(vault.Reading("key")))
			_, err := client.GetSecret(t.Context(), "key", "", nil)
			status, _ := refusal(err)
			if err == nil {
				status = http.StatusOK
			}
			if status != test.status || s.vault.Reads("key") != test.reads {
				t.Errorf("status %d after %d reads (%v), want %d after %d", status, s.vault.Reads("key"), err, test.status, test.reads)
			}
		})
	}
}

func TestAHangingVault(t *testing.T) {
	s := start(t)
	client := s.client(t)
	s.vault.Set("key", "v")
	s.vault.Faults.Add(faults.Hang().When(vault.Reading("key")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := client.GetSecret(ctx, "key", "", nil); done <- err }()
	if err := s.vault.Faults.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the caller's cancellation", err)
	}
}
