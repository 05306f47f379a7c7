package visitor

import (
	"context"
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

// Verify returns the user id in a visitor token that this service signed for
// assistant and that has not expired. Of any other token it says no more than
// that it is none; so it does where the key cannot be had before ctx ends.
func (s *Signer) Verify(ctx context.Context, assistant string, token redacted.Text) (userID string, ok bool) {
	text := token.Reveal()
	if text == "" || len(text) > maxToken {
		return "", false
	}
	// RegisteredClaims and not MapClaims, with which an exp of 0 passes.
	var said jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(text, &said, s.keyOf(ctx),
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(assistant),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(s.now))
	if err != nil || !isUserID(said.Subject) {
		return "", false
	}
	return said.Subject, true
}

// keyOf finds the key that a token names. The current version is asked for
// first: it is the usual one, and asking for it by name would use up the read
// that strange versions have to share.
func (s *Signer) keyOf(ctx context.Context) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		version, isText := token.Header["kid"].(string)
		if !isText || !secrets.IsVersion(version) {
			return nil, errKeyID
		}
		secret, err := s.keys.Get(ctx, s.keyName)
		if err == nil && secret.Version != version {
			secret, err = s.keys.Version(ctx, s.keyName, version)
		}
		if err != nil {
			return nil, errors.New("getting the visitor key failed")
		}
		return decodeKey(secret.Value)
	}
}
