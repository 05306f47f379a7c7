// Package testclock has the clock of tests, which moves when it is told. Tests
// hand its Now to what they test, so that nothing waits for time to pass.
package testclock

import (
	"sync"
	"time"
)

// Clock may be used by several goroutines at once.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// At returns a clock that stands at a time.
func At(at time.Time) *Clock {
	return &Clock{at: at}
}

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock on.
func (c *Clock) Advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}
