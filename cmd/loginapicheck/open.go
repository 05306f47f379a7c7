package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chatgate/internal/endpoint"
	"chatgate/internal/redacted"
)

// openChecks are those that need no login.
func openChecks() []check {
	checks := []check{
		{"the address is https", isHTTPS},
		{"a polling token that nobody has is unknown", unknownPolling},
		{"a call without the key is refused", withoutKey},
		{"a call with a wrong key is refused", withWrongKey},
	}
	for _, name := range []string{startLogin, pollLogin, refreshToken} {
		checks = append(checks, check{name + " refuses what is no JSON object", refusesGarbage(name)})
	}
	return append(checks,
		check{"nothing is answered to GET", refusesGET},
		check{"a refresh token that nobody has is refused", unknownRefresh},
		check{"who has an account cannot be found out", unknownHint},
	)
}

// lastChecks are of all answers together.
func lastChecks() []check {
	return []check{
		{"answers come quickly", isQuick},
		{"answers may not be stored on their way", isNotStored},
	}
}

func isHTTPS(_ context.Context, c *checker) error {
	switch {
	case c.target.url.Scheme == "https":
		return nil
	case endpoint.IsLoopback(c.target.url.Hostname()):
		return skipped("http is all right on this machine only; Chatgate calls https in production")
	}
	return errors.New("tokens would go over the network in clear; Chatgate calls https only")
}

// invented is a token that nobody has.
func invented() string {
	return "check-" + rand.Text()
}

// unknownPolling makes the first call, so that it is the one to notice that there
// is no use in others.
func unknownPolling(ctx context.Context, c *checker) error {
	answered, err := c.askPoll(ctx, redacted.New(invented()))
	if err == nil && (answered.status == http.StatusUnauthorized || answered.status == http.StatusForbidden) {
		return final(fmt.Sprintf("it answers %d: the key is refused; nothing else can be tried. Set API_KEY to the key that Chatgate will send "+
			"(if it is that one: a polling token that is not known is 404 or 410)", answered.status))
	}
	if err != nil {
		return err
	}
	got, err := readPoll(answered)
	if err != nil {
		return fmt.Errorf("%w (a login that is not known any more is 404, 410, or status expired)", err)
	}
	if got.Status != expired {
		return fmt.Errorf("it says %s; want 404, 410, or status expired", got.Status)
	}
	return nil
}

func withoutKey(ctx context.Context, c *checker) error {
	return c.refusesKey(ctx, redacted.Text{})
}

func withWrongKey(ctx context.Context, c *checker) error {
	return c.refusesKey(ctx, redacted.New(invented()))
}

// refusesKey makes calls that would do nothing if they were let in.
func (c *checker) refusesKey(ctx context.Context, key redacted.Text) error {
	if c.target.key.IsEmpty() {
		return skipped("there is no API_KEY; let nobody but Chatgate reach the address, by a key (LoginApiKeySecretName) or by the network")
	}
	for _, q := range []question{
		{name: startLogin, body: `{"hint":"` + invented() + `","bindingCode":"KX7-4PQ"}`, key: key},
		{name: pollLogin, body: `{"pollingToken":"` + invented() + `"}`, key: key},
		{name: refreshToken, body: `{"refreshToken":"` + invented() + `"}`, key: key},
	} {
		got, err := c.ask(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		if q.name == refreshToken && isNotOffered(got.status) {
			continue
		}
		if got.status != http.StatusUnauthorized && got.status != http.StatusForbidden {
			return fmt.Errorf("%s answers %d, want 401 or 403; check x-api-key before anything else", q.name, got.status)
		}
	}
	return nil
}

// refusesGarbage sends what Chatgate never does, and attackers do.
func refusesGarbage(name string) func(context.Context, *checker) error {
	return func(ctx context.Context, c *checker) error {
		for _, bad := range []struct{ what, body string }{
			{"half an object", `{"pollingToken":`},
			{"a list", `[]`},
			{"an empty body", ``},
			{"numbers for texts", `{"hint":1,"bindingCode":2,"pollingToken":3,"refreshToken":4}`},
		} {
			got, err := c.ask(ctx, question{name: name, body: bad.body, key: c.target.key})
			if err != nil {
				return fmt.Errorf("%s: %w", bad.what, err)
			}
			offered := name != refreshToken || !isNotOffered(got.status)
			if offered && (got.status < http.StatusBadRequest || got.status >= http.StatusInternalServerError) {
				return fmt.Errorf("%s: it answers %d, want 400", bad.what, got.status)
			}
		}
		return nil
	}
}

func refusesGET(ctx context.Context, c *checker) error {
	for _, name := range []string{startLogin, pollLogin, refreshToken} {
		got, err := c.ask(ctx, question{method: http.MethodGet, name: name, key: c.target.key})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if got.status < http.StatusBadRequest {
			return fmt.Errorf("%s answers %d to GET, want 405; a login must not start by a link, nor a token stand in an address", name, got.status)
		}
	}
	return nil
}

// isNotOffered tells the statuses of an API without refreshToken.
func isNotOffered(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

func unknownRefresh(ctx context.Context, c *checker) error {
	got, err := c.post(ctx, refreshToken, map[string]string{"refreshToken": invented()})
	switch {
	case err != nil:
		return err
	case isNotOffered(got.status):
		return skipped(fmt.Sprintf("it answers %d, so users log in again when a token expires, which is allowed", got.status))
	case got.status == http.StatusUnauthorized, got.status == http.StatusForbidden:
		return warning(fmt.Sprintf("it answers %d, which is taken for a refused key too: Chatgate reads the key anew and tries again; better 400 or 410", got.status))
	case isSuccess(got.status):
		return answeredStatus(got, deniedStatus, expired)
	}
	return got.wantStatus(http.StatusBadRequest, http.StatusGone)
}

// answeredStatus checks that the body of a success has one of the statuses.
func answeredStatus(got answer, statuses ...string) error {
	read, err := readProgress(got)
	if err != nil {
		return err
	}
	for _, status := range statuses {
		if read.Status == status {
			return nil
		}
	}
	return fmt.Errorf("it says %s to a token that nobody has; want 400 or 410", read.Status)
}

// unknownHint asks no phone, since nobody has the hint.
func unknownHint(ctx context.Context, c *checker) error {
	got, err := c.post(ctx, startLogin, map[string]string{"hint": invented(), "bindingCode": newCode()})
	switch {
	case err != nil:
		return err
	case isSuccess(got.status):
		_, err := readStarted(got)
		return err
	case got.status >= http.StatusInternalServerError, got.status < http.StatusBadRequest, got.status == http.StatusUnauthorized, got.status == http.StatusForbidden:
		return got.unexpected("200, as for a hint that somebody has")
	}
	return warning(fmt.Sprintf("a hint that nobody has is told from others, by %d: whoever chats can try out who has an account; better start a login that nobody is asked about and that expires", got.status))
}

// slow is what people notice in a chat.
const slow = 3 * time.Second

func isQuick(_ context.Context, c *checker) error {
	if c.slowest > slow {
		return warning(fmt.Sprintf("one took %s; the user waits in the chat meanwhile, and after %s Chatgate gives up", c.slowest.Round(time.Millisecond), timeout))
	}
	return nil
}

func isNotStored(_ context.Context, c *checker) error {
	if c.storable {
		return warning("answers lack Cache-Control: no-store; what stands between could keep a token")
	}
	return nil
}
