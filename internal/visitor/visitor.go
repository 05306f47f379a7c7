// Package visitor makes the ids of visitors and signs the tokens by which a
// visitor comes back as the same person.
//
// A visitor token is a JWT signed with HS256: iss chatgate, aud the assistant,
// sub the user id, kid the version of the signing key. It proves that this
// service once gave that user id to whoever shows it, for 30 days. Older
// versions of the key go on verifying, so a rotation of the key loses nobody.
package visitor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

const (
	issuer   = "chatgate"
	lifetime = 30 * 24 * time.Hour

	// maxToken bounds what is parsed. Our own tokens have about 350 bytes.
	maxToken = 1 << 10

	// minKey is what HS256 demands of a key (RFC 7518 section 3.2), in bytes.
	minKey = 32

	prefix = "dl_"
	// Our own ids have 26 characters behind the prefix.
	minIDTail = 22
	maxIDTail = 64
)

var (
	errWeakKey = errors.New("the visitor key must be the base64 of at least 32 random bytes")
	errUserID  = errors.New("not a user id of ours")
	errKeyID   = errors.New("no key version of ours")
)

// NewUserID returns a new user id: dl_, which Direct Line's enhanced
// authentication demands, and 130 random bits.
func NewUserID() string {
	return prefix + rand.Text()
}

// isUserID reports whether id has the form of ours: dl_ and 22 to 64 characters
// of base64url.
func isUserID(id string) bool {
	tail, found := strings.CutPrefix(id, prefix)
	if !found || len(tail) < minIDTail || len(tail) > maxIDTail {
		return false
	}
	for _, c := range []byte(tail) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Keys gives the versions of the signing key; [secrets.Cache] does.
type Keys interface {
	Get(ctx context.Context, name string) (secrets.Secret, error)
	Version(ctx context.Context, name, version string) (secrets.Secret, error)
	Confirm(ctx context.Context, name, version string) error
}

// Signer signs and verifies visitor tokens. It may be used by several goroutines
// at once.
type Signer struct {
	keys    Keys
	keyName string
	now     func() time.Time
}

// NewSigner returns a Signer with the key in the secret keyName: the base64 of at
// least 32 bytes, in the standard or the URL alphabet, padded or not. A nil now
// means time.Now.
func NewSigner(keys Keys, keyName string, now func() time.Time) *Signer {
	if now == nil {
		now = time.Now
	}
	return &Signer{keys: keys, keyName: keyName, now: now}
}

// Sign returns a visitor token for userID at assistant, signed with the current
// key. It fails where the key cannot be had before ctx ends or is too weak.
func (s *Signer) Sign(ctx context.Context, assistant, userID string) (redacted.Text, error) {
	if !isUserID(userID) {
		return redacted.Text{}, errUserID
	}
	secret, err := s.keys.Get(ctx, s.keyName)
	if err != nil {
		return redacted.Text{}, fmt.Errorf("getting the visitor key: %w", err)
	}
	key, err := decodeKey(secret.Value)
	if err != nil {
		return redacted.Text{}, err
	}
	now := s.now()
	// With RegisteredClaims the audience would be written as a list of one.
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": issuer,
		"aud": assistant,
		"sub": userID,
		"iat": now.Unix(),
		"exp": now.Add(lifetime).Unix(),
	})
	token.Header["kid"] = secret.Version
	signed, err := token.SignedString(key)
	if err != nil {
		return redacted.Text{}, errors.New("signing the visitor token failed")
	}
	return redacted.New(signed), nil
}

// decodeKey refuses a key that HS256 must not be used with.
func decodeKey(encoded redacted.Text) ([]byte, error) {
	key := encoded.Base64()
	if len(key) < minKey {
		return nil, errWeakKey
	}
	return key, nil
}
