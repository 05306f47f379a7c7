package secrets_test

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestACallRefusedWithAnOlderVersionOnlyRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustGet(t, cache, v2)
		if waited := took(func() { mustRenew(t, cache, v1, v2) }); waited != 0 || vault.count() != 1 {
			t.Errorf("waited %v, %d reads; want the cached version at once", waited, vault.count())
		}
	})
}

func TestAllCallersRefusedShareOneReRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		all(100, func() { mustRenew(t, cache, v1, v2) })
		if vault.count() != 2 {
			t.Errorf("%d reads, want the cold one and one more", vault.count())
		}
		mustGet(t, cache, v2)
	})
}

func TestAReReadStartsAfterTheRefusalAndIsNotUndoneByAnOlderRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		time.Sleep(5 * time.Minute)
		vault.set(func(s *script) { s.delay = 3 * time.Second })
		mustGet(t, cache, v1) // starts a background read, which will return v1
		synctest.Wait()
		vault.set(func(s *script) { s.versions, s.delay = []string{v1, v2}, time.Second })
		if waited := took(func() { mustRenew(t, cache, v1, v2) }); waited != time.Second {
			t.Errorf("waited %v, want a read of its own of 1 s", waited)
		}
		time.Sleep(5 * time.Second) // the background read has ended
		mustGet(t, cache, v2)
		if vault.count() != 3 {
			t.Errorf("%d reads, want 3", vault.count())
		}
	})
}

func TestAWrongSecretIsReReadEvery5SecondsAndToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		mustRenew(t, cache, v1, v1)
		for range 48 {
			time.Sleep(100 * time.Millisecond)
			if waited := took(func() { mustRenew(t, cache, v1, v1) }); waited != 0 {
				t.Fatalf("waited %v for a re-read that may not start", waited)
			}
		}
		if vault.count() != 2 {
			t.Errorf("%d reads within 5 s, want 2", vault.count())
		}
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		time.Sleep(200 * time.Millisecond)
		mustRenew(t, cache, v1, v2)
	})
}

// Two rotations within 5 s: the second has to wait, but fails nobody.
func TestAfterAReReadThatHelpedTheNextIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustRenew(t, cache, v1, v2)
		vault.set(func(s *script) { s.versions = []string{v1, v2, v3} })
		waited := took(func() { all(100, func() { mustRenew(t, cache, v2, v3) }) })
		if want := 5 * time.Second; waited != want {
			t.Errorf("waited %v, want %v: 5 s between the starts", waited, want)
		}
		if vault.count() != 3 {
			t.Errorf("%d reads, want 3", vault.count())
		}
	})
}

func TestCloseEndsAReReadThatWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustRenew(t, cache, v1, v2)
		var err error
		go func() { _, err = cache.Renew(t.Context(), "bankx", v2) }()
		synctest.Wait()
		cache.Close()
		synctest.Wait()
		wantUnavailable(t, err, 0, 2*time.Second)
		if vault.count() != 2 {
			t.Errorf("%d reads, want none after Close", vault.count())
		}
	})
}

func TestAFailedReReadIsToldAndTheCachedSecretStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.err = errAway })
		_, err := cache.Renew(t.Context(), "bankx", v1)
		wantUnavailable(t, err, 0, 2*time.Second)
		mustGet(t, cache, v1)
		if waited := took(func() { mustRenew(t, cache, v1, v1) }); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestRenewingWhatIsNotCachedIsReadingIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustRenew(t, cache, v2, v1)
		if vault.count() != 1 {
			t.Errorf("%d reads", vault.count())
		}
	})
}
