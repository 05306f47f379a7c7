package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chatgate/internal/redacted"
)

// renewal is how long before its expiry a token is replaced.
const renewal = 5 * time.Minute

// ClientCredentials gets an application's own tokens by its secret (RFC 6749
// section 4.4), and keeps each until five minutes before it expires. It may be
// used by several goroutines at once.
type ClientCredentials struct {
	// URL is the token endpoint: <authority>/<tenant>/oauth2/v2.0/token.
	URL      string
	ClientID string
	Secret   redacted.Text
	// Scope names the API: api://<its client id>/.default.
	Scope string
	// Client sends the requests; nil: http.DefaultClient.
	Client *http.Client
	// Now is the clock; nil: time.Now.
	Now func() time.Time

	mu      sync.Mutex
	token   redacted.Text
	expires time.Time
}

// Token returns a token that is good for at least five minutes.
func (c *ClientCredentials) Token(ctx context.Context) (redacted.Text, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	if !c.token.IsEmpty() && now().Add(renewal).Before(c.expires) {
		return c.token, nil
	}
	token, life, err := c.ask(ctx)
	if err != nil {
		return redacted.Text{}, err
	}
	c.token, c.expires = token, now().Add(life)
	return token, nil
}

func (c *ClientCredentials) ask(ctx context.Context) (redacted.Text, time.Duration, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.Secret.Reveal()}, "scope": {c.Scope},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return redacted.Text{}, 0, errors.New("the token endpoint's address is no address")
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return redacted.Text{}, 0, fmt.Errorf("calling the token endpoint: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string  `json:"access_token"`
		ExpiresIn   seconds `json:"expires_in"`
		Error       string  `json:"error"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer)
	if err != nil || response.StatusCode != http.StatusOK || answer.AccessToken == "" {
		return redacted.Text{}, 0, fmt.Errorf("the token endpoint answered %d %s", response.StatusCode, answer.Error)
	}
	return redacted.New(answer.AccessToken), answer.ExpiresIn.duration(), nil
}
