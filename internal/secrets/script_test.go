package secrets_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

var errAway = errors.New("the vault is away")

// script is a vault in the memory of a synctest bubble. What a read returns is
// fixed when it starts, as at a real vault, and comes after a delay.
type script struct {
	mu       sync.Mutex
	versions []string // the last is the latest
	delay    time.Duration
	err      error
	reads    []string // the version asked for by each read; "" is the latest
	active   int
	most     int // the most reads at one time
}

func (s *script) Read(ctx context.Context, name, version string) (secrets.Secret, error) {
	s.mu.Lock()
	s.reads = append(s.reads, version)
	s.active++
	s.most = max(s.most, s.active)
	secret, err, delay := s.answer(name, version), s.err, s.delay
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return secrets.Secret{}, ctx.Err()
	}
	switch {
	case err != nil:
		return secrets.Secret{}, err
	case secret.Version == "":
		return secrets.Secret{}, secrets.ErrNotFound
	default:
		return secret, nil
	}
}

func (s *script) answer(name, version string) secrets.Secret {
	if version == "" && len(s.versions) > 0 {
		version = s.versions[len(s.versions)-1]
	} else if !slices.Contains(s.versions, version) {
		version = ""
	}
	return secrets.Secret{Name: name, Version: version, Value: redacted.New("value of " + version)}
}

// set changes the vault.
func (s *script) set(change func(*script)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// count is the number of reads so far.
func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reads)
}

// newCache returns a cache over a vault that holds v1 and takes 100 ms.
func newCache(t *testing.T) (*script, *secrets.Cache) {
	t.Helper()
	vault := &script{versions: []string{v1}, delay: 100 * time.Millisecond}
	cache := secrets.NewCache(vault, nil)
	t.Cleanup(cache.Close)
	return vault, cache
}

// mustGet fails the test unless Get returns the version.
func mustGet(t *testing.T, cache *secrets.Cache, version string) {
	t.Helper()
	if got, err := cache.Get(t.Context(), "bankx"); err != nil || got.Version != version || got.Value.Reveal() != "value of "+version {
		t.Errorf("Get = %+v, %v; want version %s", got, err, version)
	}
}

// mustRenew fails the test unless Renew returns the version.
func mustRenew(t *testing.T, cache *secrets.Cache, refused, version string) {
	t.Helper()
	if got, err := cache.Renew(t.Context(), "bankx", refused); err != nil || got.Version != version {
		t.Errorf("Renew(%s) = %+v, %v; want version %s", refused, got, err, version)
	}
}

// wantUnavailable fails the test unless err is secret_unavailable that says when
// to try again.
func wantUnavailable(t *testing.T, err error, least, most time.Duration) {
	t.Helper()
	var failure *problem.Error
	if !errors.As(err, &failure) || failure.Code != problem.SecretUnavailable {
		t.Fatalf("err = %v, want secret_unavailable", err)
	}
	if failure.RetryAfter < least || failure.RetryAfter > most {
		t.Fatalf("try again after %v, want %v to %v", failure.RetryAfter, least, most)
	}
}

// took runs f and returns how long it took on the bubble's clock.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// all runs f in n goroutines and waits for them.
func all(n int, f func()) {
	var group sync.WaitGroup
	for range n {
		group.Go(f)
	}
	group.Wait()
}
