package entra

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/faults"
)

// What App Service's endpoint is asked with
// (learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
const (
	identityPath       = "/msi/token"
	identityAPIVersion = "2019-08-01"
	identityHeader     = "X-Identity-Header"
)

// ManagedIdentity is the token endpoint that App Service offers to an app with a
// user-assigned identity, on a loopback port of its own.
type ManagedIdentity struct {
	// Faults befall token requests.
	Faults faults.Injector

	tenant *Tenant
	secret redacted.Text // what a caller proves to be the app with
	url    string
	server *http.Server
	served chan error

	mu       sync.Mutex
	requests map[string]int
	clients  map[string]bool // whose tokens are given, in lower case
}

// StartManagedIdentity serves the endpoint until Close.
func StartManagedIdentity(ctx context.Context, tenant *Tenant) (*ManagedIdentity, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("opening the managed-identity endpoint: %w", err)
	}
	endpoint := &ManagedIdentity{
		tenant:   tenant,
		secret:   redacted.New(rand.Text()),
		url:      "http://" + listener.Addr().String() + identityPath,
		served:   make(chan error, 1),
		requests: map[string]int{},
		clients:  map[string]bool{strings.ToLower(tenant.clientID): true},
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+identityPath, endpoint.counted(endpoint.Faults.Wrap(http.HandlerFunc(endpoint.token))))
	endpoint.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { endpoint.served <- endpoint.server.Serve(listener) }()
	return endpoint, nil
}

// Env returns the settings by which App Service tells an app of its identity.
func (m *ManagedIdentity) Env() []string {
	return []string{
		"IDENTITY_ENDPOINT=" + m.url,
		"IDENTITY_HEADER=" + m.secret.Reveal(),
		"AZURE_CLIENT_ID=" + m.tenant.clientID,
	}
}

// Accept gives the app another user-assigned identity, by its client id.
func (m *ManagedIdentity) Accept(clientID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clients[strings.ToLower(clientID)] = true
}

func (m *ManagedIdentity) has(clientID string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clients[strings.ToLower(clientID)]
}

// Requests is how often a token for resource was asked for, faults included.
func (m *ManagedIdentity) Requests(resource string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[resource]
}

// Close cuts all connections and waits for the server's end.
func (m *ManagedIdentity) Close() error {
	m.Faults.Clear()
	closeErr := m.server.Close()
	if err := <-m.served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the managed-identity endpoint: %w", err)
	}
	if closeErr != nil {
		return fmt.Errorf("closing the managed-identity endpoint: %w", closeErr)
	}
	return nil
}

func (m *ManagedIdentity) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		m.requests[r.URL.Query().Get("resource")]++
		m.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// token answers one request for a token.
func (m *ManagedIdentity) token(w http.ResponseWriter, r *http.Request) {
	if status, reason := m.refusal(r); reason != "" {
		answer(w, status, map[string]any{"statusCode": status, "message": reason})
		return
	}
	resource := r.URL.Query().Get("resource")
	token, expires, err := m.tenant.Token(resource)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]any{"statusCode": http.StatusInternalServerError, "message": "no token"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": token.Reveal(),
		"expires_on":   strconv.FormatInt(expires.Unix(), 10), // text, and no expires_in
		"resource":     resource,
		"token_type":   "Bearer",
		"client_id":    m.tenant.clientID,
	})
}

// refusal says why r gets no token; no reason: it gets one.
func (m *ManagedIdentity) refusal(r *http.Request) (status int, reason string) {
	query := r.URL.Query()
	given := r.Header.Get(identityHeader)
	switch {
	case subtle.ConstantTimeCompare([]byte(given), []byte(m.secret.Reveal())) != 1:
		return http.StatusUnauthorized, "header X-IDENTITY-HEADER is missing or wrong"
	case query.Get("api-version") != identityAPIVersion:
		return http.StatusBadRequest, "api-version must be " + identityAPIVersion
	case query.Get("resource") == "":
		return http.StatusBadRequest, "resource is missing"
	case !m.has(query.Get("client_id")):
		// The app has user-assigned identities only: asking without a client id
		// means the system-assigned one, which does not exist.
		return http.StatusBadRequest, "no managed identity found for the client_id given"
	}
	return 0, ""
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
