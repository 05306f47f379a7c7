package directline

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
)

// issuer is both issuer and audience of a Direct Line token.
const issuer = "https://directline.botframework.com/"

// use says what a token is good for.
type use string

const (
	useREST   use = ""       // calls, by the Authorization header
	useStream use = "stream" // connecting a WebSocket, by the query
)

// claims are those of a Direct Line token. aud is one string there, which
// jwt.RegisteredClaims would write as an array.
type claims struct {
	Bot          string           `json:"bot"`
	Site         string           `json:"site"`
	Conversation string           `json:"conv"`
	User         string           `json:"user,omitempty"`
	NotBefore    *jwt.NumericDate `json:"nbf"`
	Expires      *jwt.NumericDate `json:"exp"`
	Issuer       string           `json:"iss"`
	Audience     string           `json:"aud"`
	ID           string           `json:"jti"`

	// Where the service keeps these is not published; here they travel along.
	TrustedOrigins []string `json:"trustedOrigins,omitempty"`
	Use            use      `json:"use,omitempty"`
	// Position is where a stream begins if its URL does not say.
	Position int `json:"position,omitempty"`
}

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.NotBefore, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return "", nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}

// tokens mints and checks the tokens of a site.
type tokens struct {
	key      *rsa.PrivateKey
	keyID    string
	bot      string
	lifetime time.Duration
	now      func() time.Time

	mu      sync.Mutex
	revoked map[string]time.Time // jti → when the entry may go
}

func newTokens(options Options) (*tokens, error) {
	key := options.SigningKey
	if key == nil {
		made, err := rsa.GenerateKey(rand.Reader, signingKeyBits)
		if err != nil {
			return nil, fmt.Errorf("making the key that signs tokens: %w", err)
		}
		key = made
	}
	thumbprint := sha256.Sum256(key.N.Bytes())
	return &tokens{
		key:      key,
		keyID:    base64.RawURLEncoding.EncodeToString(thumbprint[:20]),
		bot:      options.BotID,
		lifetime: options.TokenLifetime.Truncate(time.Second),
		now:      options.Now,
		revoked:  map[string]time.Time{},
	}, nil
}

// mint signs what is given, valid from now for life.
func (t *tokens) mint(of claims, life time.Duration) (string, error) {
	start := t.now().Truncate(time.Second)
	of.Bot, of.Issuer, of.Audience, of.ID = t.bot, issuer, issuer, rand.Text()
	of.NotBefore, of.Expires = jwt.NewNumericDate(start), jwt.NewNumericDate(start.Add(life))
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, &of)
	token.Header["kid"], token.Header["x5t"] = t.keyID, t.keyID
	signed, err := token.SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

// parse returns the claims of a valid token made for purpose.
func (t *tokens) parse(token string, purpose use) (claims, error) {
	var found claims
	_, err := jwt.ParseWithClaims(token, &found, func(*jwt.Token) (any, error) { return &t.key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now))
	if errors.Is(err, jwt.ErrTokenExpired) {
		return claims{}, &failure{http.StatusForbidden, codeTokenExpired, "Token has expired"}
	}
	if err != nil || found.Use != purpose || t.isRevoked(found.ID) {
		return claims{}, errInvalidCredential()
	}
	return found, nil
}

// RevokeToken makes a token invalid before it expires. It reports whether the
// token was valid.
func (s *Server) RevokeToken(token redacted.Text) bool {
	found, err := s.tokens.parse(token.Reveal(), useREST)
	if err != nil {
		return false
	}
	s.tokens.revoke(found)
	return true
}

func (t *tokens) revoke(of claims) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, until := range t.revoked {
		if t.now().After(until) {
			delete(t.revoked, id)
		}
	}
	t.revoked[of.ID] = of.Expires.Time
}

func (t *tokens) isRevoked(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, revoked := t.revoked[id]
	return revoked
}
