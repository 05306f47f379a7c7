package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// checker makes the checks one after the other, and remembers what later ones
// need. It is used by one goroutine.
type checker struct {
	target target
	client *http.Client
	out    io.Writer
	now    func() time.Time
	// timeout ends a call.
	timeout time.Duration
	// wait waits, or ends with ctx.
	wait func(ctx context.Context, d time.Duration) error

	failed, warned, done int

	storable bool          // some answer may be kept by caches
	slowest  time.Duration // call

	denied, left, accepted *attempt // the three logins; nil where there is none
	granted                progress // of the accepted one
	grantedAt              time.Time
}

func newChecker(t target, out io.Writer) *checker {
	return &checker{target: t, client: newClient(), out: out, now: time.Now, timeout: timeout, wait: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// check is one question. What it finds is nil, a skipped, a warning, or what is
// wrong and what to do.
type check struct {
	name string
	ask  func(ctx context.Context, c *checker) error
}

// final is what is wrong where no other check can find anything.
type final string

func (f final) Error() string { return string(f) }

// skipped is why there was nothing to check.
type skipped string

func (s skipped) Error() string { return string(s) }

// warning is of something that works but should be better.
type warning string

func (w warning) Error() string { return string(w) }

func (c *checker) run(ctx context.Context) int {
	c.introduce()
	for _, each := range c.plan() {
		found := each.ask(ctx, c)
		if ctx.Err() != nil {
			c.say("\nInterrupted; nothing can be said of the rest.")
			return exitFailed
		}
		c.report(each.name, found)
		var last final
		if errors.As(found, &last) {
			break
		}
	}
	switch {
	case c.failed > 0:
		c.say("\n%d of %d checks failed. What is expected: docs/reference/login-api.yaml", c.failed, c.done)
		return exitFailed
	case c.warned > 0:
		c.say("\n%d checks, none failed, %d with a warning.", c.done, c.warned)
	default:
		c.say("\n%d checks, all is well.", c.done)
	}
	return 0
}

func (c *checker) introduce() {
	c.say("Checking %s", c.target.url)
	switch {
	case c.target.hint == "":
	case c.target.unattended:
		c.say("Two logins of HINT will be started, and nobody need decide them: the phone will ask twice.")
	default:
		c.say("Three logins of HINT will be started. Have the phone at hand, and wait until you are told what to do.")
	}
	c.say("")
}

func (c *checker) plan() []check {
	checks := openChecks()
	if c.target.hint == "" {
		checks = append(checks, check{"logins", func(context.Context, *checker) error {
			return skipped("set HINT to what your system knows a test user by; that user's phone will be asked")
		}})
	} else {
		checks = append(checks, c.loginChecks()...)
	}
	return append(checks, lastChecks()...)
}

// report writes what a check found.
func (c *checker) report(name string, err error) {
	var nothing skipped
	var warned warning
	switch {
	case errors.As(err, &nothing):
		c.say("skip  %s: %s", name, nothing)
		return
	case errors.As(err, &warned):
		c.warned++
		c.say("WARN  %s: %s", name, warned)
	case err != nil:
		c.failed++
		c.say("FAIL  %s: %s", name, err)
	default:
		c.say("PASS  %s", name)
	}
	c.done++
}

func (c *checker) say(format string, arguments ...any) {
	_, _ = fmt.Fprintf(c.out, format+"\n", arguments...)
}
