package rotation_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chatgate/internal/handshake"
	"chatgate/internal/redacted"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
	"chatgate/internal/standin/cloud"
	site "chatgate/internal/standin/directline"
)

// A rotation is its requests. The process ends before one of them is sent, or
// after it had its effect and before anything else could be done: for each of
// them, while visitors ask for tokens. Then the message comes again.
func TestACrashBetweenAnyTwoStepsCostsNoTokenAndIsMadeUpFor(t *testing.T) {
	w := newWorld(t)
	visitors := w.startVisitors(t)
	w.network.plan(nil, nil)
	want(t, handle(t, w.rotator(t), w.event(w.current(t).Version)), rotation.Rotated)
	requests := w.network.requests()
	if requests < 7 {
		t.Fatalf("a rotation took %d requests; so few leave out a look", requests)
	}
	regenerated := 0
	for nth := 1; nth <= requests; nth++ {
		for _, moment := range []string{"before", "after"} {
			t.Run(fmt.Sprintf("%s request %d", moment, nth), func(t *testing.T) {
				visitors.awaitAll(t)
				old, inUse := w.current(t), w.inUse(t)
				event := w.event(old.Version)
				before := w.BotService.Regenerated(otherOf(inUse))
				w.crash(t, event, moment, nth)
				if value := w.DirectLine.Secret(inUse).Reveal(); value != old.Value.Reveal() {
					t.Error("the key in use was regenerated")
				}
				visitors.awaitAll(t)
				w.network.plan(nil, nil)
				outcome := handle(t, w.rotator(t), event)[0]
				if outcome.Result != rotation.Rotated && outcome.Result != rotation.AlreadyDone {
					t.Errorf("made up for by %+v", outcome)
				}
				if w.inUse(t) != otherOf(inUse) || w.DirectLine.Secret(inUse).Reveal() != old.Value.Reveal() {
					t.Errorf("in the end key %d is in use, after key %d", w.inUse(t), inUse)
				}
				regenerated = max(regenerated, w.BotService.Regenerated(otherOf(inUse))-before)
			})
		}
	}
	if regenerated != 2 {
		t.Errorf("a key was regenerated %d times at most; no crash fell between regenerating and writing", regenerated)
	}
	t.Logf("%d requests a rotation, %d tokens issued", requests, visitors.leave())
}

// crash delivers a message to a process that ends at its nth request.
func (w *world) crash(t *testing.T, event, moment string, nth int) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	at := map[int]func(){nth: end}
	if moment == "before" {
		w.network.plan(at, nil)
	} else {
		w.network.plan(nil, at)
	}
	if _, err := w.rotator(t).Handle(ctx, []byte(event)); err == nil {
		t.Fatal("the process ended and nobody noticed")
	}
	if w.network.requests() != nth {
		t.Fatalf("after its end it made requests: %d, want %d", w.network.requests(), nth)
	}
}

// visitors ask for tokens one after the other, by the same code as the app, and
// must all get one.
type visitors struct {
	issuer *handshake.Issuer
	stop   context.CancelFunc
	gone   sync.WaitGroup
	issued atomic.Int64
	rounds [2]atomic.Int64
}

func (w *world) startVisitors(t *testing.T) *visitors {
	t.Helper()
	transport := w.network.next
	// Between the time-outs of an instance and the pace of this test lie some
	// orders of magnitude; so do the ages of secrets.
	cache := secrets.NewCache(w.vault(t, transport), &secrets.CacheOptions{MaxAge: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	v := &visitors{stop: stop, issuer: handshake.NewIssuer([]handshake.Assistant{{
		ID: "bankx", SecretName: secretName, Client: w.line(t, transport), Domain: "https://" + cloud.DirectLineHost,
	}}, cache, nil)}
	for each := range v.rounds {
		v.gone.Go(func() { v.ask(ctx, t, each) })
	}
	t.Cleanup(func() {
		v.leave()
		cache.Close()
	})
	return v
}

func (v *visitors) ask(ctx context.Context, t *testing.T, each int) {
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for {
		if _, err := v.issuer.Issue(context.WithoutCancel(ctx), "bankx", redacted.Text{}); err != nil {
			t.Errorf("a visitor got no token: %v", err)
		}
		v.issued.Add(1)
		v.rounds[each].Add(1)
		select {
		case <-pace.C:
		case <-ctx.Done():
			return
		}
	}
}

// awaitAll waits until everybody has been answered twice: a request that began
// after this call is among those.
func (v *visitors) awaitAll(t *testing.T) {
	t.Helper()
	var want [2]int64
	for each := range v.rounds {
		want[each] = v.rounds[each].Load() + 2
	}
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for each := 0; each < len(want); {
		if v.rounds[each].Load() >= want[each] {
			each++
			continue
		}
		<-tick.C
		if time.Now().After(deadline) {
			t.Fatal("visitors wait for their tokens for half a minute")
		}
	}
}

// leave ends the visitors and returns how many tokens they got. It may be called
// again.
func (v *visitors) leave() int64 {
	v.stop()
	v.gone.Wait()
	return v.issued.Load()
}

// An operator rotates by hand, as the runbook says, at any moment of a run: the
// key that is not in use is regenerated and written. What counts is the end.
func TestAnOperatorMayRotateByHandAtAnyMoment(t *testing.T) {
	w := newWorld(t)
	w.network.plan(nil, nil)
	want(t, handle(t, w.rotator(t), w.event(w.current(t).Version)), rotation.Rotated)
	requests := w.network.requests()
	for nth := 1; nth <= requests; nth++ {
		t.Run(fmt.Sprintf("before request %d", nth), func(t *testing.T) {
			old, inUse := w.current(t), w.inUse(t)
			byHand := func() {
				if w.DirectLine.Secret(inUse).Reveal() != old.Value.Reveal() {
					t.Error("the key in use was regenerated")
				}
				// The operator follows the vault, as the run does.
				w.Vault.Set(secretName, w.DirectLine.Regenerate(otherOf(w.inUse(t))).Reveal())
			}
			w.network.plan(map[int]func(){nth: byHand}, nil)
			outcome := handle(t, w.rotator(t), w.event(old.Version))[0]
			if w.inUse(t) == 0 {
				t.Errorf("the secret is refused in the end; outcome %+v\n%s", outcome, w.progress)
			}
			if valid := w.DirectLine.Secret(site.Key1).Reveal(); valid == "" {
				t.Error("a key is gone")
			}
		})
	}
}
