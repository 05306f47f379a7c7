// Package tokenservice stands for the Bot Framework Token Service, which keeps
// the tokens that users got by the OAuth connections of an Azure bot: the calls
// that bots make, and the pages on which users sign in.
//
// The protocol is that of the Bot Framework SDK's client ("Bot Connector - Token
// API"). What happens behind a sign-in link is not published; it is done here as
// has been seen of the service. A link that is opened in the browser session of
// the chat completes by itself: it then carries that session's id as
// code_challenge, and the browser brings Direct Line's cookie. Any other browser
// is shown a code of six digits, and whoever types that into the chat completes
// the sign-in. So is one that blocks third-party cookies: the cookie is one, for the
// page that the chat is on.
//
// It is never part of the deployed program.
package tokenservice

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/faults"
)

// Names of the service.
const (
	// Host is where bots call, and SignInHost where users sign in; both answer the
	// same.
	Host       = "api.botframework.com"
	SignInHost = "token.botframework.com"
	// Audience is what bots' tokens carry.
	Audience = "https://api.botframework.com"
)

// TokenPrefix begins the tokens that are made where [Options] names no other
// maker, so that a search finds one wherever it should not be.
const TokenPrefix = "connection-token-"

// linkLife is how long a sign-in link and a code work, and tokenLife how long a
// token does.
const (
	linkLife  = 10 * time.Minute
	tokenLife = time.Hour
)

// maxEntries bounds what is kept of each kind; the oldest goes first.
const maxEntries = 10_000

// Verifier accepts or refuses an access token. entra.Tenant is one.
type Verifier interface {
	Verify(token redacted.Text, audience string) error
}

// Channel is the channel in which the bot's users are. directline.Server is one.
type Channel interface {
	// SessionID returns the id of the session that r's browser is in, by its cookie.
	SessionID(r *http.Request) (id string, ok bool)
	// Deliver hands the bot an activity in a user's name.
	Deliver(ctx context.Context, conversationID, userID string, activity json.RawMessage) error
}

// Account is somebody who can sign in at the connections.
type Account struct {
	ID   string
	Name string
}

// Options are the properties of a Service. The zero value of each field means the
// default that its comment names.
type Options struct {
	// URL is where browsers reach the service (https://token.botframework.com). The
	// browser must send Direct Line's cookie there: it is of the same host, or both
	// are below botframework.com.
	URL string
	// Connections are the bot's OAuth connections (bank).
	Connections []string
	// Accounts are those who can sign in (ada and bo).
	Accounts []Account
	// Issue makes the token that an account gets at a connection (random text, good
	// for an hour). It is also asked for the next one when a token has expired.
	Issue func(connection, account string) (token redacted.Text, expires time.Time, err error)
	// Now is the clock (time.Now).
	Now func() time.Time
}

// Operation names a call of bots, for counts and faults.
type Operation string

// The calls.
const (
	GetSignInResource Operation = "GetSignInResource"
	GetToken          Operation = "GetToken"
	GetTokenStatus    Operation = "GetTokenStatus"
	SignOut           Operation = "SignOut"
)

// Service is the stand-in: an [http.Handler] for both hosts, or for the paths
// below Options.URL. It may be used by several goroutines at once.
type Service struct {
	// Faults befall bots' calls; see [Calling].
	Faults faults.Injector

	verifier Verifier
	channel  Channel
	options  Options
	handler  http.Handler

	mu     sync.Mutex
	links  entries[string, *signIn] // by the id in the link
	codes  entries[owner, *grant]   // what waits for its code
	tokens entries[owner, *grant]
	calls  map[Operation]int
}

// New returns a Service for one bot; options may be nil.
func New(verifier Verifier, channel Channel, options *Options) *Service {
	var chosen Options
	if options != nil {
		chosen = *options
	}
	chosen.URL = strings.TrimSuffix(cmp.Or(chosen.URL, "https://"+SignInHost), "/")
	if chosen.Connections == nil {
		chosen.Connections = []string{"bank"}
	}
	if chosen.Accounts == nil {
		chosen.Accounts = []Account{{"ada", "Ada Vermeer"}, {"bo", "Bo Nilsson"}}
	}
	if chosen.Now == nil {
		chosen.Now = time.Now
	}
	if chosen.Issue == nil {
		chosen.Issue = func(string, string) (redacted.Text, time.Time, error) {
			return redacted.New(TokenPrefix + rand.Text()), chosen.Now().Add(tokenLife), nil
		}
	}
	s := &Service{verifier: verifier, channel: channel, options: chosen, calls: map[Operation]int{}}
	s.handler = s.routes()
	return s
}

func (s *Service) routes() http.Handler {
	bots := http.NewServeMux()
	bots.Handle("GET /api/botsignin/GetSignInResource", answered(s.getSignInResource))
	bots.Handle("GET /api/usertoken/GetToken", answered(s.getToken))
	bots.Handle("GET /api/usertoken/GetTokenStatus", answered(s.getTokenStatus))
	bots.Handle("DELETE /api/usertoken/SignOut", answered(s.signOut))
	mux := http.NewServeMux()
	mux.Handle("/api/botsignin/", s.counted(s.Faults.Wrap(s.authorized(bots))))
	mux.Handle("/api/usertoken/", s.counted(s.Faults.Wrap(s.authorized(bots))))
	mux.HandleFunc("GET /api/oauth/signin", s.showAccounts)
	mux.Handle("POST /api/oauth/PostSignInCallback", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.complete)))
	return mux
}

// ServeHTTP answers bots and browsers.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handler.ServeHTTP(w, r)
}

// Calls is how often bots made a call, refusals and faults included.
func (s *Service) Calls(operation Operation) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Calling matches the requests of an operation, for [faults.Fault.When].
func Calling(operation Operation) func(*http.Request) bool {
	return func(r *http.Request) bool { return operationOf(r) == operation }
}

// operationOf is the last segment of the path.
func operationOf(r *http.Request) Operation {
	return Operation(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
}

func (s *Service) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch called := operationOf(r); called {
		case GetSignInResource, GetToken, GetTokenStatus, SignOut:
			s.mu.Lock()
			s.calls[called]++
			s.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// authorized wants a token of the bot's identity.
func (s *Service) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || s.verifier.Verify(redacted.New(token), Audience) != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			writeError(w, http.StatusUnauthorized, "Unauthorized", "Authorization has been denied for this request.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Service) knows(connection string) bool {
	return slices.ContainsFunc(s.options.Connections, func(known string) bool { return strings.EqualFold(known, connection) })
}

// entries is a map that forgets its oldest entry rather than growing without end.
type entries[K comparable, V any] struct {
	byKey map[K]V
	order []K
}

func (e *entries[K, V]) get(key K) (V, bool) {
	value, known := e.byKey[key]
	return value, known
}

func (e *entries[K, V]) set(key K, value V) {
	e.remove(key)
	if len(e.order) >= maxEntries {
		e.remove(e.order[0])
	}
	if e.byKey == nil {
		e.byKey = map[K]V{}
	}
	e.byKey[key], e.order = value, append(e.order, key)
}

func (e *entries[K, V]) remove(key K) {
	if _, known := e.byKey[key]; !known {
		return
	}
	delete(e.byKey, key)
	e.order = slices.DeleteFunc(e.order, func(other K) bool { return other == key })
}
