// Package loginapi is the client of a Login API: the three calls that a client
// offers so that its users can log in from a chat. docs/reference/login-api.yaml
// describes them to those who implement one.
package loginapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"chatgate/internal/endpoint"
	"chatgate/internal/login"
	"chatgate/internal/outbound"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
)

// timeout ends one call.
const timeout = 10 * time.Second

// maxAnswer is the most bytes of an answer.
const maxAnswer = 64 << 10

// Keys gives the secret that the API wants as x-api-key; [secrets.Cache] does.
type Keys interface {
	Get(ctx context.Context, name string) (secrets.Secret, error)
	Renew(ctx context.Context, name, refusedVersion string) (secrets.Secret, error)
}

// Client is a [login.Provider] that calls one client's Login API. Its calls are
// made inside [secretly.Do]. It is safe for concurrent use.
type Client struct {
	url     string
	keys    Keys
	keyName string
	http    *http.Client
}

var _ login.Provider = (*Client)(nil)

// New returns a Client of the Login API at base, an address that [endpoint.Parse]
// takes. keyName names the secret that is sent as x-api-key; with "" none is sent
// and keys may be nil.
func New(base string, keys Keys, keyName string) (*Client, error) {
	address, err := endpoint.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("the Login API's address %w", err)
	}
	return &Client{
		url: address.String(), keys: keys, keyName: keyName,
		http: &http.Client{
			Transport:     secretly.NewTransport(maxAnswer),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Start asks the client's system to ask the user.
func (c *Client) Start(ctx context.Context, request login.StartRequest) (login.Begun, error) {
	var answer struct {
		PollingToken string  `json:"pollingToken"`
		ExpiresIn    seconds `json:"expiresIn"`
		Interval     seconds `json:"interval"`
	}
	body := map[string]string{"hint": request.Hint, "bindingCode": request.BindingCode}
	if err := c.call(ctx, "startLogin", body, &answer); err != nil {
		return login.Begun{}, fmt.Errorf("startLogin: %w", login.Refusal(err))
	}
	if answer.PollingToken == "" {
		return login.Begun{}, fmt.Errorf("startLogin: %w: there is no pollingToken in the answer", login.ErrRefused)
	}
	return login.Begun{
		Polling:   secretly.Bytes(answer.PollingToken),
		ExpiresIn: answer.ExpiresIn.duration(), Interval: answer.Interval.duration(),
	}, nil
}

// progress is the answer to pollLogin and refreshToken.
type progress struct {
	Status       string  `json:"status"`
	Token        string  `json:"token"`
	ExpiresIn    seconds `json:"expiresIn"`
	RefreshToken string  `json:"refreshToken"`
}

// Poll asks what the user has decided. An API that no longer knows the login
// (404, 410) says by it that the time is over.
func (c *Client) Poll(ctx context.Context, request login.PollRequest) (login.Outcome, error) {
	var answer progress
	err := c.call(ctx, "pollLogin", map[string]string{"pollingToken": string(request.Polling)}, &answer)
	if outbound.HasStatus(err, http.StatusNotFound, http.StatusGone) {
		return login.Outcome{Decision: login.DecisionExpired}, nil
	}
	if err != nil {
		return login.Outcome{}, fmt.Errorf("pollLogin: %w", login.Refusal(err))
	}
	outcome, err := answer.outcome()
	if err != nil {
		return login.Outcome{}, fmt.Errorf("pollLogin: %w", err)
	}
	return outcome, nil
}

// Refresh exchanges a refresh token. An API that has no such call, or refuses the
// token, wants a new login.
func (c *Client) Refresh(ctx context.Context, request login.RefreshRequest) (login.Outcome, error) {
	if len(request.Refresh) == 0 {
		return login.Outcome{}, fmt.Errorf("refreshToken: %w: the login gave no refresh token", login.ErrLoginAgain)
	}
	var answer progress
	err := c.call(ctx, "refreshToken", map[string]string{"refreshToken": string(request.Refresh)}, &answer)
	if outbound.HasStatus(err, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented) {
		return login.Outcome{}, fmt.Errorf("refreshToken: %w: %w", login.ErrLoginAgain, err)
	}
	if err != nil {
		return login.Outcome{}, fmt.Errorf("refreshToken: %w", login.Refusal(err))
	}
	outcome, err := answer.outcome()
	if err != nil {
		return login.Outcome{}, fmt.Errorf("refreshToken: %w", err)
	}
	return outcome, nil
}

// SignOut does nothing: the Login API has no such call, and the sealed token is
// forgotten by who holds it.
func (c *Client) SignOut(context.Context, login.SignOutRequest) error {
	return nil
}

func (p *progress) outcome() (login.Outcome, error) {
	switch p.Status {
	case "pending":
		return login.Outcome{Decision: login.DecisionPending}, nil
	case "denied":
		return login.Outcome{Decision: login.DecisionDenied}, nil
	case "expired":
		return login.Outcome{Decision: login.DecisionExpired}, nil
	case "approved":
	default:
		return login.Outcome{}, fmt.Errorf("%w: the status is none of pending, approved, denied and expired", login.ErrRefused)
	}
	if p.Token == "" {
		return login.Outcome{}, fmt.Errorf("%w: it is approved, but there is no token in the answer", login.ErrRefused)
	}
	return login.Outcome{
		Decision: login.DecisionApproved, Token: secretly.Bytes(p.Token), Refresh: secretly.Bytes(p.RefreshToken), ExpiresIn: p.ExpiresIn.duration(),
	}, nil
}

// seconds is a length of time in JSON.
type seconds float64

// longest keeps a conversion from overflowing.
const longest = seconds(365 * 24 * 3600)

func (s seconds) duration() time.Duration {
	return time.Duration(min(max(s, 0), longest) * seconds(time.Second))
}
