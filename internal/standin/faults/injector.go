package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// Injector stands before a handler and lets faults befall its requests. The
// zero value has none. It may be used by several goroutines at once.
type Injector struct {
	mu       sync.Mutex
	faults   []*Fault
	released chan struct{}
	hits     int
	changed  chan struct{}
}

// Add queues faults. A request meets the first that matches it and has requests
// left.
func (i *Injector) Add(faults ...Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, fault := range faults {
		i.faults = append(i.faults, &fault)
	}
}

// Clear takes all faults away and lets requests go on that a [Hang] holds.
func (i *Injector) Clear() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = nil
	if i.released != nil {
		close(i.released)
		i.released = nil
	}
}

// Hits is how many requests have met a fault.
func (i *Injector) Hits() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hits
}

// Await waits until n requests in all have met a fault.
func (i *Injector) Await(ctx context.Context, n int) error {
	for {
		i.mu.Lock()
		hits, changed := i.hits, i.watch()
		i.mu.Unlock()
		if hits >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d requests to meet a fault, %d have: %w", n, hits, context.Cause(ctx))
		}
	}
}

// Wrap puts the injector before next.
func (i *Injector) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault, released := i.take(r)
		switch {
		case fault == nil:
			next.ServeHTTP(w, r)
		case fault.serve == nil:
			http.Error(w, "a fault of no kind was injected", http.StatusInternalServerError)
		default:
			fault.serve(w, r, next, released)
		}
	})
}

// take finds the fault that befalls r and counts it.
func (i *Injector) take(r *http.Request) (*Fault, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, fault := range i.faults {
		spent := fault.left == 0 && fault.serve != nil
		if spent || (fault.match != nil && !fault.match(r)) {
			continue
		}
		if fault.left > 0 {
			fault.left--
		}
		i.hits++
		close(i.watch())
		i.changed = nil
		if i.released == nil {
			i.released = make(chan struct{})
		}
		return fault, i.released
	}
	return nil, nil
}

// watch returns the channel that is closed at the next hit. i.mu is held.
func (i *Injector) watch() chan struct{} {
	if i.changed == nil {
		i.changed = make(chan struct{})
	}
	return i.changed
}
