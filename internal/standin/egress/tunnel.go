package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync"
)

// connect takes a CONNECT request (RFC 9110, section 9.3.6) and hands its
// connection to the inner server. Only port 443 of known hosts is let through.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || err != nil || port != "443" || !p.knows(host) {
		p.refuse(w, r)
		return
	}
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "the connection cannot be taken over", http.StatusInternalServerError)
		return
	}
	if _, err := connection.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = connection.Close()
		return
	}
	p.tunnels.add(&tunnel{Conn: connection, buffered: buffered.Reader, host: strings.ToLower(host)})
}

func (p *Proxy) knows(host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.handlers[strings.ToLower(host)] != nil
}

func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request) {
	asked := r.Host
	if r.Method != http.MethodConnect {
		asked = r.URL.String()
	}
	p.mu.Lock()
	p.refused = append(p.refused, asked)
	p.mu.Unlock()
	http.Error(w, "no stand-in answers for "+asked, http.StatusForbidden)
}

// dispatch serves a request that came through a tunnel.
func (p *Proxy) dispatch(w http.ResponseWriter, r *http.Request) {
	host, _ := r.Context().Value(tunnelKey{}).(string)
	if !strings.EqualFold(strings.TrimSuffix(r.Host, ":443"), host) {
		http.Error(w, "this tunnel leads to "+host, http.StatusMisdirectedRequest)
		return
	}
	handler := p.begin(host)
	defer p.serving.Done()
	handler.ServeHTTP(w, r)
}

// begin counts a request and returns what answers it. A request that comes while
// the proxy closes is cut off.
func (p *Proxy) begin(host string) http.Handler {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		panic(http.ErrAbortHandler)
	}
	p.serving.Add(1)
	p.requests[host]++
	return p.handlers[host]
}

// tunnelKey is the context key under which requests carry their tunnel's host.
type tunnelKey struct{}

func withTunnel(ctx context.Context, connection net.Conn) context.Context {
	if secure, ok := connection.(*tls.Conn); ok {
		connection = secure.NetConn()
	}
	return context.WithValue(ctx, tunnelKey{}, hostOf(connection))
}

// tunnel is a connection whose client asked to be connected to host.
type tunnel struct {
	net.Conn
	buffered *bufio.Reader // may hold what the client sent early
	host     string
}

func (t *tunnel) Read(p []byte) (int, error) {
	if t.buffered.Buffered() > 0 {
		return t.buffered.Read(p)
	}
	return t.Conn.Read(p)
}

// hostOf returns the host of a tunnel; "" for any other connection.
func hostOf(connection net.Conn) string {
	if found, ok := connection.(*tunnel); ok {
		return found.host
	}
	return ""
}

// tunnels is the listener of the inner server: it accepts what connect adds.
type tunnels struct {
	address net.Addr
	opened  chan net.Conn
	closing chan struct{}
	once    sync.Once
}

func newTunnels(address net.Addr) *tunnels {
	return &tunnels{address: address, opened: make(chan net.Conn), closing: make(chan struct{})}
}

func (t *tunnels) add(connection net.Conn) {
	select {
	case t.opened <- connection:
	case <-t.closing:
		_ = connection.Close()
	}
}

// Accept is part of net.Listener.
func (t *tunnels) Accept() (net.Conn, error) {
	select {
	case connection := <-t.opened:
		return connection, nil
	case <-t.closing:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener.
func (t *tunnels) Close() error {
	t.once.Do(func() { close(t.closing) })
	return nil
}

// Addr is part of net.Listener.
func (t *tunnels) Addr() net.Addr { return t.address }
