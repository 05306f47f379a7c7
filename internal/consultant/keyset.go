package consultant

import (
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxAge is the age after which keys are fetched again in the background.
	maxAge = time.Hour

	// maxStale is the age beyond which keys no longer serve. Entra asks for a
	// fetch at least once a day, and withdraws a key at once in an emergency
	// (https://learn.microsoft.com/entra/identity-platform/signing-key-rollover):
	// so long, and no longer, may somebody who keeps us from Entra keep such a
	// key alive, and so long may Entra be away without anybody noticing.
	maxStale = 24 * time.Hour

	// coldInterval is the least time between two fetches while there are no keys
	// that serve.
	coldInterval = 5 * time.Second

	// renewInterval is the least time between two fetches while there are. A
	// flood of made-up key ids uses up one fetch each, and the tenant's real new
	// key is found by the next.
	renewInterval = 30 * time.Second

	// fetchTimeout bounds one fetch, so that a request of 10 s that waits for it
	// still gets its answer.
	fetchTimeout = 8 * time.Second
)

var (
	errClosed  = errors.New("the verifier is closed")
	errTooSoon = errors.New("the tenant's keys were asked for a moment ago")
)

// publicKeys are a tenant's keys by id.
type publicKeys map[string]*rsa.PublicKey

// keySet keeps the keys of one tenant. Fetches outlive the callers that wait for
// them, so that one caller's impatience fails nobody else.
type keySet struct {
	directory *directory
	now       func() time.Time
	logger    *slog.Logger

	mu        sync.Mutex
	keys      publicKeys // of the last fetch that succeeded
	asOf      time.Time  // when that one started
	attempted time.Time  // when the last fetch started
	failed    bool       // it has failed
	inFlight  *fetch
	closed    bool
	ended     sync.WaitGroup
}

// fetch is one fetch, which any number of callers wait for. err is set before
// done is closed.
type fetch struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

func newKeySet(from *directory, now func() time.Time, logger *slog.Logger) *keySet {
	return &keySet{directory: from, now: now, logger: logger}
}

// find returns the key with keyID. If it is unknown and mayAsk is set, the
// tenant's keys are fetched again, unless they were a moment ago.
func (s *keySet) find(ctx context.Context, keyID string, mayAsk bool) (*rsa.PublicKey, error) {
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	key := s.lookUp(keyID)
	if key == nil && mayAsk {
		if err := s.renew(ctx); err != nil {
			return nil, err
		}
		key = s.lookUp(keyID)
	}
	if key == nil {
		return nil, errUnknownKey
	}
	return key, nil
}

// ready sees to it that there are keys that serve. Where there are, it returns at
// once; where there are none, all callers wait for one fetch.
func (s *keySet) ready(ctx context.Context) error {
	s.mu.Lock()
	if s.serves() {
		defer s.mu.Unlock()
		if s.now().Sub(s.asOf) >= maxAge {
			s.begin(ctx, renewInterval)
		}
		return nil
	}
	f, wait, refused := s.begin(ctx, coldInterval), s.untilNext(coldInterval), s.refusal()
	s.mu.Unlock()
	if f == nil {
		return unavailable(refused, wait)
	}
	return f.wait(ctx)
}

// renew fetches the keys again for the sake of one that is unknown. Within
// renewInterval of the last fetch it does nothing: if that one failed nobody can
// say whether the key is good, and if not, the key is not.
func (s *keySet) renew(ctx context.Context) error {
	s.mu.Lock()
	f, wait, refused, failed := s.begin(ctx, renewInterval), s.untilNext(renewInterval), s.refusal(), s.failed
	s.mu.Unlock()
	switch {
	case f != nil:
		return f.wait(ctx)
	case failed:
		return unavailable(refused, wait)
	default:
		return nil
	}
}

func (s *keySet) lookUp(keyID string) *rsa.PublicKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[keyID]
}

// serves reports whether the keys at hand may be used. The caller holds s.mu, as
// with all methods below down to close.
func (s *keySet) serves() bool {
	return s.keys != nil && s.now().Sub(s.asOf) < maxStale
}

// untilNext is how long it takes until a fetch is allowed, at least a second.
func (s *keySet) untilNext(interval time.Duration) time.Duration {
	return max(interval-s.now().Sub(s.attempted), time.Second)
}

// refusal is why no fetch was begun.
func (s *keySet) refusal() error {
	if s.closed {
		return errClosed
	}
	return errTooSoon
}

// begin returns the fetch in flight, or a new one if the last started at least
// interval ago, or nil.
func (s *keySet) begin(ctx context.Context, interval time.Duration) *fetch {
	if s.inFlight != nil {
		return s.inFlight
	}
	now := s.now()
	if s.closed || now.Sub(s.attempted) < interval {
		return nil
	}
	f := &fetch{done: make(chan struct{})}
	ctx, f.cancel = context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	s.inFlight, s.attempted = f, now
	s.ended.Go(func() {
		defer f.cancel()
		s.run(ctx, f, now)
	})
	return f
}

// close ends the fetch in flight and waits for it.
func (s *keySet) close() {
	s.mu.Lock()
	s.closed = true
	if s.inFlight != nil {
		s.inFlight.cancel()
	}
	s.mu.Unlock()
	s.ended.Wait()
}

// run fetches the keys and takes them in.
func (s *keySet) run(ctx context.Context, f *fetch, started time.Time) {
	keys, err := s.directory.fetch(ctx)
	if err != nil {
		s.logger.WarnContext(ctx, "fetching a tenant's signing keys failed; those at hand go on serving",
			"tenant", s.directory.tenantID, "cause", err, "duration", s.now().Sub(started))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight, s.failed = nil, err != nil
	if err == nil {
		s.keys, s.asOf = keys, started
	}
	f.err = err
	close(f.done)
}

// wait waits for the fetch or the caller's end, whichever comes first. The caller
// must not hold the key set's lock.
func (f *fetch) wait(ctx context.Context) error {
	select {
	case <-f.done:
	case <-ctx.Done():
		return unavailable(ctx.Err(), coldInterval)
	}
	if f.err != nil {
		return unavailable(f.err, coldInterval)
	}
	return nil
}
