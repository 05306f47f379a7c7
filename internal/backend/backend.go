// Package backend forwards an assistant's calls to the client's own system, with
// the token of the user who logged in.
//
// Whatever the bot sends, the call stays under the base address that the operator
// has set; an answer in which the token is found does not reach the bot.
package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgate/internal/endpoint"
	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/secretly"
)

// Bounds of a call.
const (
	// MaxBody is the most bytes of a request's body and of an answer's.
	MaxBody = 4 << 20
	// timeout ends a call, redirects included.
	timeout = 30 * time.Second
	// maxRedirects is how often a call is sent on within the base address.
	maxRedirects = 3
	maxQuery     = 8 << 10
)

// Backend is the system of one client. It may be used by several goroutines at
// once.
type Backend struct {
	base   *url.URL
	client *http.Client
}

// New returns a Backend at base, an address that [endpoint.Parse] takes; its path is
// where calls stay under.
func New(base string) (*Backend, error) {
	address, err := endpoint.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("the back end's address %w", err)
	}
	b := &Backend{base: address}
	b.client = &http.Client{Transport: secretly.NewTransport(MaxBody), CheckRedirect: b.followInside}
	return b, nil
}

// Request is a call as the bot sent it.
type Request struct {
	// Method is one of [Methods].
	Method string
	// Path is what follows the base address, percent-encoded as it was sent,
	// without a slash before it.
	Path  string
	Query string
	// Header is the bot's; only what says what the bot wants goes on.
	Header http.Header
	Body   []byte
}

// Answer is what the back end said, as far as it may be told.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Forward sends a call with token. It is called inside [secretly.Do]. The error
// is a [problem.Error]: path_not_allowed, bad_request, login_again where the back
// end refuses the token, backend_unavailable or backend_unsafe.
func (b *Backend) Forward(ctx context.Context, request Request, token secretly.Bytes) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	outgoing, err := b.outgoing(ctx, request)
	if err != nil {
		return Answer{}, err
	}
	outgoing.Header.Set("Authorization", "Bearer "+string(token))
	incoming, err := b.client.Do(outgoing)
	if err != nil {
		return Answer{}, failure(err)
	}
	defer func() { _ = incoming.Body.Close() }()
	body, err := io.ReadAll(incoming.Body) // the transport has read and bounded it
	if err != nil {
		return Answer{}, failure(err)
	}
	return judge(incoming, body, token)
}

func (b *Backend) outgoing(ctx context.Context, request Request) (*http.Request, error) {
	if len(request.Query) > maxQuery || !isPrintable(request.Query) {
		return nil, problem.New(problem.BadRequest, "The query is too long, or holds characters that must be percent-encoded.")
	}
	if err := checkPath(request.Path); err != nil {
		return nil, err
	}
	target := *b.base
	address, err := url.Parse(b.base.EscapedPath() + "/" + request.Path)
	if err != nil || address.Host != "" || address.Scheme != "" {
		return nil, errPath()
	}
	target.Path, target.RawPath, target.RawQuery = address.Path, address.RawPath, request.Query
	outgoing, err := http.NewRequestWithContext(ctx, request.Method, target.String(), bytes.NewReader(request.Body))
	if err != nil {
		return nil, errPath()
	}
	outgoing.Header = forwarded(request.Header)
	return outgoing, nil
}

// Methods are those that are forwarded. CONNECT and TRACE are not for back ends.
func Methods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}
}

// followInside follows a redirect that stays under the base address; another is
// the answer, and refused as such. What was to change something is not sent on:
// after a 302 it would be a GET that changes nothing and is answered 200.
func (b *Backend) followInside(next *http.Request, before []*http.Request) error {
	if first := before[0].Method; first != http.MethodGet && first != http.MethodHead {
		return http.ErrUseLastResponse
	}
	rest, inside := strings.CutPrefix(next.URL.EscapedPath(), b.base.EscapedPath()+"/")
	same := next.URL.Scheme == b.base.Scheme && next.URL.Host == b.base.Host && next.URL.User == nil
	if !same || !inside || checkPath(rest) != nil || len(before) > maxRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// judge decides what of an answer the bot may see.
func judge(incoming *http.Response, body []byte, token secretly.Bytes) (Answer, error) {
	switch {
	case incoming.StatusCode == http.StatusUnauthorized:
		return Answer{}, problem.New(problem.LoginAgain, "The client's system no longer accepts the login. Ask the user to log in again.")
	case isRedirect(incoming.StatusCode):
		return Answer{}, unsafeAnswer("it redirects out of the base address, too often, or what is neither GET nor HEAD")
	case !isIdentity(incoming.Header.Values("Content-Encoding")):
		return Answer{}, unsafeAnswer("it is encoded, so that it cannot be searched for the token")
	}
	answer := Answer{Status: incoming.StatusCode, Header: told(incoming.Header), Body: body}
	if answer.holds(token) {
		return Answer{}, unsafeAnswer("it holds the token")
	}
	return answer, nil
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// isIdentity tells whether a body is as it was written. Its encodings may be in one
// header or in several (RFC 9110 sections 5.3 and 8.4).
func isIdentity(encodings []string) bool {
	for _, header := range encodings {
		for encoding := range strings.SplitSeq(header, ",") {
			encoding = strings.TrimSpace(encoding)
			if encoding != "" && !strings.EqualFold(encoding, "identity") {
				return false
			}
		}
	}
	return true
}

func unsafeAnswer(why string) error {
	return problem.New(problem.BackendUnsafe,
		"The client's system gave an answer that must not be passed on. The operator finds the reason in the log.").
		Because(errors.New("the answer is not passed on: " + why))
}

func failure(err error) error {
	var tooLarge *outbound.TooLargeError
	if errors.As(err, &tooLarge) {
		return unsafeAnswer(fmt.Sprintf("it has more than %d bytes", tooLarge.Max))
	}
	return problem.New(problem.BackendUnavailable, "The client's system does not answer just now. Try again later.").
		Because(outbound.Cause(err))
}
