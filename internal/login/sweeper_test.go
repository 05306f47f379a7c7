package login_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/login/filestore"
	"chatgate/internal/sealed"
)

func TestSweepingTakesOldLoginsOnly(t *testing.T) {
	w := newWorld(t)
	store, err := filestore.Open(filepath.Join(t.TempDir(), "store.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	providers := map[string]login.Providers{"bankx": {login.LoginAPI: w.phone}}
	w.broker = login.NewBroker(providers, sealed.New(w.keys, "sealing-key"), store, &login.Options{Now: w.clock.Now})
	sweeper := login.NewSweeper(store, []string{"banky", "bankx"}, &login.Options{Now: w.clock.Now})
	w.start(rita())
	for _, pause := range []time.Duration{0, 10 * time.Minute, 23 * time.Hour} {
		w.clock.Advance(pause)
		if removed, err := sweeper.Sweep(t.Context()); err != nil || removed != 0 {
			t.Fatalf("after %s more: %d, %v", pause, removed, err)
		}
	}
	w.clock.Advance(2 * time.Hour)
	if removed, err := sweeper.Sweep(t.Context()); err != nil || removed != 2 { // the conversation's and the hint's
		t.Errorf("a day later: %d, %v", removed, err)
	}
	if removed, err := sweeper.Sweep(t.Context()); err != nil || removed != 0 {
		t.Errorf("once more: %d, %v", removed, err)
	}
	w.start(rita())
}

// away is a table that fails for one assistant and has three old rows of another.
type away struct{ login.Purger }

var errAway = errors.New("away")

func (away) Purge(_ context.Context, assistant string, _ time.Time, _ int) (int, error) {
	if assistant == "banky" {
		return 1, errAway
	}
	return 3, nil
}

func TestAFailureKeepsNobodyFromTheSweeping(t *testing.T) {
	removed, err := login.NewSweeper(away{}, []string{"banky", "bankx"}, nil).Sweep(t.Context())
	if removed != 4 || !errors.Is(err, errAway) || !strings.Contains(err.Error(), "banky") {
		t.Errorf("%d, %v", removed, err)
	}
}
