package secretly

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"chatgate/internal/outbound"
)

// Bounds of one call.
const (
	// timeout ends a call whose context does not end it earlier.
	timeout = 30 * time.Second
	// maxHead is how many bytes the head of an answer may have, with the interim
	// answers before it.
	maxHead = 64 << 10
	// maxOverhead is how many bytes come for each of a body at most. A chunk of one
	// byte has 6, and 13 where its size is written with eight digits (RFC 9112
	// section 7.1).
	maxOverhead = 16
	// maxInterim is how many interim answers (status 1xx) come before the final
	// one at most.
	maxInterim = 5
	// sessions is how many TLS sessions are kept to shorten the next handshake.
	sessions = 64
)

// Transport is an [http.RoundTripper] that leaves nothing of a call in buffers of
// its own: one connection for each call, HTTP/1.1, and everything but the dialing
// on the goroutine of the caller. It is for calls inside [Do] that carry a token.
//
// It goes through the proxy, of http:// or https:// only, and trusts the authorities
// that the environment names, follows no redirects, repeats nothing, and reads every
// answer whole. What fails before anything was sent is an
// [outbound.NotSentError]. The request's Body is nil or its ContentLength is set. It
// is safe for concurrent use; create it with [NewTransport].
type Transport struct {
	maxAnswer int64
	tls       *tls.Config
	proxy     func(*http.Request) (*url.URL, error)
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// NewTransport returns a Transport that reads answers of up to maxAnswer bytes. A
// longer one is an [outbound.TooLargeError].
func NewTransport(maxAnswer int64) *Transport {
	return &Transport{
		maxAnswer: maxAnswer,
		tls:       &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(sessions)},
		proxy:     http.ProxyFromEnvironment,
		dial:      (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
	}
}

// RoundTrip makes one call. It implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer func() { _ = req.Body.Close() }()
	}
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	defer cancel()
	proxy, err := t.proxyOf(req)
	if err != nil {
		return nil, &outbound.NotSentError{Err: err}
	}
	answer, err := t.call(ctx, req, proxy)
	if err == nil || ctx.Err() == nil {
		return answer, err
	}
	cut := fmt.Errorf("the call was cut short: %w", context.Cause(ctx))
	if unsent := new(outbound.NotSentError); errors.As(err, &unsent) {
		return nil, &outbound.NotSentError{Err: cut}
	}
	return nil, cut
}

// proxyOf returns the proxy that the environment names for req, or nil.
func (t *Transport) proxyOf(req *http.Request) (*url.URL, error) {
	proxy, err := t.proxy(req)
	switch {
	case err != nil: // it quotes the address, in which there may be a password
		return nil, outbound.PlainError("the environment's proxy is not a proper address")
	case proxy != nil && proxy.Scheme != "http" && proxy.Scheme != "https":
		return nil, outbound.PlainError("a proxy " + proxy.Scheme + ":// is not supported: HTTPS_PROXY must name one of http:// or https://")
	}
	return proxy, nil
}

// call opens a connection and does the exchange on it. Whatever it waits for ends
// with ctx.
func (t *Transport) call(ctx context.Context, req *http.Request, proxy *url.URL) (*http.Response, error) {
	first := req.URL
	if proxy != nil {
		first = proxy
	}
	raw, err := t.dial(ctx, "tcp", hostPort(first))
	if err != nil {
		return nil, &outbound.NotSentError{Err: fmt.Errorf("dialing: %w", err)}
	}
	defer func() { _ = raw.Close() }()
	// What the context ends, ends by a deadline in the past: closing the
	// connection here would free its buffers while they are read. Nothing else sets
	// a deadline, so that none is undone.
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	connection, err := t.secure(raw, req.URL, proxy)
	if err != nil {
		return nil, &outbound.NotSentError{Err: err}
	}
	if req.URL.Scheme == "https" {
		proxy = nil // it hears nothing of the request
	}
	answer, err := t.exchange(ctx, connection, req, proxy)
	if err == nil {
		_ = connection.Close() // with TLS's farewell, for which it would wait after a failure
	}
	return answer, err
}

// secure leads a connection through the proxy, if there is one, and into TLS.
func (t *Transport) secure(connection net.Conn, target, proxy *url.URL) (net.Conn, error) {
	if proxy != nil && proxy.Scheme == "https" {
		connection = t.client(connection, proxy.Hostname())
	}
	if target.Scheme != "https" {
		return connection, nil
	}
	if proxy != nil {
		if err := tunnel(connection, hostPort(target), proxy); err != nil {
			return nil, err
		}
	}
	client := t.client(connection, target.Hostname())
	// Handshake and not HandshakeContext, which starts a goroutine.
	if err := client.Handshake(); err != nil { //nolint:noctx // the context sets the connection's deadline
		return nil, fmt.Errorf("agreeing on keys: %w", err)
	}
	return client, nil
}

func (t *Transport) client(connection net.Conn, host string) *tls.Conn {
	config := t.tls.Clone()
	config.ServerName = host
	return tls.Client(connection, config)
}

// exchange writes the request, to the proxy itself if there is one, and reads the
// whole answer. A server may answer from the head alone, and close while the body
// is being sent (RFC 9112 section 9.6): what it has said counts.
func (t *Transport) exchange(ctx context.Context, connection net.Conn, req *http.Request, proxy *url.URL) (*http.Response, error) {
	sent := req.Clone(req.Context())
	sent.Close = true
	broken, err := send(connection, sent, proxy)
	if err != nil && (!broken || ctx.Err() != nil) {
		return nil, err
	}
	answer, failure := t.receive(connection, sent)
	if failure != nil {
		return nil, cmp.Or(err, failure)
	}
	return answer, nil
}

// send writes a request. broken tells that the connection does not take it, and not
// that there is something wrong with the request.
func send(connection net.Conn, req *http.Request, proxy *url.URL) (broken bool, err error) {
	out := newWriter(connection)
	defer out.clear()
	write := req.Write
	if proxy != nil {
		write = req.WriteProxy
		if who := authorization(proxy); who != "" {
			req.Header.Set("Proxy-Authorization", who)
		}
	}
	if err = write(out); err == nil {
		err = out.Flush()
	}
	if err != nil {
		return out.failure != nil, fmt.Errorf("sending: %w", cmp.Or(out.failure, err))
	}
	return false, nil
}

// receive reads an answer, its head and its body each within bounds of its own.
func (t *Transport) receive(connection net.Conn, req *http.Request) (*http.Response, error) {
	bounded := &io.LimitedReader{R: connection, N: maxHead}
	answer, err := final(bufio.NewReader(bounded), req)
	if err != nil {
		return nil, excess(bounded, maxHead, err)
	}
	bounded.N = maxOverhead*t.maxAnswer + maxHead
	if err := t.readWhole(answer); err != nil {
		return nil, excess(bounded, t.maxAnswer, err) // net/http prints a line where there is an answer beside it
	}
	return answer, nil
}

// excess tells why an answer could not be read: it was too long, or for another
// reason.
func excess(bounded *io.LimitedReader, limit int64, err error) error {
	if bounded.N <= 0 {
		return &outbound.TooLargeError{Max: limit}
	}
	return fmt.Errorf("reading the answer: %w", err)
}

// readWhole reads the body of an answer. It does not close it, for which net/http
// would read what is left of it into a buffer that is not erased: the connection
// is closed.
func (t *Transport) readWhole(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, t.maxAnswer+1))
	if err != nil {
		return err //nolint:wrapcheck // excess wraps it
	}
	if int64(len(body)) > t.maxAnswer {
		return &outbound.TooLargeError{Max: t.maxAnswer}
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	answer.ContentLength = int64(len(body))
	answer.TransferEncoding = nil
	return nil
}

// hostPort is the address to dial.
func hostPort(address *url.URL) string {
	port := address.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[address.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(address.Hostname(), port)
}
