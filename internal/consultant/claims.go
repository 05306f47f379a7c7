package consultant

import (
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/golang-jwt/jwt/v5"
)

// Reasons to refuse a token, for the log.
var (
	errVersion   = errors.New("not a token of version 2.0")
	errAudiences = errors.New("for no audience or for several")
	errNobody    = errors.New("names no object of the tenant")
	errBound     = errors.New("bound to a key that a bearer cannot show")
	errNotPerson = errors.New("not the access token of a person")
	errNotBot    = errors.New("not the access token of a bot")
)

// accessClaims are the claims of a version 2.0 access token that matter here
// (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
type accessClaims struct {
	jwt.RegisteredClaims

	Version    string `json:"ver"`
	TenantID   string `json:"tid"`
	ObjectID   string `json:"oid"`
	IDType     string `json:"idtyp"`  // "app", "user", or absent where the API does not ask for it
	Scopes     string `json:"scp"`    // in tokens on behalf of a person only, separated by spaces
	Roles      roles  `json:"roles"`  // a person's in the app, or the app's own
	ClientID   string `json:"azp"`    // the app that got the token
	ClientAuth string `json:"azpacr"` // "0" public client, "1" secret, "2" certificate
	BoundTo    any    `json:"cnf"`    // the key that the sender must prove to hold (RFC 7800)
}

// UnmarshalJSON reads claims by their exact names, each at most once. To
// encoding/json the claim "Roles" is as good as "roles", and the last of two
// claims wins.
func (c *accessClaims) UnmarshalJSON(data []byte) error {
	type plain accessClaims
	return json.Unmarshal(data, (*plain)(c))
}

// check holds what is demanded of every token beyond what the library checks.
func (c *accessClaims) check() error {
	switch {
	case c.Version != "2.0":
		return errVersion
	case len(c.Audience) != 1: // WithAudience is content with one of many
		return errAudiences
	case !isGUID(c.ObjectID):
		return errNobody
	case c.BoundTo != nil:
		return errBound
	}
	return nil
}

// personClaims are those of a person's access token.
type personClaims struct {
	accessClaims
}

// Validate refuses what is not a person's access token. It is called by the
// library. Only an access token has scopes: an ID token has none, though it may
// be for the same audience and name the same roles.
func (c *personClaims) Validate() error {
	isPerson := c.IDType == "" || c.IDType == "user"
	if !isPerson || len(strings.Fields(c.Scopes)) == 0 {
		return errNotPerson
	}
	return c.check()
}

// botClaims are those of an app-only access token.
type botClaims struct {
	accessClaims
}

// Validate refuses what is not the access token of an app on its own behalf. It
// is called by the library. Where idtyp is absent, an app-only token is known by
// its subject, which is the app's own object and in a person's token never is.
func (c *botClaims) Validate() error {
	isApp := c.IDType == "app" || c.IDType == "" && c.Subject == c.ObjectID
	// A public client proves nothing of itself: anybody can name its id.
	proved := c.ClientAuth == "1" || c.ClientAuth == "2"
	if !isApp || c.Scopes != "" || !isGUID(c.ClientID) || !proved {
		return errNotBot
	}
	return c.check()
}

// isGUID reports whether id is a GUID of Entra ID, in either letter case.
func isGUID(id string) bool {
	const pattern = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(id) != len(pattern) {
		return false
	}
	for i, c := range []byte(id) {
		digit := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if (pattern[i] == 'x') != digit || pattern[i] == '-' && c != '-' {
			return false
		}
	}
	return true
}
