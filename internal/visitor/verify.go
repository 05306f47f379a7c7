package visitor

import (
	"context"
	"errors"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

// Verdict is what can be said of a visitor token.
type Verdict int

// The verdicts. The zero value lets nobody in.
const (
	// Invalid: not signed here, not for this assistant, or expired.
	Invalid Verdict = iota
	// Undetermined: the key that the token names cannot be had just now. The
	// token may be good, so it must not be replaced for good.
	Undetermined
	// Unconfirmed: as Valid, but signed with an older key of which the vault could
	// not be asked just now whether it is still in force. A token of the current key
	// must not take its place: it would outlive a key that was disabled.
	Unconfirmed
	// Valid: signed here, for this assistant, and not expired.
	Valid
)

var errKeyUnavailable = errors.New("the visitor key cannot be had")

// Verify returns the user id in a visitor token that this service signed for
// assistant and that has not expired. Of any other token it says no more than
// whether it is refused or only cannot be checked before ctx ends. The user id is
// empty unless the token is [Valid] or [Unconfirmed].
func (s *Signer) Verify(ctx context.Context, assistant string, token redacted.Text) (userID string, verdict Verdict) {
	text := token.Reveal()
	if text == "" || len(text) > maxToken {
		return "", Invalid
	}
	// RegisteredClaims and not MapClaims, with which an exp of 0 passes.
	var said jwt.RegisteredClaims
	var isConfirmed bool
	_, err := jwt.ParseWithClaims(text, &said, func(token *jwt.Token) (key any, err error) {
		key, isConfirmed, err = s.keyOf(ctx, token)
		return key, err
	},
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(assistant),
		jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(s.now))
	switch {
	case errors.Is(err, errKeyUnavailable):
		return "", Undetermined
	case err != nil || !isUserID(said.Subject):
		return "", Invalid
	case !isConfirmed:
		return said.Subject, Unconfirmed
	}
	return said.Subject, Valid
}

// keyOf finds the key that a token names, and whether it is the current one or the
// vault has confirmed it. The current version is had first, so that it is known:
// reading it by its id would take a turn of those that are not. Whether it is still
// in force, Version says.
func (s *Signer) keyOf(ctx context.Context, token *jwt.Token) (key []byte, isConfirmed bool, err error) {
	version, isText := token.Header["kid"].(string)
	if !isText || !secrets.IsVersion(version) {
		return nil, false, errKeyID
	}
	current, err := s.keys.Get(ctx, s.keyName)
	if err != nil && !errors.Is(err, secrets.ErrNotFound) {
		return nil, false, errKeyUnavailable
	}
	isConfirmed = current.Version == version || s.keys.Confirm(ctx, s.keyName, version) == nil
	secret, err := s.keys.Version(ctx, s.keyName, version)
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		return nil, false, errKeyID
	case err != nil:
		return nil, false, errKeyUnavailable
	}
	key, err = decodeKey(secret.Value)
	return key, isConfirmed, err
}
