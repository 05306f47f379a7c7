package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
)

// What Chatgate grants a call.
const (
	timeout   = 10 * time.Second
	maxAnswer = 64 << 10
)

// The calls of a Login API.
const (
	startLogin   = "startLogin"
	pollLogin    = "pollLogin"
	refreshToken = "refreshToken"
)

// newClient returns one that calls as Chatgate does: HTTP/1.1, one connection for
// each call, no redirects.
func newClient() *http.Client {
	return &http.Client{
		Transport:     secretly.NewTransport(maxAnswer),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// question is a call.
type question struct {
	method string // POST where it is empty
	name   string
	body   string
	key    redacted.Text
}

// answer is what came back. Nothing but the status is ever told of it.
type answer struct {
	status int
	body   []byte
}

// ask makes a call.
func (c *checker) ask(ctx context.Context, q question) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if q.method == "" {
		q.method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, q.method, c.target.url.String()+"/"+q.name, strings.NewReader(q.body))
	if err != nil {
		return answer{}, errors.New("the call cannot be made: the URL is none")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "chatgate")
	if !q.key.IsEmpty() {
		request.Header.Set("X-Api-Key", q.key.Reveal())
	}
	start := time.Now()
	response, err := c.client.Do(request)
	c.slowest = max(c.slowest, time.Since(start))
	if err != nil {
		return answer{}, failure(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, failure(ctx, err)
	}
	if isSuccess(response.StatusCode) && !strings.Contains(strings.ToLower(response.Header.Get("Cache-Control")), "no-store") {
		c.storable = true
	}
	return answer{response.StatusCode, body}, nil
}

// post makes a call with the key and an object for a body.
func (c *checker) post(ctx context.Context, name string, body map[string]string) (answer, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return answer{}, errors.New("encoding the call failed")
	}
	return c.ask(ctx, question{name: name, body: string(encoded), key: c.target.key})
}

// failure says what to do about a call without an answer.
func failure(ctx context.Context, err error) error {
	var tooLarge *outbound.TooLargeError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("the answer has more than %d bytes; Chatgate reads no more", tooLarge.Max)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("there was no answer within %s; answer at once, and let pollLogin tell the rest", timeout)
	}
	return fmt.Errorf("%w; is the URL right, and its certificate?", outbound.Cause(err))
}

func isSuccess(status int) bool {
	return status == http.StatusOK || status == http.StatusCreated
}

// unexpected says what to do about a status.
func (a answer) unexpected(want string) error {
	switch {
	case a.status >= 300 && a.status < 400:
		return fmt.Errorf("it redirects (%d), which Chatgate does not follow; make URL the final address, and let nothing send API calls to a sign-in page", a.status)
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return fmt.Errorf("it answers %d, want %s; set API_KEY to the key that Chatgate will send", a.status, want)
	case a.status == http.StatusTooManyRequests:
		return fmt.Errorf("it answers 429, want %s; Chatgate keeps to the interval that startLogin announced, so make that longer or the limit wider", want)
	}
	return fmt.Errorf("it answers %d, want %s", a.status, want)
}

// wantStatus checks that the status is one of those.
func (a answer) wantStatus(statuses ...int) error {
	if slices.Contains(statuses, a.status) {
		return nil
	}
	words := make([]string, len(statuses))
	for i, status := range statuses {
		words[i] = strconv.Itoa(status)
	}
	return a.unexpected(strings.Join(words, " or "))
}

var errNoObject = errors.New("the answer is not one JSON object with the fields of the contract; are texts texts and numbers numbers?")

// decode reads the body of a success.
func (a answer) decode(into any) error {
	if !isSuccess(a.status) {
		return a.unexpected("200")
	}
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	if decoder.Decode(into) != nil || decoder.More() {
		return errNoObject // what encoding/json says can quote the answer
	}
	return nil
}
