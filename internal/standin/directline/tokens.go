package directline

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxParameters bounds the body of calls that carry a few parameters, in bytes.
const maxParameters = 64 << 10

// tokenParameters is TokenParameters of the protocol, and what clients may add
// when they start a conversation.
type tokenParameters struct {
	User           Account  `json:"user"`
	TrustedOrigins []string `json:"trustedOrigins"`
	Locale         string   `json:"locale"`
}

// tokenAnswer is Conversation of the protocol.
type tokenAnswer struct {
	ConversationID     string `json:"conversationId"`
	Token              string `json:"token"`
	ExpiresIn          int    `json:"expires_in"`
	StreamURL          string `json:"streamUrl,omitempty"`
	ReferenceGrammarID string `json:"referenceGrammarId,omitempty"`
}

// generateToken neither starts the conversation nor contacts the bot.
func (s *Server) generateToken(w http.ResponseWriter, r *http.Request) error {
	who, err := s.caller(r)
	if err != nil {
		return err
	}
	if !who.hasSecret {
		return errInvalidCredential()
	}
	parameters, err := readParameters(w, r)
	if err != nil {
		return err
	}
	answer, err := s.newToken(caller{
		conversation: newConversationID(),
		user:         parameters.User.ID,
		origins:      parameters.TrustedOrigins,
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// refreshToken takes the token itself, as long as it has not expired; a secret
// has nothing to refresh.
func (s *Server) refreshToken(w http.ResponseWriter, r *http.Request) error {
	who, err := s.caller(r)
	if err != nil {
		return err
	}
	if who.hasSecret {
		return errInvalidCredential()
	}
	answer, err := s.newToken(who)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// newToken mints a token for a conversation and, if there is one, its user.
func (s *Server) newToken(holder caller) (tokenAnswer, error) {
	token, err := s.tokens.mint(claims{
		Site:           s.site.id,
		Conversation:   holder.conversation,
		User:           holder.user,
		TrustedOrigins: holder.origins,
	}, s.tokens.lifetime)
	if err != nil {
		return tokenAnswer{}, err
	}
	return tokenAnswer{
		ConversationID: holder.conversation,
		Token:          token,
		ExpiresIn:      int(s.tokens.lifetime.Seconds()),
	}, nil
}

// newStreamToken is newToken with the address of the stream, which begins at
// position unless its URL says something else.
func (s *Server) newStreamToken(r *http.Request, holder caller, position int, watermark string) (tokenAnswer, error) {
	answer, err := s.newToken(holder)
	if err != nil {
		return tokenAnswer{}, err
	}
	grant, err := s.tokens.mint(claims{
		Site:         s.site.id,
		Conversation: holder.conversation,
		User:         holder.user,
		Use:          useStream,
		Position:     position,
	}, streamURLLifetime)
	if err != nil {
		return tokenAnswer{}, err
	}
	answer.StreamURL = fmt.Sprintf("%s/conversations/%s/stream?watermark=%s&t=%s",
		webSocketAddress(s.endpoint(r)), url.PathEscape(holder.conversation), watermark, grant)
	answer.ReferenceGrammarID = s.site.grammarID
	return answer, nil
}

// webSocketAddress turns http into ws and https into wss.
func webSocketAddress(endpoint string) string {
	return "ws" + strings.TrimPrefix(endpoint, "http")
}

// readParameters reads an optional body.
func readParameters(w http.ResponseWriter, r *http.Request) (tokenParameters, error) {
	var parameters tokenParameters
	body, err := readBody(w, r, maxParameters)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return parameters, err
	}
	if err := decodeJSON(bytes.NewReader(body), &parameters); err != nil {
		return parameters, badRequest(codeBadArgument, "The body is not valid")
	}
	return parameters, nil
}

// newConversationID returns an id that cannot be guessed. Like the service's it
// ends in a region.
func newConversationID() string {
	return rand.Text()[:22] + "-local"
}

// watermarkAt is the watermark that stands for a position.
func watermarkAt(position int) string {
	return strconv.Itoa(position)
}
