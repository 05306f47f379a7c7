package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
)

// The statuses of the contract.
const (
	pending      = "pending"
	approved     = "approved"
	deniedStatus = "denied"
	expired      = "expired"
)

// Bounds of the contract.
const (
	maxLife     = 10 * time.Minute
	minLife     = 30 * time.Second
	maxInterval = time.Minute
	// usual is the interval where the API names none.
	usual      = 5 * time.Second
	maxPolling = 4 << 10
	maxToken   = 8 << 10
	maxRefresh = 4 << 10
	maxExpiry  = 24 * time.Hour
	// unguessable is how many characters 128 random bits take in base64.
	unguessable = 22
)

// seconds is a length of time in JSON.
type seconds float64

func (s seconds) duration() time.Duration {
	const year = 365 * 24 * 3600
	return time.Duration(min(max(s, -year), year) * seconds(time.Second))
}

// attempt is a login that was started.
type attempt struct {
	code     string
	polling  redacted.Text
	life     time.Duration
	interval time.Duration
	// named tells that the API itself said how long it lives.
	named   bool
	started time.Time
	polled  time.Time
}

// ends is when the login is over.
func (a *attempt) ends() time.Time {
	return a.started.Add(a.life)
}

// newCode returns a code of the form that Chatgate's have, such as KX7-4PQ.
func newCode() string {
	const alphabet, group = "BCDFGHJKLMNPQRSTVWXZ23456789", 3
	var code [2 * group]byte
	_, _ = rand.Read(code[:]) // never fails: crypto/rand ends the process instead
	for i := range code {
		code[i] = alphabet[int(code[i])%len(alphabet)]
	}
	return string(code[:group]) + "-" + string(code[group:])
}

// start starts a login of the test user.
func (c *checker) start(ctx context.Context) (*attempt, error) {
	code := newCode()
	got, err := c.post(ctx, startLogin, map[string]string{"hint": c.target.hint, "bindingCode": code})
	if err != nil {
		return nil, err
	}
	started, err := readStarted(got)
	if err != nil {
		return nil, err
	}
	started.code, started.started, started.polled = code, c.now(), c.now()
	return started, nil
}

func readStarted(got answer) (*attempt, error) {
	var body struct {
		PollingToken string  `json:"pollingToken"`
		ExpiresIn    seconds `json:"expiresIn"`
		Interval     seconds `json:"interval"`
	}
	if err := got.decode(&body); err != nil {
		return nil, err
	}
	switch size := len(body.PollingToken); {
	case size == 0:
		return nil, errors.New("there is no pollingToken in the answer")
	case size > maxPolling:
		return nil, fmt.Errorf("pollingToken has %d bytes; at most %d", size, maxPolling)
	}
	a := &attempt{
		polling: redacted.New(body.PollingToken), life: body.ExpiresIn.duration(), interval: body.Interval.duration(), named: body.ExpiresIn > 0,
	}
	if !a.named {
		a.life = maxLife
	}
	if body.Interval == 0 {
		a.interval = usual
	}
	return a, nil
}

// progress is the answer to pollLogin and refreshToken. It is never printed.
type progress struct {
	Status  string
	token   redacted.Text
	refresh redacted.Text
	life    time.Duration
}

// poll asks how far a login is. One that is not known any more is expired.
func (c *checker) poll(ctx context.Context, polling redacted.Text) (progress, error) {
	got, err := c.askPoll(ctx, polling)
	if err != nil {
		return progress{}, err
	}
	return readPoll(got)
}

func (c *checker) askPoll(ctx context.Context, polling redacted.Text) (answer, error) {
	return c.post(ctx, pollLogin, map[string]string{"pollingToken": polling.Reveal()})
}

func readPoll(got answer) (progress, error) {
	if got.status == http.StatusNotFound || got.status == http.StatusGone {
		return progress{Status: expired}, nil
	}
	return readProgress(got)
}

func readProgress(got answer) (progress, error) {
	var body struct {
		Status       string  `json:"status"`
		Token        string  `json:"token"`
		ExpiresIn    seconds `json:"expiresIn"`
		RefreshToken string  `json:"refreshToken"`
	}
	if err := got.decode(&body); err != nil {
		return progress{}, err
	}
	read := progress{body.Status, redacted.New(body.Token), redacted.New(body.RefreshToken), body.ExpiresIn.duration()}
	switch body.Status {
	case pending, deniedStatus, expired:
		if body.Token != "" || body.RefreshToken != "" {
			return progress{}, fmt.Errorf("there is a token in an answer with status %s", body.Status)
		}
		return read, nil
	case approved:
		return read, read.checkTokens()
	}
	return progress{}, errors.New("the status is none of pending, approved, denied and expired")
}

// checkTokens checks what Chatgate accepts.
func (p progress) checkTokens() error {
	token, refresh := p.token.Reveal(), p.refresh.Reveal()
	switch {
	case token == "":
		return errors.New("the status is approved, but there is no token")
	case len(token) > maxToken:
		return fmt.Errorf("the token has %d bytes; at most %d", len(token), maxToken)
	case len(refresh) > maxRefresh:
		return fmt.Errorf("the refresh token has %d bytes; at most %d", len(refresh), maxRefresh)
	case !outbound.IsBearerToken(token):
		return errors.New("the token holds characters that cannot stand behind Bearer; letters, digits and -._~+/ can, and = at its end (RFC 6750 section 2.1)")
	}
	return nil
}
