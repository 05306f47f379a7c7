// Package entra stands for Entra ID on one machine.
//
// A [Tenant] is where the app itself lives: it signs the tokens that App
// Service's managed-identity endpoint, [ManagedIdentity], hands out. A
// [Directory] is where people and bots sign in: an OpenID provider with several
// tenants, each an [Organization].
package entra

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
)

// Lengths of what a tenant makes.
const (
	keyBits         = 2048
	defaultLifetime = 24 * time.Hour // as managed identities get
)

// Options describe a tenant and the identity that the app has in it.
type Options struct {
	// TenantID and ClientID are UUIDs; empty: random ones. Libraries cache tokens
	// by client id for the whole process, so tests leave it empty.
	TenantID string
	ClientID string
	// Lifetime of tokens; 0: 24 hours.
	Lifetime time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Tenant signs tokens and knows its own again. It may be used by several
// goroutines at once.
type Tenant struct {
	id       string
	clientID string
	objectID string
	keyID    string
	key      *rsa.PrivateKey
	lifetime time.Duration
	now      func() time.Time
}

// claims are those of a version 1.0 access token for an app, as managed
// identities get them.
type claims struct {
	jwt.RegisteredClaims
	Audience string `json:"aud"` // one text, where the library would write a list
	AppID    string `json:"appid"`
	IDType   string `json:"idtyp"`
	ObjectID string `json:"oid"`
	TenantID string `json:"tid"`
	Version  string `json:"ver"`
}

// GetAudience is part of jwt.Claims.
func (c claims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}

// NewTenant makes a tenant with a key of its own.
func NewTenant(options *Options) (*Tenant, error) {
	if options == nil {
		options = &Options{}
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("making the tenant's key: %w", err)
	}
	tenant := &Tenant{
		id:       cmp.Or(options.TenantID, newUUID()),
		clientID: cmp.Or(options.ClientID, newUUID()),
		objectID: newUUID(),
		keyID:    rand.Text(),
		key:      key,
		lifetime: cmp.Or(options.Lifetime, defaultLifetime),
		now:      options.Now,
	}
	if tenant.now == nil {
		tenant.now = time.Now
	}
	return tenant, nil
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ID returns the tenant's id.
func (t *Tenant) ID() string { return t.id }

// ClientID returns the client id of the app's identity.
func (t *Tenant) ClientID() string { return t.clientID }

// issuer is that of version 1.0 tokens; Azurite accepts no other.
func (t *Tenant) issuer() string {
	return "https://sts.windows.net/" + t.id + "/"
}

// Token signs a token of the app's identity for audience, which for a managed
// identity is the resource as it was asked for.
func (t *Tenant) Token(audience string) (token redacted.Text, expires time.Time, err error) {
	now := t.now().Truncate(time.Second)
	expires = now.Add(t.lifetime)
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    t.issuer(),
			Subject:   t.objectID,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		Audience: audience, AppID: t.clientID, IDType: "app", ObjectID: t.objectID, TenantID: t.id, Version: "1.0",
	})
	unsigned.Header["kid"] = t.keyID
	signed, err := unsigned.SignedString(t.key)
	if err != nil {
		return redacted.Text{}, time.Time{}, fmt.Errorf("signing a token: %w", err)
	}
	return redacted.New(signed), expires, nil
}

// Verify accepts tokens that this tenant signed for audience and that are valid
// now.
func (t *Tenant) Verify(token redacted.Text, audience string) error {
	if audience == "" {
		return errors.New("verifying a token: no audience is asked for")
	}
	var found claims
	_, err := jwt.ParseWithClaims(token.Reveal(), &found,
		func(*jwt.Token) (any, error) { return &t.key.PublicKey, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Name}),
		jwt.WithIssuer(t.issuer()),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(t.now),
	)
	if err != nil {
		return fmt.Errorf("verifying a token: %w", err)
	}
	return nil
}
