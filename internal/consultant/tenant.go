package consultant

import (
	"context"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/problem"
)

// leeway is by how much our clock and Entra's may differ.
const leeway = time.Minute

var (
	errHeader     = errors.New("the header brings a key, or demands what is unknown")
	errNoKeyID    = errors.New("the header names no key")
	errUnknownKey = errors.New("signed with a key that the tenant does not have")
	errRefused    = errors.New("refused")
)

// tenant verifies the tokens of one tenant. Issuer and keys are fixed here, so
// that those of one tenant never vouch for another.
type tenant struct {
	id        string
	parser    *jwt.Parser
	validator *jwt.Validator
	keys      *keySet
}

func newTenant(id, authority, audience string, options VerifierOptions) *tenant {
	rules := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer(issuerOf(authority, id)),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(options.Now),
	}
	return &tenant{
		id:        id,
		parser:    jwt.NewParser(rules...),
		validator: jwt.NewValidator(rules...),
		keys:      newKeySet(newDirectory(id, authority, options.Client), options.Now, options.Logger),
	}
}

// issuerOf returns the issuer of a tenant's version 2.0 tokens.
func issuerOf(authority, tenantID string) string {
	return authority + "/" + tenantID + "/v2.0"
}

// verify verifies a token that says it is of this tenant and reads it into said.
func (t *tenant) verify(ctx context.Context, text string, said jwt.ClaimsValidator) error {
	_, err := t.parser.ParseWithClaims(text, said, t.keyOf(ctx, said))
	var away *problem.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &away):
		return away
	// The parser says ErrTokenInvalidClaims only once the signature is right, and
	// keyOf has let nothing pass but what is wrong about the time of expiry.
	case errors.Is(err, jwt.ErrTokenInvalidClaims) && errors.Is(err, jwt.ErrTokenExpired):
		return expired()
	default:
		return invalid(reason(err))
	}
}

// keyOf finds the key that a token names. The claims are judged before: a token
// that would be refused anyway must not cause a fetch, else anybody could.
func (t *tenant) keyOf(ctx context.Context, said jwt.ClaimsValidator) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		keyID, err := keyIDOf(token.Header)
		if err != nil {
			return nil, err
		}
		err = t.validator.Validate(said)
		if err != nil && !isOnlyExpired(err) {
			return nil, err
		}
		return t.keys.find(ctx, keyID, err == nil)
	}
}

// keyIDOf returns the key id in a token's header. Headers that bring a key, or
// say where one is, are the sender's word for who the sender is; a critical
// extension must be refused by who does not know it (RFC 7515 section 4.1.11).
func keyIDOf(header map[string]any) (string, error) {
	for _, name := range []string{"jwk", "jku", "x5u", "x5c", "crit"} {
		if _, present := header[name]; present {
			return "", errHeader
		}
	}
	keyID, _ := header["kid"].(string)
	if keyID == "" {
		return "", errNoKeyID
	}
	return keyID, nil
}

// isOnlyExpired reports whether a validator's error says that a token has
// expired and nothing else.
func isOnlyExpired(err error) bool {
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		return false
	}
	for _, one := range all.Unwrap() {
		if !errors.Is(one, jwt.ErrTokenExpired) {
			return false
		}
	}
	return true
}

// reason reduces err to one of a few fixed texts. The library's own quote what
// the sender wrote.
func reason(err error) error {
	for _, known := range []error{
		errTenant, errHeader, errNoKeyID, errUnknownKey,
		errNotPerson, errNotBot, errVersion, errAudiences, errNobody, errBound,
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenInvalidAudience, jwt.ErrTokenRequiredClaimMissing,
		jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenExpired,
		jwt.ErrTokenSignatureInvalid, jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errRefused
}
