package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"chatgate/internal/secrets"
)

func TestAColdReadIsSharedAndOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		hasty, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		var early error
		go func() { _, early = cache.Get(hasty, "bankx") }()
		synctest.Wait()
		all(50, func() { mustGet(t, cache, v1) })
		synctest.Wait()
		if !errors.Is(early, context.DeadlineExceeded) {
			t.Errorf("the hasty caller got %v, want its own deadline", early)
		}
		if vault.count() != 1 {
			t.Errorf("%d reads for 51 callers", vault.count())
		}
	})
}

func TestNamesAreReadApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		if got, err := cache.Get(t.Context(), "other"); err != nil || got.Name != "other" || vault.count() != 2 {
			t.Errorf("Get = %+v, %v after %d reads", got, err, vault.count())
		}
	})
}

func TestAfterAFailedColdReadTheVaultIsAskedEvery2Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.err = errAway })
		_, err := cache.Get(t.Context(), "bankx")
		wantUnavailable(t, err, time.Second, 2*time.Second)
		if !errors.Is(err, errAway) {
			t.Errorf("err = %v hides the cause", err)
		}
		waited := took(func() { _, err = cache.Get(t.Context(), "bankx") })
		wantUnavailable(t, err, 1900*time.Millisecond, 1900*time.Millisecond)
		if waited != 0 || vault.count() != 1 {
			t.Errorf("the second caller waited %v, %d reads; want an answer at once", waited, vault.count())
		}
		time.Sleep(1900 * time.Millisecond)
		vault.set(func(s *script) { s.err = nil })
		mustGet(t, cache, v1)
		if vault.count() != 2 {
			t.Errorf("%d reads, want 2", vault.count())
		}
	})
}

func TestAnOldSecretGoesOnServingWhileOneReadReplacesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		time.Sleep(5*time.Minute - 200*time.Millisecond)
		mustGet(t, cache, v1)
		synctest.Wait()
		if vault.count() != 1 {
			t.Fatal("read before MaxAge")
		}
		time.Sleep(200 * time.Millisecond)
		if waited := took(func() { all(100, func() { mustGet(t, cache, v1) }) }); waited != 0 {
			t.Errorf("callers waited %v for a background read", waited)
		}
		synctest.Wait()
		if vault.count() != 2 {
			t.Errorf("%d reads, want one in the background", vault.count())
		}
		time.Sleep(time.Second)
		mustGet(t, cache, v2)
	})
}

func TestTheVaultBeingDownNeverStopsACachedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		for name, err := range map[string]error{"away": errAway, "deleted or disabled": secrets.ErrNotFound} {
			vault.set(func(s *script) { s.err, s.reads = err, nil })
			for range 24 * 60 * 6 {
				time.Sleep(10 * time.Second)
				mustGet(t, cache, v1)
			}
			if n := vault.count(); n < 1000 || n > 24*60+10 {
				t.Errorf("%s: %d reads in a day, want about one a minute", name, n)
			}
			if vault.most > 1 {
				t.Errorf("%s: %d background reads at once", name, vault.most)
			}
		}
		vault.set(func(s *script) { s.err, s.versions = nil, []string{v2} })
		time.Sleep(time.Minute)
		mustGet(t, cache, v1)
		time.Sleep(time.Second)
		mustGet(t, cache, v2)
	})
}

func TestTheFirstFailedBackgroundReadIsRepeatedAfter2Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		time.Sleep(5 * time.Minute)
		vault.set(func(s *script) { s.err, s.reads = errAway, nil })
		start := time.Now()
		var asked []time.Duration
		for time.Since(start) < 15*time.Second {
			mustGet(t, cache, v1)
			synctest.Wait()
			if vault.count() > len(asked) {
				asked = append(asked, time.Since(start))
			}
			time.Sleep(100 * time.Millisecond)
		}
		want := []time.Duration{0, 2 * time.Second, 6 * time.Second, 14 * time.Second}
		for i := range want {
			if len(asked) != len(want) || asked[i] != want[i] {
				t.Fatalf("asked at %v, want at %v", asked, want)
			}
		}
	})
}

func TestAHangingReadIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.delay = time.Hour })
		var err error
		waited := took(func() { _, err = cache.Get(t.Context(), "bankx") })
		wantUnavailable(t, err, 0, 2*time.Second)
		if waited != 8*time.Second {
			t.Errorf("a caller without a deadline waited %v, want 8 s", waited)
		}
		vault.set(func(s *script) { s.delay = 0 })
		mustGet(t, cache, v1)
	})
}

func TestAvailableKnowsOnlyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		if !cache.Available("bankx") || vault.count() != 0 {
			t.Error("a secret that nobody asked for is called unavailable, or the vault was asked")
		}
		vault.set(func(s *script) { s.err = errAway })
		_, err := cache.Get(t.Context(), "bankx")
		wantUnavailable(t, err, 0, 2*time.Second)
		if cache.Available("bankx") || !cache.Available("other") {
			t.Error("the failure is not known, or counts for others")
		}
		vault.set(func(s *script) { s.err = nil })
		time.Sleep(2 * time.Second)
		mustGet(t, cache, v1)
		if !cache.Available("bankx") {
			t.Error("a cached secret is called unavailable")
		}
		vault.set(func(s *script) { s.err = errAway })
		time.Sleep(10 * time.Minute)
		mustGet(t, cache, v1)
		time.Sleep(time.Second)
		if !cache.Available("bankx") {
			t.Error("a cached secret is called unavailable because the vault is away")
		}
	})
}

func TestCloseEndsReadsAndKeepsWhatIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.delay = time.Hour })
		var cold error
		go func() { _, cold = cache.Get(t.Context(), "other") }()
		synctest.Wait()
		if waited := took(cache.Close); waited != 0 {
			t.Errorf("Close waited %v", waited)
		}
		synctest.Wait()
		wantUnavailable(t, cold, 0, 2*time.Second)
		mustGet(t, cache, v1)
		mustRenew(t, cache, v1, v1)
		time.Sleep(time.Hour)
		mustGet(t, cache, v1)
		_, err := cache.Get(t.Context(), "third")
		wantUnavailable(t, err, 0, 2*time.Second)
		_, err = cache.Version(t.Context(), "bankx", v2)
		wantUnavailable(t, err, 0, 5*time.Second)
		if vault.count() != 2 {
			t.Errorf("%d reads, want none after Close", vault.count())
		}
	})
}

func TestFailuresAreLoggedOnceAndWithoutValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		vault := &script{versions: []string{v1}, err: errAway}
		cache := secrets.NewCache(vault, &secrets.CacheOptions{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		defer cache.Close()
		all(10, func() { _, _ = cache.Get(t.Context(), "bankx") })
		if got := strings.Count(logged.String(), "\n"); got != 1 || !strings.Contains(logged.String(), errAway.Error()) {
			t.Errorf("%d lines, want one with the cause:\n%s", got, logged.String())
		}
		vault.set(func(s *script) { s.err = nil })
		time.Sleep(2 * time.Second)
		mustGet(t, cache, v1)
		if _, err := cache.Version(t.Context(), "bankx", v3); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("err = %v", err)
		}
		if strings.Count(logged.String(), "\n") != 1 || strings.Contains(logged.String(), "value of") {
			t.Errorf("a stranger's version or a value was logged:\n%s", logged.String())
		}
	})
}

// step is one thing that happens to a cache in TestSecretsNeverGoBack.
type step struct {
	delay, pause  time.Duration // of the vault's answers from now on; after the step
	rotate, renew bool
}

func drawSteps(t *rapid.T) []step {
	milliseconds := func(most int, name string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Millisecond
	}
	steps := make([]step, rapid.IntRange(5, 40).Draw(t, "steps"))
	for i := range steps {
		steps[i] = step{
			delay:  milliseconds(7000, "delay"),
			pause:  milliseconds(9000, "pause"),
			rotate: rapid.Bool().Draw(t, "rotate"),
			renew:  rapid.Bool().Draw(t, "renew"),
		}
	}
	return steps
}

// Whatever the order in which reads end, a secret is never replaced by an older
// one.
func TestSecretsNeverGoBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := drawSteps(rt)
		var failure error
		synctest.Test(t, func(t *testing.T) { failure = goesBack(t, steps) })
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

func goesBack(t *testing.T, steps []step) error {
	t.Helper()
	vault := &script{versions: []string{version(1)}}
	cache := secrets.NewCache(vault, &secrets.CacheOptions{MaxAge: time.Second})
	defer cache.Close()
	newest := ""
	for i, step := range steps {
		vault.set(func(s *script) {
			s.delay = step.delay
			if step.rotate {
				s.versions = append(s.versions, version(len(s.versions)+1))
			}
		})
		get := func() (secrets.Secret, error) { return cache.Get(t.Context(), "bankx") }
		if step.renew {
			get = func() (secrets.Secret, error) { return cache.Renew(t.Context(), "bankx", newest) }
		}
		got, err := get()
		if err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		if got.Version < newest {
			return fmt.Errorf("step %d: %s after %s", i, got.Version, newest)
		}
		newest = got.Version
		time.Sleep(step.pause)
	}
	return nil
}

// version returns the nth version id; later ones are greater.
func version(n int) string {
	return fmt.Sprintf("%032x", n)
}
