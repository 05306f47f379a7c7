package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/secrets"
)

func TestWhatIsNoVersionIsRefusedWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		for _, id := range []string{"", "1", v1[1:], v1 + "1", strings.Repeat("A", 32), strings.Repeat("g", 32), strings.Repeat("/", 32), "../" + v1[3:]} {
			if _, err := cache.Version(t.Context(), "bankx", id); !errors.Is(err, secrets.ErrNotFound) {
				t.Errorf("Version(%q): err = %v, want not found", id, err)
			}
		}
		if vault.count() != 0 {
			t.Errorf("%d reads", vault.count())
		}
	})
}

func TestVersionsSeenAsCurrentAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = []string{v2} })
		mustRenew(t, cache, v1, v2)
		for _, id := range []string{v1, v2} {
			if got, err := cache.Version(t.Context(), "bankx", id); err != nil || got.Version != id {
				t.Errorf("Version(%s) = %+v, %v", id, got, err)
			}
		}
		if vault.count() != 2 {
			t.Errorf("%d reads, want none for versions", vault.count())
		}
	})
}

func TestOlderAndNewerVersionsAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustGet(t, cache, v2)
		vault.set(func(s *script) { s.versions = append(s.versions, v3) })
		for _, id := range []string{v1, v3} {
			all(10, func() {
				if got, err := cache.Version(t.Context(), "bankx", id); err != nil || got.Value.Reveal() != "value of "+id {
					t.Errorf("Version(%s) = %+v, %v", id, got, err)
				}
			})
			time.Sleep(5 * time.Second)
		}
		vault.set(func(s *script) { s.err = errAway })
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Errorf("a version that was read once is gone with the vault: %v", err)
		}
		if vault.count() != 3 {
			t.Errorf("%d reads, want 3", vault.count())
		}
		mustGet(t, cache, v2) // an older or newer version does not become the current one
	})
}

func TestStrangersCauseOneReadEvery5Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		start, made := time.Now(), 0
		for time.Since(start) < time.Minute {
			_, err := cache.Version(t.Context(), "bankx", fmt.Sprintf("%032x", made))
			if err == nil {
				t.Fatal("a made-up version was found")
			}
			made++
			time.Sleep(50 * time.Millisecond)
		}
		if vault.count() != 12 {
			t.Errorf("%d reads in a minute for %d made-up ids, want 12", vault.count(), made)
		}
	})
}

func TestAVersionThatDoesNotExistIsRememberedForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		for range 60 {
			if _, err := cache.Version(t.Context(), "bankx", v3); !errors.Is(err, secrets.ErrNotFound) {
				t.Fatalf("err = %v, want not found", err)
			}
			time.Sleep(time.Minute)
		}
		if vault.count() != 1 {
			t.Errorf("%d reads, want 1", vault.count())
		}
	})
}

func TestAVersionThatIsEnabledAgainWorksWithinTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v2} })
		if _, err := cache.Version(t.Context(), "bankx", v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Fatalf("disabled: err = %v, want not found", err)
		}
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		time.Sleep(time.Hour + time.Second)
		if got, err := cache.Version(t.Context(), "bankx", v1); err != nil || got.Version != v1 {
			t.Errorf("enabled: %+v, %v", got, err)
		}
	})
}

// What Get has goes on serving: whether a key is still in force, Version says.
func TestTheCurrentVersionTooMayBeDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1} })
		mustGet(t, cache, v1)
		vault.set(func(s *script) { s.versions = nil })
		for range 70 {
			mustGet(t, cache, v1)
			_, _ = cache.Version(t.Context(), "bankx", v1)
			time.Sleep(time.Minute)
		}
		if _, err := cache.Version(t.Context(), "bankx", v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("err = %v, want not found", err)
		}
	})
}

// Anybody may make up versions of the key that signs visitors. That takes no turn
// of the key that seals logins.
func TestStrangersToOneSecretTakeNoTurnOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		_, _ = cache.Version(t.Context(), "visitor-key", v3)
		if got, err := cache.Version(t.Context(), "sealing-key", v1); err != nil || got.Version != v1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestAFailureThatMayPassIsNotRememberedAsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.err = errAway })
		_, err := cache.Version(t.Context(), "bankx", v1)
		wantUnavailable(t, err, 0, 5*time.Second)
		_, err = cache.Version(t.Context(), "bankx", v1)
		wantUnavailable(t, err, 4*time.Second, 5*time.Second)
		vault.set(func(s *script) { s.err = nil })
		time.Sleep(5 * time.Second)
		if got, err := cache.Version(t.Context(), "bankx", v1); err != nil || got.Version != v1 {
			t.Errorf("Version = %+v, %v", got, err)
		}
	})
}

func TestTheMemoryForUnknownVersionsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.delay = 0 })
		id := func(n int) string { return fmt.Sprintf("%032x", n) }
		for n := range 1025 {
			if _, err := cache.Version(t.Context(), "bankx", id(n)); !errors.Is(err, secrets.ErrNotFound) {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
		}
		before := vault.count()
		_, _ = cache.Version(t.Context(), "bankx", id(1024))
		if vault.count() != before {
			t.Error("the newest unknown version was forgotten")
		}
		_, _ = cache.Version(t.Context(), "bankx", id(0))
		if vault.count() != before+1 {
			t.Error("the oldest of 1,025 unknown versions is still remembered")
		}
	})
}

func TestAVersionThatIsDisabledStopsWorkingWithinTheHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustGet(t, cache, v2)
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Fatal(err)
		}
		vault.set(func(s *script) { s.err = errAway })
		time.Sleep(2 * time.Hour)
		_, _ = cache.Version(t.Context(), "bankx", v1)
		synctest.Wait()
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Errorf("with the vault away: %v, want the version as last seen", err)
		}
		vault.set(func(s *script) { s.err, s.versions = nil, []string{v2} })
		time.Sleep(10 * time.Second)
		_, _ = cache.Version(t.Context(), "bankx", v1)
		time.Sleep(10 * time.Second)
		if _, err := cache.Version(t.Context(), "bankx", v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("disabled: err = %v, want not found", err)
		}
	})
}

// Strangers who make up versions keep the vault busy, and not from being asked
// about a version that was there.
func TestStrangersDoNotKeepADisabledVersionAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustGet(t, cache, v2)
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Fatal(err)
		}
		vault.set(func(s *script) { s.versions = []string{v2} })
		time.Sleep(2 * time.Hour)
		for n := range 3 {
			_, _ = cache.Version(t.Context(), "bankx", fmt.Sprintf("%032x", n)) // takes the turn of the unknown
			_, _ = cache.Version(t.Context(), "bankx", v1)
			time.Sleep(5 * time.Second)
		}
		if _, err := cache.Version(t.Context(), "bankx", v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("disabled: err = %v, want not found", err)
		}
	})
}

func TestAVersionThatNobodyCanVouchForEndsAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		mustGet(t, cache, v2)
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Fatal(err)
		}
		vault.set(func(s *script) { s.err = errAway })
		time.Sleep(25 * time.Hour)
		if _, err := cache.Version(t.Context(), "bankx", v1); err == nil || errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("err = %v, want unavailable", err)
		}
	})
}

// Version may go on with a disabled key for an hour. What is handed out in exchange
// for what came under it must not.
func TestConfirmTakesOnlyTheVaultsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault, cache := newCache(t)
		vault.set(func(s *script) { s.versions = []string{v1, v2} })
		confirm := func(id string) error { return cache.Confirm(t.Context(), "bankx", id) }
		mustGet(t, cache, v2)
		for range 3 { // 15 s
			all(10, func() {
				if err := confirm(v1); err != nil {
					t.Errorf("in force: %v", err)
				}
			})
			time.Sleep(5 * time.Second)
		}
		if vault.count() != 4 {
			t.Errorf("%d reads, want one of the secret and one each 5 s", vault.count())
		}

		vault.set(func(s *script) { s.err = errAway })
		wantUnavailable(t, confirm(v1), time.Second, 5*time.Second)
		wantUnavailable(t, confirm(v1), time.Second, 5*time.Second)
		if vault.count() != 5 {
			t.Errorf("%d reads, want one more", vault.count())
		}

		time.Sleep(5 * time.Second)
		vault.set(func(s *script) { s.err, s.versions = nil, []string{v2} })
		if _, err := cache.Version(t.Context(), "bankx", v1); err != nil {
			t.Errorf("before anybody has asked: %v", err)
		}
		if err := confirm(v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("disabled: %v, want not found", err)
		}
		if _, err := cache.Version(t.Context(), "bankx", v1); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("then Version says %v, want not found", err)
		}
		if err := confirm(v3); !errors.Is(err, secrets.ErrNotFound) {
			t.Errorf("made up: %v, want not found", err)
		}
	})
}
