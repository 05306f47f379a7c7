// Package ratelimit bounds how often one client may ask for something: a token
// bucket for each key, in a table of bounded size.
//
// An address is kept only as an HMAC under a key made at start, so that neither
// a heap dump nor a log tells who asked. The limits hold for one instance;
// a limit over all instances belongs to Front Door or API Management.
package ratelimit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds each of the two generations of buckets, and so memory to some
// 40 MB, whatever number of addresses a stranger commands.
const maxKeys = 100_000

// Key is the salted hash of a client's name.
type Key [16]byte

// Limiter holds a bucket for each key. It is safe for concurrent use. The zero
// value is not usable; see [New].
type Limiter struct {
	every time.Duration // one more is let through
	burst int
	salt  []byte
	now   func() time.Time

	mu sync.Mutex
	// A bucket that was not asked for during a whole period is full again, so
	// forgetting it changes nothing: each period the recent buckets become the
	// older ones, and the older ones go.
	recent, older map[Key]*rate.Limiter
	turn          time.Time
}

// Options adjust a [Limiter]; nil means the defaults.
type Options struct {
	// Now tells the time; by default time.Now.
	Now func() time.Time
}

// New returns a Limiter that lets count through in each period, all of them at
// once if they come so. Both must be positive.
func New(count int, period time.Duration, options *Options) *Limiter {
	now := time.Now
	if options != nil && options.Now != nil {
		now = options.Now
	}
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return &Limiter{
		every: period / time.Duration(count),
		burst: count,
		salt:  salt,
		now:   now,
		turn:  now(),
	}
}

// Key hashes a client's name under this limiter's salt.
func (l *Limiter) Key(client string) Key {
	mac := hmac.New(sha256.New, l.salt)
	mac.Write([]byte(client))
	return Key(mac.Sum(nil))
}

// Take takes one token from the key's bucket. It returns 0, or how long the
// client must wait before there is one; a refusal takes nothing.
func (l *Limiter) Take(key Key) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	reservation := l.bucket(key, now).ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

func (l *Limiter) bucket(key Key, now time.Time) *rate.Limiter {
	period := l.every * time.Duration(l.burst)
	if now.Sub(l.turn) >= period || len(l.recent) >= maxKeys {
		l.older, l.recent = l.recent, nil
		l.turn = now
	}
	if l.recent == nil {
		l.recent = map[Key]*rate.Limiter{}
	}
	found := l.recent[key]
	if found == nil {
		found = l.older[key]
	}
	if found == nil {
		found = rate.NewLimiter(rate.Every(l.every), l.burst)
	}
	l.recent[key] = found
	return found
}
