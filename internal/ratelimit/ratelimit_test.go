package ratelimit_test

import (
	"strconv"
	"testing"
	"time"

	"chatgate/internal/ratelimit"
)

// clock is a time that the test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newLimiter(count int, period time.Duration) (*ratelimit.Limiter, *clock) {
	c := &clock{at: time.Date(2026, 11, 21, 15, 0, 0, 0, time.UTC)}
	return ratelimit.New(count, period, &ratelimit.Options{Now: c.now}), c
}

func TestBurstThenSteadyRate(t *testing.T) {
	limiter, clock := newLimiter(3, time.Minute)
	key := limiter.Key("192.0.2.1")
	for i := range 3 {
		if wait := limiter.Take(key); wait != 0 {
			t.Fatalf("call %d of the burst waits %v", i+1, wait)
		}
	}
	if wait := limiter.Take(key); wait != 20*time.Second {
		t.Errorf("the fourth call waits %v, want 20s", wait)
	}
	if wait := limiter.Take(limiter.Key("192.0.2.2")); wait != 0 {
		t.Errorf("another client waits %v", wait)
	}
	clock.at = clock.at.Add(20 * time.Second)
	if wait := limiter.Take(key); wait != 0 {
		t.Errorf("after the time asked for, the call still waits %v", wait)
	}
	if wait := limiter.Take(key); wait != 20*time.Second {
		t.Errorf("refusals cost tokens: the next call waits %v, want 20s", wait)
	}
}

func TestForgettingIdleClientsKeepsTheLimit(t *testing.T) {
	limiter, clock := newLimiter(2, time.Minute)
	key := limiter.Key("192.0.2.1")
	limiter.Take(key)
	limiter.Take(key)
	// Across the turn of a generation the empty bucket must not be forgotten.
	for range 4 {
		clock.at = clock.at.Add(29 * time.Second)
		if wait := limiter.Take(key); wait == 0 {
			limiter.Take(key)
		}
	}
	if wait := limiter.Take(key); wait == 0 {
		t.Error("a bucket in use was forgotten and is full again")
	}
}

func TestManyClientsStayBounded(t *testing.T) {
	limiter, _ := newLimiter(1, time.Hour)
	for i := range 250_000 {
		limiter.Take(limiter.Key(strconv.Itoa(i)))
	}
	if kept := limiter.Kept(); kept > 200_000 {
		t.Errorf("%d buckets are kept, want at most 200000", kept)
	}
}

func TestKeysAreSalted(t *testing.T) {
	a, _ := newLimiter(1, time.Hour)
	b, _ := newLimiter(1, time.Hour)
	if a.Key("192.0.2.1") == b.Key("192.0.2.1") {
		t.Error("two limiters hash an address alike, so the hash can be looked up")
	}
}
