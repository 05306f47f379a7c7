// Package probe asks a deployed Chatgate from outside whether it does what it
// should and refuses what it must.
//
// The checks change nothing but the number of conversation ids that Direct Line
// has given out, which it forgets. What they send to paths that nobody outside may
// reach would do nothing there either. No token and no secret is ever told.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"chatgate/internal/endpoint"
)

// timeout bounds one request. A cold start is among them.
const timeout = 60 * time.Second

// Target is what is asked.
type Target struct {
	// URL is the address of the app, without /api.
	URL string
	// Origin is one of the assistant's allowed origins.
	Origin string
	// Assistant may be empty where there is one.
	Assistant string
	// Client sends the requests; nil: one with the environment's proxy. Its
	// redirects are not followed.
	Client *http.Client
}

// Outcome is what a check found.
type Outcome struct {
	Name string
	// Err is nil where all is as it should be.
	Err error
	// Skipped says why there was nothing to check; empty: it was checked.
	Skipped string
	Took    time.Duration
}

// skip is the error of a check that does not apply.
type skip string

func (s skip) Error() string { return string(s) }

// final is the error of a check after which no other can find anything. It says
// what to do.
type final string

func (f final) Error() string { return string(f) }

// check is one question.
type check struct {
	name string
	ask  func(ctx context.Context, p *prober) error
}

// prober asks the questions, one after the other, and remembers what later ones
// need.
type prober struct {
	base      string
	local     bool // on this machine
	origin    string
	assistant string
	client    *http.Client

	first grant // of the check that a token is issued
}

// Run makes all checks, in their order, and tells report of each as soon as it is
// done. It stops early where the rest would only fail for the same reason. The
// error is of a target that cannot be asked at all.
func Run(ctx context.Context, target Target, report func(Outcome)) (failed int, err error) {
	p, err := newProber(target)
	if err != nil {
		return 0, err
	}
	for _, each := range checks() {
		if ctx.Err() != nil {
			return failed, fmt.Errorf("probing: %w", ctx.Err())
		}
		outcome := p.run(ctx, each)
		if outcome.Err != nil {
			failed++
		}
		report(outcome)
		var last final
		if errors.As(outcome.Err, &last) {
			break
		}
	}
	return failed, nil
}

func (p *prober) run(ctx context.Context, c check) Outcome {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := c.ask(ctx, p)
	outcome := Outcome{Name: c.name, Err: err, Took: time.Since(start)}
	var skipped skip
	if errors.As(err, &skipped) {
		outcome.Err, outcome.Skipped = nil, string(skipped)
	}
	return outcome
}

var (
	errURL    = errors.New("the URL must be that of the app, https://<app>.azurewebsites.net, and nothing more")
	errScheme = errors.New("the URL must begin with http:// or https://, such as https://<app>.azurewebsites.net")
)

func newProber(target Target) (*prober, error) {
	if target.URL != "" && !strings.Contains(target.URL, "://") {
		return nil, errScheme
	}
	address, err := endpoint.ParseAnywhere(target.URL)
	if err != nil || address.Path != "" {
		return nil, errURL
	}
	if target.Origin == "" {
		return nil, errors.New("an origin is needed that the assistant allows, such as https://www.example.com")
	}
	client := http.Client{}
	if target.Client != nil {
		client = *target.Client
	}
	// A redirect is an answer to judge, not one to follow.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &prober{
		base:      address.String(),
		local:     endpoint.IsLoopback(address.Hostname()),
		origin:    target.Origin,
		assistant: target.Assistant,
		client:    &client,
	}, nil
}

func checks() []check {
	return append(append([]check{
		{"health is ok", health},
		{"the page's preflight is answered", preflight},
		{"a token is issued for the page", issue},
		{"the token is refreshed", refresh},
		{"a visitor comes back as the same user", comeBack},
	}, refusals()...), outsiders()...)
}
