package loginapi

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// grant is what a customer approved: a token, and what it is refreshed by.
type grant struct {
	customer *Customer
	token    redacted.Text
	expires  time.Time
	refresh  redacted.Text
	until    time.Time // refresh is good until then
}

// approved is the answer that carries a new token. b.mu is held.
func (b *Bank) approved(customer *Customer) any {
	made := b.issue(customer)
	return map[string]any{
		"status": "approved", "token": made.token.Reveal(), "expiresIn": b.options.TokenLife.Seconds(),
		"refreshToken": made.refresh.Reveal(),
	}
}

// issue makes a token. b.mu is held.
func (b *Bank) issue(customer *Customer) *grant {
	now := b.options.Now()
	b.grants = slices.DeleteFunc(b.grants, func(g *grant) bool { return !now.Before(g.expires) && !now.Before(g.until) })
	for len(b.grants) >= maxGrants {
		b.grants = b.grants[1:]
	}
	made := &grant{
		customer: customer, token: redacted.New(TokenPrefix + rand.Text()), expires: now.Add(b.options.TokenLife),
		refresh: redacted.New(RefreshPrefix + rand.Text()), until: now.Add(DefaultRefreshLife),
	}
	b.grants = append(b.grants, made)
	return made
}

// Issue makes a token for the customer with the hint, as after a sign-in that the
// bank has by another way, and tells when it expires.
func (b *Bank) Issue(hint string) (token redacted.Text, expires time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	customer := b.customer(hint)
	if customer == nil {
		return redacted.Text{}, time.Time{}, fmt.Errorf("the bank has no customer %q", hint)
	}
	made := b.issue(customer)
	return made.token, made.expires, nil
}

// RevokeTokens makes all tokens invalid; what they are refreshed by stays valid.
func (b *Bank) RevokeTokens() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, each := range b.grants {
		each.token, each.expires = redacted.Text{}, time.Time{}
	}
}

// RevokeAll makes all tokens invalid, and all that they are refreshed by.
func (b *Bank) RevokeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grants = nil
}

// refreshToken gives a new token for a refresh token, which is good for once.
func (b *Bank) refreshToken(r *http.Request) (any, error) {
	if b.options.WithoutRefresh {
		return nil, refuse(http.StatusNotImplemented, "Tokens are not refreshed here.")
	}
	var request struct{ RefreshToken string }
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	given := redacted.New(request.RefreshToken)
	at := slices.IndexFunc(b.grants, func(g *grant) bool { return equal(g.refresh, given) })
	if at < 0 || given.IsEmpty() || !b.options.Now().Before(b.grants[at].until) {
		return nil, refuse(http.StatusBadRequest, "The refresh token is not valid.")
	}
	old := b.grants[at]
	b.grants = slices.Delete(b.grants, at, at+1)
	return b.approved(old.customer), nil
}

// bearer finds the customer whose token r carries. b.mu is held.
func (b *Bank) bearer(r *http.Request) (*Customer, error) {
	scheme, credential, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	given := redacted.New(credential)
	at := slices.IndexFunc(b.grants, func(g *grant) bool { return equal(g.token, given) })
	if !strings.EqualFold(scheme, "Bearer") || given.IsEmpty() || at < 0 || !b.options.Now().Before(b.grants[at].expires) {
		return nil, refuse(http.StatusUnauthorized, "The token is missing, not valid or has expired.")
	}
	return b.grants[at].customer, nil
}
