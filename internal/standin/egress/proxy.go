// Package egress lets an unmodified program reach stand-ins under Azure's real
// host names.
//
// It is a CONNECT proxy on loopback that ends each tunnel itself, with
// certificates of a throw-away authority, and serves the request by the handler
// that was set for the tunnel's host. A program is pointed at it by the two
// settings of [Proxy.Env], which Go's default transport honours. A host that
// nothing was set for is refused and remembered: nothing leaves the machine.
//
// On macOS and Windows Go takes its roots from the system, not from
// SSL_CERT_FILE, so there a program must be given [Proxy.Roots] by other means.
package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Proxy is a running proxy. It may be used by several goroutines at once.
type Proxy struct {
	authority *authority
	dir       string // holds the authority's certificate
	url       *url.URL
	outer     *http.Server // takes CONNECT requests
	inner     *http.Server // serves what comes through the tunnels
	tunnels   *tunnels
	served    chan error
	serving   sync.WaitGroup // requests in the hands of handlers

	mu       sync.Mutex
	closed   bool
	handlers map[string]http.Handler
	requests map[string]int
	refused  []string
}

// Start opens the proxy on a loopback port of its own and serves until Close.
func Start(ctx context.Context) (*Proxy, error) {
	authority, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("starting the egress proxy: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the egress proxy: %w", err)
	}
	proxy := &Proxy{
		authority: authority,
		url:       &url.URL{Scheme: "http", Host: listener.Addr().String()},
		tunnels:   newTunnels(listener.Addr()),
		served:    make(chan error, 2),
		handlers:  map[string]http.Handler{},
		requests:  map[string]int{},
	}
	if proxy.dir, err = proxy.writeAuthority(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the egress proxy: %w", err), listener.Close())
	}
	proxy.serve(listener)
	return proxy, nil
}

// writeAuthority puts the authority's certificate into a directory of its own.
func (p *Proxy) writeAuthority() (dir string, err error) {
	dir, err = os.MkdirTemp("", "chatgate-egress-")
	if err != nil {
		return "", fmt.Errorf("making a directory for the certificate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, caFile), p.authority.pem(), 0o600); err != nil {
		return "", errors.Join(fmt.Errorf("writing the certificate: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

// caFile is the name of the authority's certificate.
const caFile = "ca.pem"

// serve starts the two servers. Handshakes that fail are the business of the
// clients, who see them; the servers stay silent.
func (p *Proxy) serve(listener net.Listener) {
	silent := log.New(io.Discard, "", 0)
	p.outer = &http.Server{Handler: http.HandlerFunc(p.connect), ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	p.inner = &http.Server{
		Handler:           http.HandlerFunc(p.dispatch),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          silent,
		ConnContext:       withTunnel,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			NextProtos: []string{"h2", "http/1.1"},
			// The certificate is for the tunnel's host: a client that asks for another
			// name by SNI has mixed up its connections, and must notice.
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return p.authority.leaf(hostOf(hello.Conn))
			},
		},
	}
	go func() { p.served <- p.outer.Serve(listener) }()
	go func() { p.served <- p.inner.ServeTLS(p.tunnels, "", "") }()
}

// Handle sets what answers for host, a name without a port. It replaces what was
// set before; requests in flight keep what they began with.
func (p *Proxy) Handle(host string, handler http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[strings.ToLower(host)] = handler
}

// Env returns the settings that send a program's HTTPS requests through the
// proxy. Requests to loopback addresses stay direct.
func (p *Proxy) Env() []string {
	return []string{
		"HTTPS_PROXY=" + p.url.String(),
		"SSL_CERT_FILE=" + filepath.Join(p.dir, caFile),
		"SSL_CERT_DIR=" + p.dir, // else Go adds the system's directories to the file
	}
}

// Roots returns the pool of roots that trusts the proxy's certificates.
func (p *Proxy) Roots() *x509.CertPool {
	return p.authority.pool()
}

// Transport returns a transport for clients in this process that sends HTTPS
// requests, and only these, through the proxy. The caller closes its idle
// connections.
func (p *Proxy) Transport() *http.Transport {
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme != "https" {
				return nil, nil //nolint:nilnil // how http.Transport.Proxy says "no proxy"
			}
			return p.url, nil
		},
		TLSClientConfig:   &tls.Config{RootCAs: p.Roots(), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
}

// Requests is how many requests for host have been served.
func (p *Proxy) Requests(host string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[strings.ToLower(host)]
}

// Refused returns what was asked for and refused, in order: host:port of a
// tunnel, or a URL that was not to be tunnelled.
func (p *Proxy) Refused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.refused...)
}

// Close cuts all connections, waits for handlers to notice and removes the
// authority's certificate.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	errs := []error{p.outer.Close(), p.inner.Close()}
	for range 2 {
		if err := <-p.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	p.serving.Wait()
	errs = append(errs, os.RemoveAll(p.dir))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the egress proxy: %w", err)
	}
	return nil
}
