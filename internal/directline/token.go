package directline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
)

const (
	// MaxToken is the most bytes a token may have. Real ones have about 1,000.
	MaxToken = 8 << 10

	maxConversationID = 512

	// maxExpiresIn is a week in seconds. Direct Line gives 1800 or 3600; much
	// more than that would overflow the timers of browsers.
	maxExpiresIn = 7 * 24 * 60 * 60
)

var (
	// ErrUnusableAnswer means that Direct Line answered 200 with something that
	// is not a token. It says which part is wrong, and not what was there.
	ErrUnusableAnswer = errors.New("the answer of Direct Line is not usable")

	// ErrUnusableCredential means that a secret or token is empty or holds
	// characters that no header can carry. Nothing was sent.
	ErrUnusableCredential = errors.New("the credential for Direct Line is empty or holds characters that cannot be sent")

	errNoUser = errors.New("a token without a user id would let the browser choose one")
)

// Token is what Direct Line grants: access to one conversation for a time.
type Token struct {
	Value          redacted.Text
	ConversationID string
	// ExpiresIn is in seconds from the time of the answer.
	ExpiresIn int
}

type tokenParameters struct {
	User           userParameter `json:"user"`
	TrustedOrigins []string      `json:"trustedOrigins,omitempty"`
}

type userParameter struct {
	ID string `json:"id"`
}

// GenerateToken asks for a token for a new conversation, bound to userID, with
// the secret of the bot's Direct Line channel. It neither starts the
// conversation nor contacts the bot. Retries may leave unused conversation ids
// behind; Direct Line forgets them.
//
// The error is an *[Error] where Direct Line answered with a failure.
func (c *Client) GenerateToken(ctx context.Context, secret redacted.Text, userID string, trustedOrigins []string) (Token, error) {
	if userID == "" {
		return Token{}, errNoUser
	}
	body, err := json.Marshal(tokenParameters{User: userParameter{ID: userID}, TrustedOrigins: trustedOrigins})
	if err != nil {
		return Token{}, fmt.Errorf("writing the token parameters: %w", err)
	}
	return c.post(ctx, "/tokens/generate", secret, body)
}

// RefreshToken exchanges a token that has not expired for one that lives longer.
// The request carries the token itself and no body.
//
// The error is an *[Error] where Direct Line answered with a failure.
func (c *Client) RefreshToken(ctx context.Context, token redacted.Text) (Token, error) {
	return c.post(ctx, "/tokens/refresh", token, nil)
}

// decodeToken reads the content of an answer and checks it before anything of it
// is passed on to a browser.
func decodeToken(content []byte) (Token, error) {
	var answer struct {
		Token          string `json:"token"`
		ConversationID string `json:"conversationId"`
		ExpiresIn      int    `json:"expires_in"`
	}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(content, &answer); err != nil {
		// The decoder's own words quote the content.
		return Token{}, fmt.Errorf("%w: not the JSON object expected", ErrUnusableAnswer)
	}
	switch {
	case !WellFormed(answer.Token):
		return Token{}, fmt.Errorf("%w: token missing, too long or with illegal characters", ErrUnusableAnswer)
	case !isID(answer.ConversationID):
		return Token{}, fmt.Errorf("%w: conversationId missing, too long or not printable", ErrUnusableAnswer)
	case answer.ExpiresIn < 1 || answer.ExpiresIn > maxExpiresIn:
		return Token{}, fmt.Errorf("%w: expires_in missing or out of range", ErrUnusableAnswer)
	}
	return Token{
		Value:          redacted.New(answer.Token),
		ConversationID: answer.ConversationID,
		ExpiresIn:      answer.ExpiresIn,
	}, nil
}

// WellFormed reports whether token can be a bearer token, of at most [MaxToken]
// bytes.
func WellFormed(token string) bool {
	return len(token) <= MaxToken && outbound.IsBearerToken(token)
}

// isID reports whether id can stand in an answer and in a table.
func isID(id string) bool {
	if id == "" || len(id) > maxConversationID {
		return false
	}
	for _, r := range id {
		// The JSON decoder puts U+FFFD in the place of what is not UTF-8.
		if r == utf8.RuneError || r == ' ' || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
