package functionshost

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
)

// identify adds what the host and the front end before it say about a request.
// What clients send of these headers stays in front: only the last entry of
// X-Forwarded-For is to be trusted, and no invocation id at all.
func identify(out http.Header, in *http.Request, invocationID string) {
	out[invocationHeader] = slices.Concat(in.Header.Values(invocationHeader), []string{invocationID})
	forwarded := slices.Concat(in.Header.Values("X-Forwarded-For"), []string{in.RemoteAddr})
	out.Set("X-Forwarded-For", strings.Join(forwarded, ", "))
	scheme := "http"
	if in.TLS != nil {
		scheme = "https"
	}
	out.Set("X-Forwarded-Proto", scheme)
	out.Set("X-Appservice-Proto", scheme)
	out.Set("Client-Ip", in.RemoteAddr)
	out.Set("Disguised-Host", in.Host)
	out.Set("Was-Default-Hostname", in.Host)
	out.Set("X-Original-Url", in.URL.RequestURI())
	out.Set("X-Waws-Unencoded-Url", in.URL.RequestURI())
	out.Set("X-Arr-Log-Id", invocationID)
}

// hopByHop reports whether a header belongs to one connection (RFC 9110, section
// 7.6.1).
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length":
		return true
	}
	return false
}

func copyHeader(to, from http.Header) {
	for name, values := range from {
		if !hopByHop(name) {
			to[name] = values
		}
	}
}

// meter counts what is read of a body.
type meter struct {
	from  io.ReadCloser
	total atomic.Int64 // the transport may still read after the answer
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.from.Read(p)
	m.total.Add(int64(n))
	return n, err
}

func (m *meter) Close() error { return m.from.Close() }

func (m *meter) bytes() int64 { return m.total.Load() }

// recorder counts what is written of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status < http.StatusOK { // informational ones may come before
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) answered() bool { return r.status != 0 }
