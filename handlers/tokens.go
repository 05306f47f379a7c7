package handlers

import (
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"chatgate/internal/handshake"
	"chatgate/internal/problem"
	"chatgate/internal/ratelimit"
)

// maxTokenRequest bounds the body of GetNewToken and RefreshToken.
const maxTokenRequest = 8 << 10

// tokenAnswer is the body of both functions' success.
type tokenAnswer struct {
	Token          string `json:"token"`
	ExpiresIn      int    `json:"expires_in"`
	ExpiresAt      string `json:"expiresAt"`
	ConversationID string `json:"conversationId,omitempty"`
	UserID         string `json:"userId,omitempty"`
	Domain         string `json:"domain"`
	Visitor        string `json:"visitor,omitempty"`
}

// writeGrant sends a token. This is where it leaves its wrapping.
func writeGrant(x *exchange, grant handshake.Grant) error {
	h := x.header()
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	return x.writeJSON(http.StatusOK, jsonType, tokenAnswer{
		Token:          grant.Token.Reveal(),
		ExpiresIn:      grant.ExpiresIn,
		ExpiresAt:      grant.ExpiresAt.UTC().Format(time.RFC3339),
		ConversationID: grant.ConversationID,
		UserID:         grant.UserID,
		Domain:         grant.Domain,
		Visitor:        grant.Visitor.Reveal(),
	})
}

// admitted resolves the assistant of a token request and lets only those go on
// who may. An empty id without an error means that the answer has been sent.
func (s *server) admitted(x *exchange, rest segments) (assistant string, err error) {
	o, err := s.assistant(rest.decoded())
	if err != nil {
		x.header().Add("Vary", "Origin")
		return "", err
	}
	x.event.assistant = o.id
	handled, err := o.admit(x)
	if handled || err != nil {
		return "", err
	}
	return o.id, s.withinClientLimit(x)
}

// assistant resolves the optional last segment of a token function's route.
func (s *server) assistant(rest []string) (origins, error) {
	if len(rest) == 0 && len(s.assistants) == 1 {
		for _, only := range s.assistants {
			return only, nil
		}
	}
	if len(rest) == 0 {
		return origins{}, problem.New(problem.UnknownAssistant, "Several assistants live here: name one at the end of the path.")
	}
	o, known := s.assistants[strings.ToLower(rest[0])]
	if !known {
		return origins{}, problem.New(problem.UnknownAssistant, "No assistant has this id. Check the last part of the path.")
	}
	return o, nil
}

func (s *server) withinClientLimit(x *exchange) error {
	if s.ClientLimit == nil {
		return nil
	}
	key := s.ClientLimit.Key(s.ClientSource.client(x.request.Header))
	x.event.client = hex.EncodeToString(key[:4])
	return within(s.ClientLimit, key, "Too many requests from this address.")
}

func (s *server) withinAssistantLimit(assistant string) error {
	if s.AssistantLimit == nil {
		return nil
	}
	return within(s.AssistantLimit, s.AssistantLimit.Key(assistant), "This assistant is asked for more tokens than it may hand out.")
}

func within(limiter *ratelimit.Limiter, key ratelimit.Key, message string) error {
	if wait := limiter.Take(key); wait > 0 {
		return problem.New(problem.RateLimited, message+" Wait for the time in Retry-After, then try again.").After(wait)
	}
	return nil
}

// decodeBody reads an optional, small JSON object whose only member may be a
// string of the given name, and returns that.
func decodeBody(x *exchange, name string) (string, error) {
	body, err := readBody(x, maxTokenRequest, smallBodyTimeout)
	if err != nil {
		return "", err
	}
	members, err := decodeMembers(body, name)
	if err != nil {
		return "", err
	}
	return members[name], nil
}
