// Package directline stands in for Direct Line 3.0, so that Chatgate runs and
// is tested on one machine against the protocol that Azure Bot Service speaks:
// tokens, conversations, polling, WebSocket streams, uploads and session ids.
// It never becomes part of the deployed program.
//
// A [Server] is one Direct Line site: one bot with two secrets. It does what
// the published protocol says (swagger "Direct Line API - v3.0") and, where the
// protocol is silent, what has been seen of the service; faults are switched on
// and off while it runs ([Server.Fail]) and calls are counted
// ([Server.Calls]).
package directline

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"chatgate/internal/redacted"
)

// What is assumed where [Options] says nothing.
const (
	// DefaultTokenLifetime is what production has been giving; the
	// documentation says 1800 s. Clients must read expires_in.
	DefaultTokenLifetime = time.Hour
	// DefaultMaxUpload is the limit of Direct Line's uploads, in bytes.
	DefaultMaxUpload = 4 << 20
	// DefaultBotTimeout is how long Direct Line waits for a bot's answer.
	DefaultBotTimeout = 15 * time.Second
	// DefaultKeepAlive is the time between two empty frames of a stream.
	DefaultKeepAlive = 20 * time.Second

	// streamURLLifetime is how long a stream URL may be used to connect.
	streamURLLifetime = time.Minute
	// maxConversations bounds the memory: the oldest is forgotten for a new one.
	maxConversations = 10_000
	// maxActivities bounds one conversation.
	maxActivities = 10_000
	// signingKeyBits is the size of the key of the token's RS256 signature.
	signingKeyBits = 2048
)

// Bot is the bot behind the site, as the Bot Connector sees it.
type Bot interface {
	// Receive takes one activity (JSON) from the channel. Direct Line answers
	// the client once Receive returns; an error is answered 502
	// BotRejectedActivity. It is called by several goroutines at once and
	// answers by [Server.Send].
	Receive(ctx context.Context, activity json.RawMessage) error
}

// Options are the properties of a site. The zero value of each field means the
// default that its comment names.
type Options struct {
	// BotID is the bot's handle (demobot): claim "bot" and the id of its account.
	BotID string
	// BotName is what clients show of the bot (Demo bot).
	BotName string
	// Key1 and Key2 are the site's secrets, both valid at once (random).
	Key1, Key2 redacted.Text
	// SigningKey signs the tokens (new, 2048 bits). With the key of an earlier
	// Server its tokens stay valid.
	SigningKey *rsa.PrivateKey
	// TokenLifetime is the life of a token, in whole seconds ([DefaultTokenLifetime]).
	TokenLifetime time.Duration
	// TrustedOrigins is the list "set in the portal". Where it is not empty,
	// the list in the token does not count (none).
	TrustedOrigins []string
	// Endpoint is the address of this handler as clients see it, prefix
	// included (taken from each request).
	Endpoint string
	// MaxUpload bounds the body of an upload, in bytes ([DefaultMaxUpload]).
	MaxUpload int64
	// BotTimeout bounds one call of the bot ([DefaultBotTimeout]).
	BotTimeout time.Duration
	// KeepAlive is the time between empty frames ([DefaultKeepAlive]).
	KeepAlive time.Duration
	// Now is the clock of tokens and activities (time.Now).
	Now func() time.Time
}

// Server is the stand-in of one Direct Line site: an [http.Handler] for the
// paths below a prefix such as /v3/directline, which its owner strips. It may
// be used by several goroutines at once. Close it to end its streams.
type Server struct {
	options Options
	site    *site
	tokens  *tokens
	faults  *faults
	uploads *uploads
	routes  http.Handler
	bot     Account

	sessionKey []byte

	mu            sync.Mutex
	receiver      Bot
	conversations map[string]*conversation
	order         []string // ids of conversations, oldest first
	closed        bool
	streams       sync.WaitGroup
}

// New returns a site with no bot behind it; [Server.Connect] adds one. It fails
// only where no signing key can be made.
func New(options *Options) (*Server, error) {
	chosen := withDefaults(options)
	signed, err := newTokens(chosen)
	if err != nil {
		return nil, err
	}
	server := &Server{
		options:       chosen,
		site:          newSite(chosen.Key1, chosen.Key2),
		tokens:        signed,
		faults:        newFaults(),
		uploads:       newUploads(chosen.MaxUpload),
		bot:           Account{ID: chosen.BotID, Name: chosen.BotName, Role: "bot"},
		sessionKey:    []byte(rand.Text()),
		conversations: map[string]*conversation{},
	}
	server.routes = server.newRoutes()
	return server, nil
}

func withDefaults(options *Options) Options {
	var chosen Options
	if options != nil {
		chosen = *options
	}
	setDefault(&chosen.BotID, "demobot")
	setDefault(&chosen.BotName, "Demo bot")
	setDefault(&chosen.TokenLifetime, DefaultTokenLifetime)
	setDefault(&chosen.MaxUpload, DefaultMaxUpload)
	setDefault(&chosen.BotTimeout, DefaultBotTimeout)
	setDefault(&chosen.KeepAlive, DefaultKeepAlive)
	if chosen.Now == nil {
		chosen.Now = time.Now
	}
	return chosen
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Connect puts bot behind the site, in place of the one that was there. Without
// a bot every activity is answered 502.
func (s *Server) Connect(bot Bot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiver = bot
}

// Close ends all streams and waits for them. Later streams are refused; other
// calls are still answered.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, open := range s.conversations {
		open.disconnect(errServerClosed)
	}
	s.mu.Unlock()
	s.streams.Wait()
}

// ConversationCount returns how many conversations are known.
func (s *Server) ConversationCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conversations)
}

// Forget makes the site lose a conversation, as the service does after some
// time without traffic: its stream ends and calls for it are answered 404.
// It reports whether the conversation was known.
func (s *Server) Forget(conversationID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forget(conversationID)
}

// forget is Forget for callers that hold the lock.
func (s *Server) forget(id string) bool {
	lost, known := s.conversations[id]
	if !known {
		return false
	}
	delete(s.conversations, id)
	s.order = slices.DeleteFunc(s.order, func(other string) bool { return other == id })
	lost.disconnect(errForgotten)
	return true
}

// CutStream breaks the WebSocket of a conversation without a closing frame, as
// a lost connection does. It reports whether there was one.
func (s *Server) CutStream(conversationID string) bool {
	found, err := s.conversation(conversationID)
	return err == nil && found.disconnect(errCut)
}

// ErrUnknownConversation says that a conversation was never started or is lost.
var ErrUnknownConversation = errors.New("unknown conversation")

// Send puts an activity of the bot (JSON with at least a type) into a
// conversation and returns the id that it got there, as POST
// /v3/conversations/{id}/activities of the Bot Connector does. Types that
// Direct Line does not show to clients get an id and go nowhere.
func (s *Server) Send(_ context.Context, conversationID string, activity json.RawMessage) (string, error) {
	target, err := s.conversation(conversationID)
	if err != nil {
		return "", ErrUnknownConversation
	}
	stamped, err := s.stampBotActivity(target, activity)
	if err != nil {
		return "", fmt.Errorf("taking the bot's activity: %w", err)
	}
	if hiddenFromClients(stamped.kind) {
		return rand.Text(), nil
	}
	id, err := target.append(stamped)
	if err != nil {
		return "", fmt.Errorf("adding the bot's activity: %w", err)
	}
	return id, nil
}

func (s *Server) conversation(id string) (*conversation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, known := s.conversations[id]
	if !known {
		return nil, &failure{http.StatusNotFound, codeConversationNotFound, "Conversation not found"}
	}
	return found, nil
}

// begin adds a conversation, or returns the one that is there already.
func (s *Server) begin(id string, user Account, locale string) (started *conversation, created bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, exists := s.conversations[id]; exists {
		return known, false
	}
	for len(s.conversations) >= maxConversations {
		s.forget(s.order[0])
	}
	fresh := newConversation(id, user, locale)
	s.conversations[id] = fresh
	s.order = append(s.order, id)
	return fresh, true
}
