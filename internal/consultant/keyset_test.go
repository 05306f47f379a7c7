package consultant_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// inBubble runs test in a world whose time is synctest's. The keys are made
// outside, where it costs no simulated time.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	privateKeys()
	synctest.Test(t, func(t *testing.T) { test(t, newBubbleWorld(t)) })
}

// lasting is a good token of tenant A that is valid for days.
func lasting(t *testing.T, w *world) redacted.Text {
	t.Helper()
	return w.person(tenantA).claim("exp", w.now().Add(100*time.Hour).Unix()).sign(t)
}

// away is Entra ID out of order, with something in the answer that should not
// get into a log.
func away(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, canary, http.StatusServiceUnavailable)
}

func (w *world) wantFetches(t *testing.T, want int) {
	t.Helper()
	if got := w.count(tenantA); got != want {
		t.Errorf("%d fetches, want %d", got, want)
	}
}

func TestKeysAreFetchedAtFirstUseAndThenAnHourLater(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text := lasting(t, w)
		w.wantFetches(t, 0)
		w.set(func(e *entra) { e.delay = time.Second })
		w.mustAccept(t, text)
		time.Sleep(time.Hour - 2*time.Second) // the age counts from when the fetch began
		w.mustAccept(t, text)
		synctest.Wait()
		w.wantFetches(t, 1)
		time.Sleep(time.Second)
		asked := time.Now()
		for range 100 {
			w.mustAccept(t, text)
		}
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("callers waited %v for a fetch in the background", waited)
		}
		time.Sleep(2 * time.Second)
		w.wantFetches(t, 2)
		if w.count(tenantB) != 0 {
			t.Error("the keys of a tenant were fetched without need")
		}
	})
}

func TestConcurrentCallersShareOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.set(func(e *entra) { e.delay = time.Second })
		text := lasting(t, w)
		hasty, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			_, err := w.Consultant(hasty, text)
			wantCode(t, err, problem.DirectoryUnavailable)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("err = %v, want the caller's own end", err)
			}
		})
		synctest.Wait() // the hasty caller has begun the fetch
		for range 50 {
			all.Go(func() { w.mustAccept(t, text) })
		}
		synctest.Wait()
		cancel()
		all.Wait()
		w.wantFetches(t, 1)
	})
}

func TestConcurrentUnknownKeysShareOneFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.mustAccept(t, lasting(t, w))
		time.Sleep(30 * time.Second)
		w.set(func(e *entra) { e.delay = time.Second })
		w.publish(tenantA, jwk(t, tenantA), jwk(t, "new"))
		rolled := w.person(tenantA).by("new").head("kid", "new").sign(t)
		var all sync.WaitGroup
		for i := range 20 {
			text := bogus(w, fmt.Sprint("bogus-", i))
			all.Go(func() {
				_, err := w.Consultant(t.Context(), text)
				wantCode(t, err, problem.TokenInvalid)
			})
			all.Go(func() { w.mustAccept(t, rolled) })
		}
		all.Wait()
		w.wantFetches(t, 2)
	})
}

func TestANewKeyIsFoundAtOnceIfTheLastFetchIsHalfAMinuteOld(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.mustAccept(t, lasting(t, w))
		w.publish(tenantA, jwk(t, "new"))
		rolled := w.person(tenantA).by("new").head("kid", "new").sign(t)
		time.Sleep(30*time.Second - time.Millisecond)
		_, err := w.Consultant(t.Context(), rolled)
		wantCode(t, err, problem.TokenInvalid)
		time.Sleep(time.Millisecond)
		w.mustAccept(t, rolled)
		w.wantFetches(t, 2)
	})
}

func TestAWithdrawnKeyStopsWorkingAfterTheNextFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text := lasting(t, w)
		w.mustAccept(t, text)
		w.publish(tenantA, jwk(t, "new"))
		time.Sleep(time.Hour)
		w.mustAccept(t, text) // this one starts the fetch
		synctest.Wait()
		_, err := w.Consultant(t.Context(), text)
		wantCode(t, err, problem.TokenInvalid)
	})
}

func TestWhileEntraIsAwayKeysServeForADay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text, begin := lasting(t, w), time.Now()
		w.mustAccept(t, text)
		w.set(func(e *entra) { e.fault = away })
		for time.Since(begin) < 24*time.Hour-10*time.Minute {
			time.Sleep(10 * time.Minute)
			w.mustAccept(t, text)
		}
		synctest.Wait()
		before := w.count(tenantA)
		for range 599 {
			time.Sleep(time.Second)
			w.mustAccept(t, text)
		}
		synctest.Wait()
		if n := w.count(tenantA) - before; n != 19 {
			t.Errorf("%d fetches in ten minutes, want one every 30 s", n)
		}
		time.Sleep(time.Second)
		_, err := w.Consultant(t.Context(), text)
		wantCode(t, err, problem.DirectoryUnavailable)
		w.set(func(e *entra) { e.fault = nil })
		time.Sleep(30 * time.Second)
		w.mustAccept(t, text)
		if log := w.log.String(); strings.Contains(log, canary) || !strings.Contains(log, "Entra ID answered 503") {
			t.Errorf("the log is %.300q", log)
		}
	})
}

func TestAFailedFirstFetchIsRepeatedEvery5Seconds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text, begin := lasting(t, w), time.Now()
		w.set(func(e *entra) { e.fault = away })
		for time.Since(begin) < 20*time.Second {
			_, err := w.Consultant(t.Context(), text)
			wantCode(t, err, problem.DirectoryUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		w.wantFetches(t, 4)
		w.set(func(e *entra) { e.fault = nil })
		w.mustAccept(t, text)
		if n := strings.Count(w.log.String(), "level=WARN"); n != 4 {
			t.Errorf("%d failures in the log, want each fetch's once", n)
		}
	})
}

func TestRetryAfterSaysWhenTheNextFetchIs(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		text := lasting(t, w)
		w.set(func(e *entra) { e.fault = away })
		for at, want := range []time.Duration{5 * time.Second, 4 * time.Second, 3 * time.Second, 2 * time.Second, time.Second} {
			_, err := w.Consultant(t.Context(), text)
			if failure := problem.From(err); failure.RetryAfter != want {
				t.Errorf("after %d s RetryAfter = %v, want %v", at, failure.RetryAfter, want)
			}
			time.Sleep(time.Second)
		}
	})
}

// TestAnUnknownKeyIsNotCalledInvalidWhileNobodyCanBeAsked spares a consultant a
// needless sign-in: the key may be the tenant's new one.
func TestAnUnknownKeyIsNotCalledInvalidWhileNobodyCanBeAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.mustAccept(t, lasting(t, w))
		w.set(func(e *entra) { e.fault = away })
		time.Sleep(30 * time.Second)
		for range 29 {
			_, err := w.Consultant(t.Context(), bogus(w, "bogus"))
			wantCode(t, err, problem.DirectoryUnavailable)
			time.Sleep(time.Second)
		}
		w.wantFetches(t, 2)
		w.mustAccept(t, lasting(t, w))
		w.set(func(e *entra) { e.fault = nil })
		for range 29 {
			time.Sleep(time.Second)
			_, err := w.Consultant(t.Context(), bogus(w, "bogus"))
			wantCode(t, err, problem.TokenInvalid)
		}
		w.wantFetches(t, 3)
	})
}

func TestAHangingFetchIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.set(func(e *entra) { e.delay = time.Hour })
		begin := time.Now()
		_, err := w.Consultant(t.Context(), lasting(t, w))
		wantCode(t, err, problem.DirectoryUnavailable)
		if took := time.Since(begin); took != 8*time.Second {
			t.Errorf("the caller waited %v", took)
		}
		time.Sleep(time.Hour) // the server's part
	})
}

func TestCloseEndsTheFetchInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		person, other := lasting(t, w), w.person(tenantB).sign(t)
		w.mustAccept(t, person)
		w.set(func(e *entra) { e.delay = time.Minute })
		var waiting error
		var all sync.WaitGroup
		all.Go(func() { _, waiting = w.Consultant(t.Context(), other) })
		synctest.Wait()
		begin := time.Now()
		w.Close()
		all.Wait()
		wantCode(t, waiting, problem.DirectoryUnavailable)
		if time.Since(begin) != 0 {
			t.Errorf("closing took %v", time.Since(begin))
		}
		w.mustAccept(t, person)
		_, err := w.Consultant(t.Context(), other)
		wantCode(t, err, problem.DirectoryUnavailable)
		time.Sleep(2 * time.Hour)
		w.mustAccept(t, person)
		synctest.Wait()
		w.wantFetches(t, 1)
	})
}
