package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// loginChecks are those that start logins of the test user.
func (c *checker) loginChecks() []check {
	checks := []check{
		{"a login starts", startFirst},
		{"a login says how long it lives", saysLife},
		{"a login says how often it may be polled", saysInterval},
		{"the polling token cannot be guessed", isUnguessable},
		{"a second login starts beside it", startSecond},
		{"a login that nobody has decided is pending", isPending},
		{"polls in the announced interval are answered", keepsCadence},
	}
	if !c.target.unattended {
		checks = append(checks, c.decisions()...)
	}
	if c.target.quick {
		return checks
	}
	checks = append(checks, check{"a login that nobody decides expires", expires})
	if !c.target.unattended {
		checks = append(checks, check{"a token is not given for ever", isGivenOnce})
	}
	return checks
}

// decisions are the checks for which somebody has the phone.
func (c *checker) decisions() []check {
	return []check{
		{"a login that is denied says so", isDenied},
		{"deciding one login leaves another alone", leavesOther},
		{"a login that is accepted gives a token", isAccepted},
		{"the token says how long it lives", tokenSaysLife},
		{"asking again gives no other token", givesNoOther},
		{"the refresh token gives a new token", refreshes},
	}
}

var errNoLogin = skipped("there is no login to look at; see above")

func startFirst(ctx context.Context, c *checker) (err error) {
	c.denied, err = c.start(ctx)
	return err
}

func saysLife(_ context.Context, c *checker) error {
	switch {
	case c.denied == nil:
		return errNoLogin
	case !c.denied.named:
		return errors.New("there is no expiresIn in the answer to startLogin; say in seconds when the user can decide no more, at most 600")
	case c.denied.life > maxLife:
		return fmt.Errorf("expiresIn is %s; at most 600 seconds, after which Chatgate asks no more and an approval would be nobody's", c.denied.life)
	case c.denied.life < minLife:
		return fmt.Errorf("expiresIn is %s; nobody finds the phone in less than 30 seconds", c.denied.life)
	}
	return nil
}

func saysInterval(_ context.Context, c *checker) error {
	switch {
	case c.denied == nil:
		return errNoLogin
	case c.denied.interval < 0:
		return errors.New("interval is below 0; say in seconds how often pollLogin may be called, 2 to 60")
	case c.denied.interval > maxInterval:
		return fmt.Errorf("interval is %s; Chatgate lets nobody wait longer than 60 seconds, and polls that often at least", c.denied.interval)
	}
	return nil
}

func isUnguessable(_ context.Context, c *checker) error {
	if c.denied == nil {
		return errNoLogin
	}
	if size := len(c.denied.polling.Reveal()); size < unguessable {
		return fmt.Errorf("pollingToken has %d characters; at least 128 random bits take %d", size, unguessable)
	}
	return nil
}

func startSecond(ctx context.Context, c *checker) (err error) {
	if c.denied == nil {
		return errNoLogin
	}
	if c.left, err = c.start(ctx); err != nil {
		return fmt.Errorf("%w (somebody may log in from two conversations at once)", err)
	}
	if c.left.polling == c.denied.polling {
		c.left = nil
		return errors.New("both have the same pollingToken; each start is a login of its own")
	}
	return nil
}

// turn polls a login when its interval is over, as Chatgate does.
func (c *checker) turn(ctx context.Context, a *attempt) (progress, error) {
	interval := min(max(a.interval, 2*time.Second), maxInterval)
	if err := c.wait(ctx, a.polled.Add(interval).Sub(c.now())); err != nil {
		return progress{}, err
	}
	a.polled = c.now()
	return c.poll(ctx, a.polling)
}

func (c *checker) wantPending(ctx context.Context, a *attempt) error {
	if a == nil {
		return errNoLogin
	}
	got, err := c.turn(ctx, a)
	if err == nil && got.Status != pending {
		err = fmt.Errorf("it says %s, want pending; was it decided on the phone before you were told?", got.Status)
	}
	return err
}

func isPending(ctx context.Context, c *checker) error {
	return c.wantPending(ctx, c.denied)
}

func keepsCadence(ctx context.Context, c *checker) error {
	for range 2 {
		if err := c.wantPending(ctx, c.denied); err != nil {
			return err
		}
	}
	return nil
}

// reminder is how often the terminal tells that it waits.
const reminder = 30 * time.Second

// decided asks for a decision on the phone, and polls until there is one.
func (c *checker) decided(ctx context.Context, a *attempt, what string) (progress, error) {
	c.say("\n>>>   On the phone, now: %s the login with the code %s", what, a.code)
	told := c.now()
	for c.now().Before(a.ends()) {
		got, err := c.turn(ctx, a)
		if got.Status == expired && !c.now().Before(a.ends()) {
			break
		}
		if err != nil || got.Status != pending {
			c.say("")
			return got, err
		}
		if c.now().Sub(told) >= reminder {
			told = c.now()
			c.say("      … still waiting for the phone, %s left", a.ends().Sub(told).Round(time.Second))
		}
	}
	c.say("")
	return progress{}, errors.New("nobody decided in time; run it again with the phone at hand, or with UNATTENDED=1. Did the phone ask at all?")
}

func isDenied(ctx context.Context, c *checker) error {
	if c.denied == nil {
		return errNoLogin
	}
	got, err := c.decided(ctx, c.denied, "DENY")
	if err == nil && got.Status != deniedStatus {
		err = fmt.Errorf("it says %s, want denied", got.Status)
	}
	return err
}

// leavesOther: an API may let a newer login take the place of an older one.
func leavesOther(ctx context.Context, c *checker) error {
	if c.left == nil {
		return errNoLogin
	}
	got, err := c.turn(ctx, c.left)
	if err == nil && got.Status != pending && got.Status != expired {
		err = fmt.Errorf("the login beside it says %s, and nobody has decided that one", got.Status)
	}
	return err
}

func isAccepted(ctx context.Context, c *checker) error {
	third, err := c.start(ctx)
	if err != nil {
		return fmt.Errorf("%w (a user who has denied a login may start another)", err)
	}
	got, err := c.decided(ctx, third, "make sure that it shows exactly this code, deny it otherwise, and ACCEPT")
	switch {
	case err != nil:
		return err
	case got.Status == deniedStatus:
		return errors.New("it was denied; if the phone did not show the code: it must, and people must compare it with the chat before they accept")
	case got.Status != approved:
		return fmt.Errorf("it says %s, want approved", got.Status)
	}
	c.accepted, c.granted, c.grantedAt = third, got, c.now()
	return nil
}

func tokenSaysLife(_ context.Context, c *checker) error {
	switch life := c.granted.life; {
	case c.accepted == nil:
		return errNoLogin
	case life <= 0:
		return warning("there is no expiresIn beside the token; Chatgate takes it to live for 10 minutes")
	case life > maxExpiry:
		return warning("the token lives longer than 24 hours, for which Chatgate keeps it at the most; shorter is safer, with a refresh token")
	}
	return nil
}

// givesNoOther: the answer to a poll can get lost, so the same token may come
// again for a while.
func givesNoOther(ctx context.Context, c *checker) error {
	if c.accepted == nil {
		return errNoLogin
	}
	got, err := c.turn(ctx, c.accepted)
	switch {
	case err != nil:
		return err
	case got.Status == pending, got.Status == deniedStatus:
		return fmt.Errorf("it says %s after it was approved; want the same token for a minute, or expired", got.Status)
	case got.Status == approved && got.token != c.granted.token:
		return errors.New("it gives a second token for one approval; want the same token for a minute, or expired")
	}
	return nil
}

func refreshes(ctx context.Context, c *checker) error {
	switch {
	case c.accepted == nil:
		return errNoLogin
	case c.granted.refresh.IsEmpty():
		return skipped("the login gave no refresh token, so users log in again when a token expires, which is allowed")
	}
	got, err := c.post(ctx, refreshToken, map[string]string{"refreshToken": c.granted.refresh.Reveal()})
	if err != nil {
		return err
	}
	if isNotOffered(got.status) {
		return fmt.Errorf("the login gave a refresh token, but refreshToken answers %d; offer the call, or give none", got.status)
	}
	read, err := readProgress(got)
	switch {
	case err != nil:
		return err
	case read.Status != approved:
		return fmt.Errorf("it says %s, want approved with a token", read.Status)
	case read.token == c.granted.token:
		return warning("it gives the token that the user had; a new one is expected, which lives longer")
	}
	return nil
}

func expires(ctx context.Context, c *checker) error {
	switch {
	case c.left == nil:
		return errNoLogin
	case c.left.life > maxLife:
		return skipped("it lives too long to wait for")
	}
	const after = time.Second
	if left := c.left.ends().Add(after).Sub(c.now()); left > 0 {
		c.say("      … waiting %s for the login that nobody decided to expire (QUICK=1 leaves this out)", left.Round(time.Second))
	}
	return c.wantExpired(ctx, c.left, c.left.ends().Add(after), "its time is over; want expired, 404 or 410")
}

// again is for how long an approved login may give its token again.
const again = time.Minute

func isGivenOnce(ctx context.Context, c *checker) error {
	if c.accepted == nil {
		return errNoLogin
	}
	return c.wantExpired(ctx, c.accepted, c.grantedAt.Add(again), "a minute after the approval; want expired, 404 or 410")
}

// wantExpired polls a login at a time.
func (c *checker) wantExpired(ctx context.Context, a *attempt, at time.Time, why string) error {
	if err := c.wait(ctx, at.Sub(c.now())); err != nil {
		return err
	}
	got, err := c.turn(ctx, a)
	if err == nil && got.Status != expired {
		err = fmt.Errorf("it says %s although %s", got.Status, why)
	}
	return err
}
