package secretly

import (
	"bytes"
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
	// defaultTimeout ends a call whose context has no deadline.
	defaultTimeout = 30 * time.Second
	// maxHead is how many bytes the head of an answer may have, and what
	// encodings may add to its body.
	maxHead = 64 << 10
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
// It goes through the proxy and trusts the authorities that the environment
// names, follows no redirects, repeats nothing, and reads every answer whole. The
// request's Body is nil or its ContentLength is set. It is safe for concurrent
// use; create it with [NewTransport].
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
	ctx, cancel := context.WithTimeout(req.Context(), defaultTimeout)
	defer cancel()
	connection, viaProxy, err := t.connect(ctx, req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close() }()
	// What the context ends, ends by a deadline in the past: closing the
	// connection here would free its buffers while they are read.
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := t.exchange(connection, req, viaProxy)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("the call was cut short: %w", ctx.Err())
	}
	return answer, err
}

// connect opens a connection that the request can be written to. viaProxy means
// that the proxy itself reads the request.
func (t *Transport) connect(ctx context.Context, req *http.Request) (connection net.Conn, viaProxy bool, err error) {
	proxy, err := t.proxy(req)
	if err != nil {
		return nil, false, errors.New("the environment's proxy is not a proper address")
	}
	target := hostPort(req.URL)
	if proxy == nil {
		connection, err = t.dial(ctx, "tcp", target)
	} else {
		connection, err = t.dial(ctx, "tcp", hostPort(proxy))
	}
	if err != nil {
		return nil, false, fmt.Errorf("dialing: %w", err)
	}
	secured, viaProxy, err := t.secure(ctx, connection, req.URL, proxy)
	if err != nil {
		return nil, false, errors.Join(err, connection.Close())
	}
	return secured, viaProxy, nil
}

// secure leads a connection through the proxy, if there is one, and into TLS.
func (t *Transport) secure(ctx context.Context, connection net.Conn, target, proxy *url.URL) (net.Conn, bool, error) {
	deadline, _ := ctx.Deadline()
	if err := connection.SetDeadline(deadline); err != nil {
		return nil, false, fmt.Errorf("bounding the call: %w", err)
	}
	if proxy != nil && proxy.Scheme == "https" {
		connection = t.client(connection, proxy.Hostname())
	}
	if target.Scheme != "https" {
		return connection, proxy != nil, nil
	}
	if proxy != nil {
		if err := tunnel(connection, hostPort(target), proxy.User); err != nil {
			return nil, false, err
		}
	}
	client := t.client(connection, target.Hostname())
	// Handshake and not HandshakeContext, which starts a goroutine.
	if err := client.Handshake(); err != nil { //nolint:noctx // bounded by the connection's deadline
		return nil, false, fmt.Errorf("agreeing on keys: %w", err)
	}
	return client, false, nil
}

func (t *Transport) client(connection net.Conn, host string) *tls.Conn {
	config := t.tls.Clone()
	config.ServerName = host
	return tls.Client(connection, config)
}

// exchange writes the request and reads the whole answer.
func (t *Transport) exchange(connection net.Conn, req *http.Request, viaProxy bool) (*http.Response, error) {
	out := newWriter(connection)
	sent := req.Clone(req.Context())
	sent.Close = true
	write := sent.Write
	if viaProxy {
		write = sent.WriteProxy
	}
	err := write(out)
	if err == nil {
		err = out.Flush()
	}
	out.clear()
	if err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	in := newReader(connection, 2*t.maxAnswer+maxHead)
	answer, err := final(in, sent)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if err := t.readWhole(answer); err != nil {
		return nil, err // net/http prints a line where there is an answer beside it
	}
	return answer, nil
}

func (t *Transport) readWhole(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, t.maxAnswer+1))
	_ = answer.Body.Close()
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
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
