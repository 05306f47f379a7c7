package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/backend"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
)

const (
	// uploadTimeout bounds the reading of a body.
	uploadTimeout = 30 * time.Second
	// backendTimeout bounds a call once its body is there: opening the token and
	// the call itself, for which package backend has a bound of its own.
	backendTimeout = 45 * time.Second
)

// backend forwards a bot's call to the client's system. The line in the log tells
// neither path nor query: there may be account numbers in them.
func (s *server) backend(x *exchange, rest segments) error {
	x.header().Set("Cache-Control", "no-store")
	if s.Login == nil {
		return noLogin()
	}
	named, path, ok := splitBackendPath(rest)
	if !ok {
		return notFound()
	}
	if forwarded := backend.Methods(); !slices.Contains(forwarded, x.request.Method) {
		return methodNotAllowed(x, strings.Join(forwarded, ", "))
	}
	assistant, err := s.Login.admit(x, named)
	if err != nil {
		return err
	}
	to := s.Login.Backends[assistant]
	if to == nil {
		return problem.New(problem.NotFound, "This assistant has no back end. The operator sets it by BackendUrl.")
	}
	return s.forward(x, assistant, to, path)
}

// splitBackendPath returns the assistant, decoded, and what follows it, as it was
// written and without a slash before it.
//
// As it was written means by the host: its web server decodes the path that the
// client sent, %2F excepted, resolves dot segments, and its proxy encodes the
// result anew, so that %2F arrives as %252F (ASP.NET Core's PathString, YARP's
// RequestUtilities). Package backend refuses both spellings.
func splitBackendPath(rest segments) (assistant, path string, ok bool) {
	named := rest.decoded()
	if len(named) == 0 {
		return "", "", false
	}
	return named[0], rest[1:].written(), true
}

// forward makes the call with the user's token, which is plain only in there.
func (s *server) forward(x *exchange, assistant string, to *backend.Backend, path string) error {
	token, err := soleHeader(x.request.Header, "X-Login-Token", "the token that the login gave")
	if err != nil {
		return err
	}
	conversation, err := soleHeader(x.request.Header, "X-Conversation-Id", "the conversation that it was given for")
	if err != nil {
		return err
	}
	body, err := readBody(x, backend.MaxBody, uploadTimeout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(x.request.Context(), backendTimeout)
	defer cancel()
	request := backend.Request{
		Method: x.request.Method, Path: path, Query: x.request.URL.RawQuery, Header: x.request.Header, Body: body,
	}
	var answer backend.Answer
	err = s.Login.Broker.Use(ctx, assistant, conversation, redacted.New(token), func(plain secretly.Bytes) (err error) {
		answer, err = to.Forward(ctx, request, plain)
		return err
	})
	if err != nil {
		return err
	}
	return writeBackendAnswer(x, answer)
}

func soleHeader(header http.Header, name, what string) (string, error) {
	values := header.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", badRequest("Send " + what + " in the header " + name + ", once.")
	}
	return values[0], nil
}

// writeBackendAnswer passes an answer on. Should a browser ever show it, it is
// nothing but text of no origin.
func writeBackendAnswer(x *exchange, answer backend.Answer) error {
	x.event.details = append(x.event.details, slog.Int("backend", answer.Status))
	x.forPrograms("application/octet-stream")
	h := x.header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	if len(answer.Body) == 0 {
		h.Del("Content-Type")
	} else {
		h.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	for name, values := range answer.Header {
		h[name] = values
	}
	// A problem of this app has none: who asks can tell the one from the other.
	h.Set("X-Backend-Status", strconv.Itoa(answer.Status))
	x.writer.WriteHeader(answer.Status)
	if len(answer.Body) == 0 {
		return nil
	}
	_, err := x.writer.Write(answer.Body)
	return err
}
