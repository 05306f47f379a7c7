package secretly

import (
	"crypto/x509"
	"net/http"
	"net/url"
)

// Through returns a Transport like [NewTransport]'s with a proxy and authorities
// of a test's own, in place of the environment's.
func Through(proxy *url.URL, roots *x509.CertPool, maxAnswer int64) *Transport {
	t := NewTransport(maxAnswer)
	t.proxy = func(*http.Request) (*url.URL, error) { return proxy, nil }
	t.tls.RootCAs = roots
	return t
}
