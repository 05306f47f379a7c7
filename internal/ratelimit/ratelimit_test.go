package ratelimit_test

import (
	"net/http"
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

func TestClient(t *testing.T) {
	const door = "0f0e0d0c-0b0a-0908-0706-050403020100"
	for name, test := range map[string]struct {
		header http.Header
		door   string
		want   string
	}{
		"Azure appends ip:port":                 {header: forwarded("203.0.113.7:51234"), want: "203.0.113.7"},
		"only the last entry counts":            {header: forwarded("198.51.100.1, 203.0.113.7:51234"), want: "203.0.113.7"},
		"the last header line counts":           {header: forwarded("198.51.100.1", "203.0.113.7:51234"), want: "203.0.113.7"},
		"no port":                               {header: forwarded("203.0.113.7"), want: "203.0.113.7"},
		"IPv6 by its /64, in brackets":          {header: forwarded("[2001:db8:1:2:3:4:5:6]:443"), want: "2001:db8:1:2::/64"},
		"the same /64 is the same client":       {header: forwarded("2001:db8:1:2:ffff::1"), want: "2001:db8:1:2::/64"},
		"IPv4 in IPv6":                          {header: forwarded("::ffff:203.0.113.7"), want: "203.0.113.7"},
		"a zone is left out":                    {header: forwarded("fe80::1%eth0"), want: "fe80::/64"},
		"brackets without a port":               {header: forwarded("[2001:db8::1]"), want: "2001:db8::/64"},
		"no header":                             {header: http.Header{}, want: ratelimit.Unknown},
		"rubbish last: earlier ones are lies":   {header: forwarded("203.0.113.7, rubbish"), want: ratelimit.Unknown},
		"empty last entry":                      {header: forwarded("203.0.113.7,"), want: ratelimit.Unknown},
		"unclosed bracket":                      {header: forwarded("[2001:db8::1"), want: ratelimit.Unknown},
		"our Front Door":                        {header: behind(door, "192.0.2.9"), door: door, want: "192.0.2.9"},
		"our Front Door, ids ignore case":       {header: behind("0F0E0D0C-0B0A-0908-0706-050403020100", "192.0.2.9"), door: door, want: "192.0.2.9"},
		"another Front Door is not believed":    {header: behind("ffffffff-0b0a-0908-0706-050403020100", "192.0.2.9"), door: door, want: "203.0.113.7"},
		"no Front Door set: not believed":       {header: behind(door, "192.0.2.9"), want: "203.0.113.7"},
		"Front Door without an address":         {header: behind(door, ""), door: door, want: "203.0.113.7"},
		"an empty id is never our Front Door":   {header: behind("", "192.0.2.9"), want: "203.0.113.7"},
		"X-Real-IP and others count for naught": {header: http.Header{"X-Real-Ip": {"192.0.2.9"}}, want: ratelimit.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (ratelimit.Source{FrontDoorID: test.door}).Client(test.header); got != test.want {
				t.Errorf("Client = %q, want %q", got, test.want)
			}
		})
	}
}

func forwarded(lines ...string) http.Header {
	return http.Header{"X-Forwarded-For": lines}
}

func behind(id, address string) http.Header {
	header := forwarded("203.0.113.7:51234")
	header.Set("X-Azure-FDID", id)
	header.Set("X-Azure-SocketIP", address)
	return header
}

func FuzzClient(f *testing.F) {
	for _, seed := range []string{"203.0.113.7:51234", "[2001:db8::1]:443", "a, b", "[", "fe80::1%25eth0", ",,,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := ratelimit.Source{}.Client(forwarded(line))
		if got == "" || len(got) > len("ffff:ffff:ffff:ffff::/64") {
			t.Errorf("Client(%q) = %q", line, got)
		}
		if prefixed := (ratelimit.Source{}).Client(forwarded("198.51.100.1, " + line)); prefixed != got {
			t.Errorf("an entry put before %q changes the client from %q to %q", line, got, prefixed)
		}
	})
}
