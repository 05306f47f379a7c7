package consultant_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// privateKeys are the keys of all tests, made once: each takes a while.
var privateKeys = sync.OnceValue(func() map[string]*rsa.PrivateKey {
	made := map[string]*rsa.PrivateKey{}
	for name, bits := range map[string]int{tenantA: 2048, tenantB: 2048, stranger: 2048, "new": 2048, "weak": 2047} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		made[name] = key
	}
	return made
})

// entra publishes the keys of tenants, as Entra ID does.
type entra struct {
	mu      sync.Mutex
	issuers string                      // what issuers begin with
	sets    map[string][]map[string]any // by tenant
	fetches map[string]int              // by tenant
	fault   http.HandlerFunc            // answers in place of the keys
	delay   time.Duration
}

func (e *entra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tenant := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/login/"), "/discovery/v2.0/keys")
	e.mu.Lock()
	e.fetches[tenant]++
	set, known := e.sets[tenant]
	body, _ := json.Marshal(map[string]any{"keys": set})
	fault, delay := e.fault, e.delay
	e.mu.Unlock()
	time.Sleep(delay)
	switch {
	case fault != nil:
		fault(w, r)
	case !known || r.Method != http.MethodGet:
		http.NotFound(w, r)
	default:
		_, _ = w.Write(body)
	}
}

// set changes the directory.
func (e *entra) set(change func(*entra)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

// publish makes keys the key set of a tenant.
func (e *entra) publish(tenant string, keys ...map[string]any) {
	e.set(func(e *entra) { e.sets[tenant] = keys })
}

// count is how often the keys of tenant were fetched.
func (e *entra) count(tenant string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fetches[tenant]
}

// jwk is a public key as Entra publishes it, with its name as its id.
func jwk(tb testing.TB, name string) map[string]any {
	tb.Helper()
	encoded, err := json.Marshal(jose.JSONWebKey{Key: privateKeys()[name].Public(), KeyID: name, Use: "sig"})
	if err != nil {
		tb.Fatal(err)
	}
	var published map[string]any
	if err := json.Unmarshal(encoded, &published); err != nil {
		tb.Fatal(err)
	}
	return published
}

// but returns a copy of object with one member changed, or left out if value is
// nil.
func but(object map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(object)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

// pipeListener is a network in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr {
	return &net.UnixAddr{Name: "pipe", Net: "pipe"}
}
