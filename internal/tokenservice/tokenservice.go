// Package tokenservice is the client of the Bot Framework Token Service, which
// holds the tokens that users got by the OAuth connections of an Azure bot.
//
// The calls are made in the bot's name, with a token of the bot's own identity.
package tokenservice

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/endpoint"
	"chatgate/internal/login"
	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/secretly"
)

// DefaultURL is the global service.
const DefaultURL = "https://api.botframework.com"

// Scope is what the bot's token is for.
const Scope = "https://api.botframework.com/.default"

// defaultChannel is the channel of Web Chat and of custom clients.
const defaultChannel = "directline"

// life is how long a sign-in link works, and interval how often it makes sense to
// ask: the service answers at once and asks nobody.
const (
	life     = 10 * time.Minute
	interval = 5 * time.Second
)

// Options of a [Client].
type Options struct {
	// URL is the service, an address that [endpoint.Parse] takes; empty means
	// [DefaultURL].
	URL string
	// BotID is the bot's client id.
	BotID string
	// Connections are the OAuth connections that may be used; there is no other.
	Connections []string
	// Credential is the bot's identity.
	Credential azcore.TokenCredential
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client is a [login.Provider] for the users of one bot. Its calls are made
// inside [secretly.Do]. It is safe for concurrent use.
type Client struct {
	options Options
	url     string
	http    *http.Client
}

var _ login.Provider = (*Client)(nil)

// New returns a Client.
func New(options Options) (*Client, error) {
	address, err := endpoint.Parse(cmp.Or(options.URL, DefaultURL))
	if err != nil {
		return nil, fmt.Errorf("the token service's address %w", err)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Client{options: options, url: address.String(), http: &http.Client{
		Transport:     secretly.NewTransport(maxAnswer),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Start returns the link by which the user signs in at the connection, and ends what
// the user was signed in to there before. The service keeps tokens for a user, not
// for a conversation: without that, whoever comes back as the same visitor, at a
// shared browser perhaps, would be logged in without approving anything.
func (c *Client) Start(ctx context.Context, request login.StartRequest) (login.Begun, error) {
	connection, err := c.connection(request.Connection)
	if err != nil {
		return login.Begun{}, err
	}
	channel := request.ChannelID
	if channel == "" {
		channel = defaultChannel
	}
	state, err := c.state(connection, channel, request)
	if err != nil {
		return login.Begun{}, err
	}
	var answer struct {
		SignInLink string `json:"signInLink"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/botsignin/GetSignInResource", url.Values{"state": {state}}, &answer); err != nil {
		return login.Begun{}, fmt.Errorf("asking for a sign-in link: %w", login.Refusal(err))
	}
	link, err := url.Parse(answer.SignInLink)
	if err != nil || link.Host == "" || link.Scheme != "https" && link.Scheme != "http" {
		return login.Begun{}, fmt.Errorf("asking for a sign-in link: %w: the answer holds none", login.ErrRefused)
	}
	if err := c.forget(ctx, request.UserID, connection, channel); err != nil {
		return login.Begun{}, fmt.Errorf("ending an earlier sign-in: %w", login.Refusal(err))
	}
	return login.Begun{
		Polling: secretly.Bytes(channel), SignInLink: answer.SignInLink, HidesCode: true, ExpiresIn: life, Interval: interval,
	}, nil
}

// connection checks that one may be used; the only one need not be named.
func (c *Client) connection(name string) (string, error) {
	if name == "" && len(c.options.Connections) == 1 {
		return c.options.Connections[0], nil
	}
	if !slices.Contains(c.options.Connections, name) {
		return "", problem.New(problem.BadRequest, "The assistant has no such connection. Name one of those in its setting OAuthConnections.")
	}
	return name, nil
}

// state tells the service whom the sign-in is for
// (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication).
func (c *Client) state(connection, channel string, request login.StartRequest) (string, error) {
	type account struct {
		ID string `json:"id"`
	}
	text, err := json.Marshal(map[string]any{
		"connectionName": connection,
		"msAppId":        c.options.BotID,
		"conversation": map[string]any{
			"user": account{request.UserID}, "bot": account{c.options.BotID}, "conversation": account{request.ConversationID},
			"channelId": channel, "serviceUrl": request.ServiceURL,
		},
	})
	if err != nil {
		return "", errors.New("encoding the sign-in failed")
	}
	return base64.StdEncoding.EncodeToString(text), nil
}

// Poll asks whether the service has a token of the user. Where the sign-in did not
// come from the chat's own browser session, it has one only for who brings the
// code that the sign-in page showed.
func (c *Client) Poll(ctx context.Context, request login.PollRequest) (login.Outcome, error) {
	return c.token(ctx, request.Binding, request.Connection, string(request.Polling), request.Code)
}

// Refresh asks for the token again: the service refreshes it by itself.
func (c *Client) Refresh(ctx context.Context, request login.RefreshRequest) (login.Outcome, error) {
	outcome, err := c.token(ctx, request.Binding, request.Connection, string(request.Refresh), "")
	if err == nil && outcome.Decision != login.DecisionApproved {
		return login.Outcome{}, fmt.Errorf("the service has no token any more: %w", login.ErrLoginAgain)
	}
	return outcome, err
}

func (c *Client) token(ctx context.Context, binding login.Binding, connection, channel, code string) (login.Outcome, error) {
	connection, err := c.connection(connection)
	if err != nil {
		return login.Outcome{}, fmt.Errorf("%w: the connection is not allowed any more", login.ErrLoginAgain)
	}
	query := url.Values{"userId": {binding.UserID}, "connectionName": {connection}, "channelId": {channel}}
	if code != "" {
		query.Set("code", code)
	}
	var answer struct {
		Token      string `json:"token"`
		Expiration string `json:"expiration"`
	}
	err = c.call(ctx, http.MethodGet, "/api/usertoken/GetToken", query, &answer)
	if outbound.HasStatus(err, http.StatusNotFound) || err == nil && answer.Token == "" {
		return login.Outcome{Decision: login.DecisionPending}, nil
	}
	if err != nil {
		return login.Outcome{}, fmt.Errorf("asking for the user's token: %w", login.Refusal(err))
	}
	return login.Outcome{
		Decision: login.DecisionApproved, Token: secretly.Bytes(answer.Token), Refresh: secretly.Bytes(channel), ExpiresIn: c.left(answer.Expiration),
	}, nil
}

// left is what remains of a token's life; 0, which is none given, where the
// service does not tell or in no form that is known: it promises ISO 8601, of
// which its own example has no seconds.
func (c *Client) left(expiration string) time.Duration {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if until, err := time.Parse(layout, expiration); err == nil && !until.IsZero() {
			return max(time.Second, until.Sub(c.options.Now()))
		}
	}
	return 0
}

// SignOut makes the service forget the user's token.
func (c *Client) SignOut(ctx context.Context, request login.SignOutRequest) error {
	connection, err := c.connection(request.Connection)
	if err != nil {
		return fmt.Errorf("%w: the connection is not allowed any more", login.ErrLoginAgain)
	}
	if err := c.forget(ctx, request.UserID, connection, string(request.Refresh)); err != nil {
		return fmt.Errorf("signing out: %w", login.Refusal(err))
	}
	return nil
}

// forget ends what the user is signed in to at the connection, if anything.
func (c *Client) forget(ctx context.Context, userID, connection, channel string) error {
	query := url.Values{"userId": {userID}, "connectionName": {connection}, "channelId": {channel}}
	err := c.call(ctx, http.MethodDelete, "/api/usertoken/SignOut", query, nil)
	if outbound.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}
