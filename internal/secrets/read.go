package secrets

import (
	"context"
	"errors"
	"time"
)

// readOf says what to read, and after what pause.
type readOf struct {
	name    string
	version string // "" is the latest
	after   time.Duration
}

// read is one read of the vault, which any number of callers wait for. Its
// results are set before done is closed and not changed afterwards.
type read struct {
	done      chan struct{}
	order     uint64
	startedAt time.Time
	secret    Secret
	err       error
}

// start begins a read in a goroutine of its own. It ends by readTimeout or
// [Cache.Close], and not by ctx, of which it only takes the values. When it has
// ended, settle is called with c.mu held, and then the waiting callers go on.
// The caller holds c.mu and has checked that the cache is not closed.
func (c *Cache) start(ctx context.Context, of readOf, settle func(*read)) *read {
	r := &read{done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), of.after+readTimeout)
	c.running[r] = cancel
	c.ended.Go(func() {
		defer cancel()
		c.run(ctx, r, of)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, r)
		settle(r)
		close(r.done)
	})
	return r
}

func (c *Cache) run(ctx context.Context, r *read, of readOf) {
	paused := pause(ctx, of.after)
	c.mu.Lock()
	c.started++
	r.order, r.startedAt = c.started, time.Now()
	c.mu.Unlock()
	if !paused {
		r.err = errClosed
		return
	}
	r.secret, r.err = c.reader.Read(ctx, of.name, of.version)
	c.logFailure(ctx, r, of)
}

// logFailure reports a failed read once, however many callers waited for it. A
// version that does not exist is no failure: anybody can ask for one.
func (c *Cache) logFailure(ctx context.Context, r *read, of readOf) {
	if r.err == nil || of.version != "" && errors.Is(r.err, ErrNotFound) {
		return
	}
	c.logger.WarnContext(ctx, "reading a secret failed; what is cached goes on serving",
		"secret", of.name, "cause", r.err, "duration", time.Since(r.startedAt))
}

// pause waits for d and reports whether it got to the end of it.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// wait waits for the read or the caller's end, whichever comes first. The caller
// must not hold the cache's lock.
func (r *read) wait(ctx context.Context) (Secret, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return Secret{}, unavailable(ctx.Err(), coldInterval)
	}
	if r.err != nil {
		return Secret{}, unavailable(r.err, coldInterval)
	}
	return r.secret, nil
}
