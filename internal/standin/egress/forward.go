package egress

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// ForwardOptions adapt a [Forward].
type ForwardOptions struct {
	// Rewrite changes a request before it goes out, its URL and Host already being
	// the target's; nil: none. An error answers 400.
	Rewrite func(*http.Request) error
	// InsecureSkipVerify accepts any certificate of the target, which is on
	// loopback.
	InsecureSkipVerify bool
}

// Forward returns a handler that passes requests on to a server on loopback,
// such as Azurite: scheme, host and port of target, paths as they are. Closing
// stops its idle connections.
type Forward struct {
	proxy     *httputil.ReverseProxy
	transport *http.Transport
	rewrite   func(*http.Request) error
	target    *url.URL
}

// NewForward makes a Forward to target, whose host must be a loopback address.
func NewForward(target string, options *ForwardOptions) (*Forward, error) {
	if options == nil {
		options = &ForwardOptions{}
	}
	parsed, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("forwarding to %q: %w", target, err)
	}
	if ip := net.ParseIP(parsed.Hostname()); ip == nil || !ip.IsLoopback() || parsed.Scheme == "" {
		return nil, fmt.Errorf("forwarding to %q: not the address of a server on loopback", target)
	}
	forward := &Forward{
		transport: &http.Transport{
			TLSClientConfig:     &tls.Config{InsecureSkipVerify: options.InsecureSkipVerify, MinVersion: tls.VersionTLS12},
			MaxIdleConnsPerHost: 64,
			DisableCompression:  true,
		},
		rewrite: options.Rewrite,
		target:  parsed,
	}
	forward.proxy = &httputil.ReverseProxy{
		Transport: forward.transport,
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL.RawQuery = request.In.URL.RawQuery // as it was written
		},
		// To the client a server that is gone looks like a cut connection, not like
		// a gateway that says so.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	return forward, nil
}

// ServeHTTP passes the request on.
func (f *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = f.target.Scheme, f.target.Host, f.target.Host
	if f.rewrite != nil {
		if err := f.rewrite(out); err != nil {
			http.Error(w, "the request cannot be rewritten: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	f.proxy.ServeHTTP(w, out)
}

// Close closes the idle connections to the target.
func (f *Forward) Close() {
	f.transport.CloseIdleConnections()
}
