package secrets

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"chatgate/internal/problem"
)

const (
	defaultMaxAge = 5 * time.Minute

	// readTimeout bounds one read, retries included, so that a request of 10 s
	// that waits for it still gets its answer.
	readTimeout = 8 * time.Second

	// coldInterval is the least time between two reads of a secret of which
	// nothing is cached.
	coldInterval = 2 * time.Second

	// maxBackoff bounds the pause after failed background reads, which begins
	// at coldInterval and doubles.
	maxBackoff = time.Minute

	// renewInterval is the least time between two forced re-reads of a secret.
	renewInterval = 5 * time.Second
)

var (
	errClosed  = errors.New("the cache of secrets is closed")
	errTooSoon = errors.New("the vault was asked a moment ago")
)

// CacheOptions are the options of [NewCache]. The zero value, or nil, means the
// defaults.
type CacheOptions struct {
	// MaxAge is the age after which a cached secret is re-read in the
	// background; 5 minutes where it is not positive.
	MaxAge time.Duration
	// Logger gets the failures of reads; nil discards them.
	Logger *slog.Logger
}

// Cache keeps secrets in memory. Each name has one current secret, the result of
// the read that started last; results of reads that started earlier and ended
// later never replace it.
//
// Reads outlive the callers that wait for them, so that one caller's impatience
// fails nobody else. A Cache may be used by several goroutines at once.
type Cache struct {
	reader Reader
	maxAge time.Duration
	logger *slog.Logger

	mu       sync.Mutex
	entries  map[string]*entry
	versions versions
	started  uint64 // how many reads have started; numbers them
	running  map[*read]context.CancelFunc
	closed   bool
	ended    sync.WaitGroup
}

// entry is what is known of one name. The names come from the settings, so there
// are few.
type entry struct {
	name    string
	cached  bool
	current Secret
	order   uint64    // the number of the read that gave current
	asOf    time.Time // when that read started

	ordinary  *read     // the cold or background read in flight
	notBefore time.Time // no ordinary read may start before
	failures  int       // ordinary reads failed in a row

	renewal         *read // the forced re-read in flight, or waiting for its turn
	renewNotBefore  time.Time
	renewalsChanged bool // the last forced re-read brought another version
}

// NewCache returns an empty cache of what reader reads. Nothing is read before
// it is asked for. Call [Cache.Close] to end it.
func NewCache(reader Reader, options *CacheOptions) *Cache {
	if options == nil {
		options = &CacheOptions{}
	}
	c := &Cache{
		reader:   reader,
		maxAge:   options.MaxAge,
		logger:   options.Logger,
		entries:  map[string]*entry{},
		versions: newVersions(),
		running:  map[*read]context.CancelFunc{},
	}
	if c.maxAge <= 0 {
		c.maxAge = defaultMaxAge
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Get returns the current secret. A cached one is returned at once, however old;
// if it is older than MaxAge a background read starts. With none cached all
// callers wait for one read; after a failed one the next starts 2 s after it
// started, and callers in between fail at once.
//
// The error is a *problem.Error secret_unavailable that says when to try again.
func (c *Cache) Get(ctx context.Context, name string) (Secret, error) {
	c.mu.Lock()
	e := c.entry(name)
	if e.cached {
		defer c.mu.Unlock()
		c.refreshIfOld(ctx, e)
		return e.current, nil
	}
	r, err := c.coldRead(ctx, e)
	c.mu.Unlock()
	if err != nil {
		return Secret{}, err
	}
	return r.wait(ctx)
}

// Renew returns a secret other than the refused version, if there is one. Where
// the cache has one already it is returned at once. Otherwise all callers share
// one forced re-read, which starts after the refusal and at most every 5 s.
//
// Within those 5 s, callers wait for the next re-read if the last one brought a
// new version, as happens when keys are rotated quickly. If it did not, the
// refused secret itself is returned at once: nothing newer is to be had.
func (c *Cache) Renew(ctx context.Context, name, refusedVersion string) (Secret, error) {
	c.mu.Lock()
	e := c.entry(name)
	if !e.cached {
		c.mu.Unlock()
		return c.Get(ctx, name)
	}
	current := e.current
	if current.Version != refusedVersion {
		c.mu.Unlock()
		return current, nil
	}
	r := c.renewalOf(ctx, e)
	c.mu.Unlock()
	if r == nil {
		return current, nil
	}
	_, err := r.wait(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && e.current.Version == refusedVersion {
		return Secret{}, err
	}
	return e.current, nil
}

// Available reports whether name can be had, as far as is known without asking:
// it is cached, or the vault has not failed to give it.
func (c *Cache) Available(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, known := c.entries[name]
	return !known || e.cached || e.failures == 0
}

// Close ends the reads in flight and waits for them. What is cached can still be
// had afterwards; nothing more is read.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	for _, cancel := range c.running {
		cancel()
	}
	c.mu.Unlock()
	c.ended.Wait()
}

// entry returns the entry of name. The caller holds c.mu, as with all methods
// below.
func (c *Cache) entry(name string) *entry {
	e, known := c.entries[name]
	if !known {
		e = &entry{name: name}
		c.entries[name] = e
	}
	return e
}

// coldRead returns the read to wait for when nothing is cached.
func (c *Cache) coldRead(ctx context.Context, e *entry) (*read, error) {
	if e.ordinary != nil {
		return e.ordinary, nil
	}
	if wait := time.Until(e.notBefore); wait > 0 {
		return nil, unavailable(errTooSoon, wait)
	}
	if c.closed {
		return nil, unavailable(errClosed, coldInterval)
	}
	c.startOrdinary(ctx, e)
	return e.ordinary, nil
}

// refreshIfOld starts a background read of a cached secret that is due for one.
func (c *Cache) refreshIfOld(ctx context.Context, e *entry) {
	old := time.Since(e.asOf) >= c.maxAge
	if !old || e.ordinary != nil || e.renewal != nil || c.closed || time.Now().Before(e.notBefore) {
		return
	}
	c.startOrdinary(ctx, e)
}

func (c *Cache) startOrdinary(ctx context.Context, e *entry) {
	e.ordinary = c.start(ctx, readOf{name: e.name}, func(r *read) {
		e.ordinary = nil
		c.settleOrdinary(e, r)
	})
}

func (c *Cache) settleOrdinary(e *entry, r *read) {
	if r.err == nil {
		e.failures = 0
		c.replace(e, r)
		return
	}
	e.failures++
	pause := coldInterval
	if e.cached {
		pause = min(coldInterval<<min(e.failures-1, 10), maxBackoff)
	}
	e.notBefore = r.startedAt.Add(pause)
}

// renewalOf returns the forced re-read to wait for, or nil where none may start
// now and waiting for one promises nothing.
//
// Joining one in flight is right although it started before this caller was
// refused: it started after another caller's refusal of the same version, and by
// then the vault held the new one.
func (c *Cache) renewalOf(ctx context.Context, e *entry) *read {
	if e.renewal != nil {
		return e.renewal
	}
	wait := max(time.Until(e.renewNotBefore), 0)
	if c.closed || wait > 0 && !e.renewalsChanged {
		return nil
	}
	e.renewal = c.start(ctx, readOf{name: e.name, after: wait}, func(r *read) {
		e.renewal = nil
		e.renewNotBefore = r.startedAt.Add(renewInterval)
		e.renewalsChanged = r.err == nil && r.secret.Version != e.current.Version
		if r.err == nil {
			c.replace(e, r)
		}
	})
	return e.renewal
}

// replace makes r's result the current secret, unless a read that started later
// has already given one.
func (c *Cache) replace(e *entry, r *read) {
	c.versions.remember(r.secret)
	if e.cached && r.order < e.order {
		return
	}
	e.cached, e.current, e.order, e.asOf = true, r.secret, r.order, r.startedAt
}

// unavailable is the failure to get a secret.
func unavailable(cause error, after time.Duration) error {
	return problem.New(problem.SecretUnavailable,
		"The service cannot read its secrets at the moment. Try again in a few seconds.").
		Because(cause).After(after)
}
