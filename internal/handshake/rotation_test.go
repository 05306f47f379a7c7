package handshake_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/redacted"
)

// The documented order: the key that is not in use is written to the vault as
// the secret's new version, and some time later the old key is regenerated.
func TestSixRotationsUnderLoadFailNobody(t *testing.T) {
	for name, pace := range map[string]struct {
		between time.Duration // from writing a key to regenerating the old one, and on to the next
		each    time.Duration // from one call of a visitor to the next
	}{
		// The instance notices by itself, since it re-reads every 5 minutes.
		"in the background": {10 * time.Minute, time.Minute},
		// The instance notices by the refusals.
		"by refusals": {6 * time.Second, 500 * time.Millisecond},
		// Faster than secrets may be re-read.
		"in a hurry": {500 * time.Millisecond, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.direct.latency = 30 * time.Millisecond
				w.vault.delays[secretName] = 100 * time.Millisecond
				calls := underLoad(t, w, pace.each, func() { rotate(w, 6, pace.between) })
				early := w.direct.bearers["key1.0"] + w.direct.bearers["key2.0"]
				if calls < 100 || early == 0 || !w.direct.keys["key1.3"] {
					t.Errorf("%d calls, %d with the first keys: the load or the rotation did not happen", calls, early)
				}
				t.Logf("%d calls, %d upstream, %d reads of the vault", calls, w.direct.seen(), w.vault.count(secretName))
			})
		})
	}
}

// rotate rotates the secret n times.
func rotate(w *world, n int, between time.Duration) {
	keys := [2]string{"key1.0", "key2.0"}
	for turn := 1; turn <= n; turn++ {
		time.Sleep(between)
		current, other := (turn+1)%2, turn%2
		w.vault.put(secretName, keys[other])
		time.Sleep(between)
		fresh := fmt.Sprintf("key%d.%d", current+1, (turn+1)/2)
		w.direct.regenerate(keys[current], fresh)
		keys[current] = fresh
	}
	time.Sleep(between)
}

// underLoad runs change while visitors call one after the other, and returns the
// number of calls. Every call must get its token.
func underLoad(t *testing.T, w *world, each time.Duration, change func()) int32 {
	t.Helper()
	var visitors sync.WaitGroup
	var calls atomic.Int32
	var stop atomic.Bool
	for range 4 {
		visitors.Go(func() {
			for !stop.Load() {
				calls.Add(1)
				if _, err := w.issuer.Issue(t.Context(), "bankx", redacted.Text{}); err != nil {
					t.Errorf("call %d: %v", calls.Load(), err)
					return
				}
				time.Sleep(each)
			}
		})
	}
	change()
	stop.Store(true)
	visitors.Wait()
	return calls.Load()
}
