package consultant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// bogus is a token that is right but for its signature and names a key that does
// not exist. Anybody can write one.
func bogus(w *world, keyID string) redacted.Text {
	header, _ := json.Marshal(w.person(tenantA).head("kid", keyID).header)
	claims, _ := json.Marshal(w.person(tenantA).claims)
	return redacted.New(part(string(header)) + "." + part(string(claims)) + "." + part(strings.Repeat("x", 256)))
}

// TestUnknownKidFlood: bogus key ids cost two fetches a minute, and do not delay
// the tenant's new key by more than a minute, whenever it comes and even if Entra
// ID takes its time.
func TestUnknownKidFlood(t *testing.T) {
	for _, delay := range []time.Duration{0, 7 * time.Second} {
		for rollover := 20 * time.Second; rollover < 60*time.Second; rollover += 13700 * time.Millisecond {
			t.Run(fmt.Sprint(rollover, " ", delay), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) { flood(t, w, rollover, delay) })
			})
		}
	}
}

func flood(t *testing.T, w *world, rollover, delay time.Duration) {
	t.Helper()
	w.mustAccept(t, lasting(t, w))
	w.set(func(e *entra) { e.delay = delay })
	begin := time.Now()
	ended, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ended.Err() == nil; i++ {
			text := bogus(w, fmt.Sprint("bogus-", i))
			all.Go(func() {
				_, err := w.Consultant(t.Context(), text)
				wantCode(t, err, problem.TokenInvalid)
			})
			time.Sleep(500 * time.Millisecond)
		}
	})
	time.Sleep(rollover)
	w.publish(tenantA, jwk(t, "new"))
	rolled := w.person(tenantA).by("new").head("kid", "new").sign(t)
	for {
		if _, err := w.Consultant(t.Context(), rolled); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if took := time.Since(begin) - rollover; took > time.Minute {
		t.Errorf("the new key was found after %v", took)
	}
	time.Sleep(time.Minute)
	cancel()
	all.Wait()
	if most := 1 + int(time.Since(begin)/(30*time.Second)); w.count(tenantA) > most {
		t.Errorf("%d fetches in %v, want at most %d", w.count(tenantA), time.Since(begin), most)
	}
}

func TestOneTenantsFloodIsNoOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.mustAccept(t, w.person(tenantB).sign(t))
		time.Sleep(30 * time.Second)
		for i := range 10 {
			_, err := w.Consultant(t.Context(), bogus(w, fmt.Sprint("bogus-", i)))
			wantCode(t, err, problem.TokenInvalid)
		}
		w.publish(tenantB, jwk(t, "new"))
		w.mustAccept(t, w.person(tenantB).by("new").head("kid", "new").sign(t))
	})
}
