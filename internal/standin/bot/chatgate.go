package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// maxAnswer bounds what is read of an answer of Chatgate's, in bytes.
const maxAnswer = 4 << 20

// callTimeout ends one call; Direct Line waits no longer for the bot.
const callTimeout = 14 * time.Second

// chatgate is the bot's client of Chatgate's public HTTP API: the login and what
// lies behind it.
type chatgate struct {
	options LoginOptions
}

// refusal is an answer other than a success.
type refusal struct {
	status     int
	code       string // of the problem document, which is Chatgate's
	retryAfter time.Duration
}

// Error tells the status and the code, and nothing else of the answer.
func (r *refusal) Error() string {
	return fmt.Sprintf("Chatgate answered %d %s", r.status, r.code)
}

// codeOf is the code of a refusal.
func codeOf(err error) string {
	var refused *refusal
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.code
}

// startRequest and the like are the bodies of the contract.
type startRequest struct {
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	Hint           string `json:"hint,omitempty"`
	Provider       string `json:"provider,omitempty"`
	Connection     string `json:"connection,omitempty"`
	ChannelID      string `json:"channelId,omitempty"`
	ServiceURL     string `json:"serviceUrl,omitempty"`
}

type started struct {
	Login       string  `json:"login"`
	BindingCode string  `json:"bindingCode"`
	SignInLink  string  `json:"signInLink"`
	ExpiresIn   seconds `json:"expires_in"`
	Interval    seconds `json:"interval"`
}

type pollRequest struct {
	Login          string `json:"login"`
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	Code           string `json:"code,omitempty"`
}

type progress struct {
	Status   string  `json:"status"`
	Interval seconds `json:"interval"`
	Token    string  `json:"token"`
}

type tokenRequest struct {
	Token          string `json:"token"`
	ConversationID string `json:"conversationId"`
}

// seconds is a length of time in JSON.
type seconds float64

// longest keeps a conversion from overflowing.
const longest = seconds(24 * 3600)

func (s seconds) duration() time.Duration {
	return time.Duration(min(max(s, 0), longest) * seconds(time.Second))
}

func (c *chatgate) start(ctx context.Context, request startRequest) (started, error) {
	var answer started
	err := c.login(ctx, "start", request, &answer)
	if err == nil && answer.Login == "" {
		err = errors.New("there is no login in the answer")
	}
	return answer, err
}

func (c *chatgate) poll(ctx context.Context, request pollRequest) (progress, error) {
	var answer progress
	err := c.login(ctx, "poll", request, &answer)
	return answer, err
}

// refresh exchanges a sealed token.
func (c *chatgate) refresh(ctx context.Context, token redacted.Text, conversationID string) (redacted.Text, error) {
	var answer struct {
		Token string `json:"token"`
	}
	err := c.login(ctx, "refresh", tokenRequest{token.Reveal(), conversationID}, &answer)
	return redacted.New(answer.Token), err
}

func (c *chatgate) signOut(ctx context.Context, token redacted.Text, conversationID string) error {
	return c.login(ctx, "signout", tokenRequest{token.Reveal(), conversationID}, nil)
}

func (c *chatgate) login(ctx context.Context, call string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return errors.New("encoding the call failed")
	}
	request, err := c.request(ctx, http.MethodPost, "login", call, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	return c.do(request, answer)
}

// get reads from the client's own system, in the name of the user whose sealed
// token it is.
func (c *chatgate) get(ctx context.Context, path string, token redacted.Text, conversationID string, answer any) error {
	request, err := c.request(ctx, http.MethodGet, "backend", path, http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("X-Login-Token", token.Reveal())
	request.Header.Set("X-Conversation-Id", conversationID)
	return c.do(request, answer)
}

func (c *chatgate) request(ctx context.Context, method, api, call string, body io.Reader) (*http.Request, error) {
	token, err := c.options.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting the bot's own token: %w", err)
	}
	address := c.options.URL + "/api/" + api + "/" + url.PathEscape(c.options.Assistant) + "/" + call
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, errors.New("the address of Chatgate is none")
	}
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	request.Header.Set("Accept", "application/json, application/problem+json")
	return request, nil
}

// do makes a call. Where answer is nil, none is read.
func (c *chatgate) do(request *http.Request, answer any) error {
	ctx, cancel := context.WithTimeout(request.Context(), callTimeout)
	defer cancel()
	response, err := c.options.Client.Do(request.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("calling Chatgate: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading Chatgate's answer: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refused(response, body)
	}
	if answer == nil {
		return nil
	}
	if json.Unmarshal(body, answer) != nil { // whose error can quote the answer
		return errors.New("the answer of Chatgate is not the JSON object of its contract")
	}
	return nil
}

func refused(response *http.Response, body []byte) *refusal {
	found := &refusal{status: response.StatusCode}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json") {
		var problem struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(body, &problem) // a client's back end may answer otherwise
		found.code = problem.Code
	}
	if wait, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		found.retryAfter = seconds(wait).duration()
	}
	return found
}
