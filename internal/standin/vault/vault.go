// Package vault stands for Azure Key Vault: the SDK's own fake server behind
// HTTP, with the authentication challenge that the real service begins with.
package vault

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets/fake"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/faults"
)

// Resource is the audience that tokens for the vault carry.
const Resource = "https://vault.azure.net"

// Verifier accepts or refuses an access token. entra.Tenant is one.
type Verifier interface {
	Verify(token redacted.Text, audience string) error
	ID() string
}

// Options describe a vault.
type Options struct {
	// URL is where clients reach it; empty: https://chatgate-local.vault.azure.net.
	// It is part of the secrets' ids, and the SDK insists that its host ends in
	// .vault.azure.net.
	URL string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Vault is a vault of secrets. It is an http.Handler for the vault's host and may
// be used by several goroutines at once.
type Vault struct {
	// Faults befall requests; see also [Reading].
	Faults faults.Injector

	url      string
	now      func() time.Time
	verifier Verifier
	handler  http.Handler

	mu      sync.Mutex
	secrets map[string][]*version // by name in lower case; the newest last
	reads   map[string]int
}

// New makes an empty vault that lets in who has a token that verifier accepts.
func New(verifier Verifier, options *Options) *Vault {
	if options == nil {
		options = &Options{}
	}
	vault := &Vault{
		url:      strings.TrimSuffix(cmp.Or(options.URL, "https://chatgate-local.vault.azure.net"), "/"),
		now:      options.Now,
		verifier: verifier,
		secrets:  map[string][]*version{},
		reads:    map[string]int{},
	}
	if vault.now == nil {
		vault.now = time.Now
	}
	vault.handler = vault.Faults.Wrap(vault.authenticated(sdkHandler(vault.server())))
	return vault
}

// URL returns the address that clients are given.
func (v *Vault) URL() string { return v.url }

// ServeHTTP answers as the vault does.
func (v *Vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if name, ok := secretRead(r); ok {
		v.mu.Lock()
		v.reads[name]++
		v.mu.Unlock()
	}
	v.handler.ServeHTTP(w, r)
}

// Reads is how often the secret was asked for, any version, with a token; faults
// and refusals included.
func (v *Vault) Reads(name string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads[strings.ToLower(name)]
}

// Reading matches the requests that read the secret, any version. The requests
// without a token, with which clients provoke the challenge, are left out.
func Reading(name string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		read, ok := secretRead(r)
		return ok && read == strings.ToLower(name)
	}
}

func secretRead(r *http.Request) (name string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/secrets/")
	if !ok || r.Method != http.MethodGet || r.Header.Get("Authorization") == "" {
		return "", false
	}
	name, _, _ = strings.Cut(rest, "/")
	return strings.ToLower(name), name != ""
}

// authenticated lets requests with a good token through and challenges others.
func (v *Vault) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || v.verifier.Verify(redacted.New(token), Resource) != nil {
			w.Header().Set("WWW-Authenticate",
				`Bearer authorization="https://login.microsoftonline.com/`+v.verifier.ID()+`", resource="`+Resource+`"`)
			fail(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		if r.URL.Query().Get("api-version") == "" {
			fail(w, http.StatusBadRequest, "BadParameter")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fail answers with an error of the vault's form. Its message holds nothing of
// the request.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":{"code":"`+code+`","message":"`+http.StatusText(status)+`"}}`)
}

// maxRequestBytes limits a request's body; a secret is at most 25 KB.
const maxRequestBytes = 64 << 10

// sdkHandler serves HTTP by the SDK's fake, which otherwise is a transport inside
// the client's process.
func sdkHandler(server *fake.Server) http.Handler {
	transport := fake.NewServerTransport(server)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation, ok := operationOf(r)
		if !ok {
			fail(w, http.StatusNotFound, "NotFound")
			return
		}
		request := r.WithContext(withOperation(r.Context(), operation))
		request.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
		response, err := transport.Do(request)
		if err != nil {
			failAs(w, err)
			return
		}
		defer func() { _ = response.Body.Close() }()
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.StatusCode)
		_, _ = io.Copy(w, response.Body)
	})
}

// failAs answers with the error that a fake operation returned.
func failAs(w http.ResponseWriter, err error) {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		fail(w, refused.StatusCode, refused.ErrorCode)
		return
	}
	fail(w, http.StatusBadRequest, "BadParameter")
}
