package login

import (
	"context"
	"errors"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
)

// defaultLife is the life of a token whose provider names none.
const defaultLife = 10 * time.Minute

// maxTokenLife bounds what a provider may claim.
const maxTokenLife = 24 * time.Hour

// opener is a way to open what was sealed: [sealed.Sealer.Open] or OpenToRenew.
type opener func(ctx context.Context, kind sealed.Kind, sealed redacted.Text) ([]byte, error)

// sealGrant makes the token that the bot is given.
func (b *Broker) sealGrant(ctx context.Context, g *grant, outcome Outcome) (Issued, error) {
	if len(outcome.Token) > maxToken || len(outcome.Refresh) > maxRefresh || !outbound.IsBearerToken(outcome.Token) {
		return Issued{}, ErrRefused
	}
	life := between(outcome.ExpiresIn, time.Second, maxTokenLife, defaultLife)
	g.expires, g.token, g.refresh = b.now().Add(life), outcome.Token, outcome.Refresh
	payload := g.encode()
	defer payload.Clear()
	if len(payload) > sealed.MaxPayload {
		return Issued{}, ErrRefused
	}
	token, err := b.sealer.Seal(ctx, tokenKind, payload)
	if err != nil {
		return Issued{}, problem.From(err)
	}
	return Issued{Token: token, ExpiresIn: life}, nil
}

// openGrant opens a token, by one of the ways of the sealer, for the conversation
// that it is bound to. What it returns is cleared by the caller.
func openGrant(ctx context.Context, open opener, assistant, conversationID string, token redacted.Text) (grant, error) {
	payload, err := open(ctx, tokenKind, token)
	if errors.Is(err, sealed.ErrNotOurs) {
		return grant{}, errUnknown()
	}
	if err != nil {
		return grant{}, problem.From(err)
	}
	g, ok := decodeGrant(payload)
	if !ok || !g.binding.is(Binding{assistant, conversationID, g.binding.UserID}) {
		clear(payload)
		return grant{}, errUnknown()
	}
	return g, nil
}

// Use calls with the plain token that is sealed in token, inside [secretly.Do],
// and clears it afterwards; call keeps no copy and starts no goroutine that sees
// it. The error is call's, or a [problem.Error]: login_unknown, login_again where
// the token has expired, or secret_unavailable.
func (b *Broker) Use(ctx context.Context, assistant, conversationID string, token redacted.Text, call func(secretly.Bytes) error) (err error) {
	secretly.Do(func() {
		g, failure := openGrant(ctx, b.sealer.Open, assistant, conversationID, token)
		if failure != nil {
			err = failure
			return
		}
		defer g.clear()
		if !b.now().Before(g.expires) {
			err = errAgain()
			return
		}
		err = call(g.token)
	})
	return err
}

// Refresh exchanges a token, until a day after its expiry, for a new one. The
// error is a [problem.Error]: login_unknown, login_again where only a new login
// helps, login_unavailable, login_refused or secret_unavailable.
func (b *Broker) Refresh(ctx context.Context, assistant, conversationID string, token redacted.Text) (issued Issued, err error) {
	secretly.Do(func() {
		issued, err = b.refresh(ctx, assistant, conversationID, token)
	})
	return issued, err
}

func (b *Broker) refresh(ctx context.Context, assistant, conversationID string, token redacted.Text) (Issued, error) {
	g, err := openGrant(ctx, b.sealer.OpenToRenew, assistant, conversationID, token)
	if err != nil {
		return Issued{}, err
	}
	defer g.clear()
	if b.now().After(g.expires.Add(refreshGrace)) {
		return Issued{}, errAgain()
	}
	provider, err := b.known(assistant, g.provider)
	if err != nil {
		return Issued{}, err
	}
	outcome, err := provider.Refresh(ctx, RefreshRequest{Binding: g.binding, Connection: g.connection, Refresh: g.refresh})
	defer outcome.clear()
	if err != nil {
		return Issued{}, providerFailure(err, storeRetry)
	}
	if outcome.Decision != DecisionApproved {
		return Issued{}, errAgain()
	}
	if len(outcome.Refresh) == 0 { // RFC 6749 section 6: the old one stays
		outcome.Refresh = append(secretly.Bytes(nil), g.refresh...)
	}
	next := grant{binding: g.binding, provider: g.provider, connection: g.connection}
	issued, err := b.sealGrant(ctx, &next, outcome)
	if err != nil {
		return Issued{}, providerFailure(err, storeRetry)
	}
	return issued, nil
}

// SignOut ends what the user approved, as far as the provider can. The sealed
// token itself is the bot's to forget. The error is a [problem.Error].
func (b *Broker) SignOut(ctx context.Context, assistant, conversationID string, token redacted.Text) (err error) {
	secretly.Do(func() {
		g, failure := openGrant(ctx, b.sealer.Open, assistant, conversationID, token)
		if failure != nil {
			err = failure
			return
		}
		defer g.clear()
		provider, failure := b.known(assistant, g.provider)
		if failure != nil {
			return // it is gone, and with it what could be ended
		}
		if failure := provider.SignOut(ctx, SignOutRequest{Binding: g.binding, Connection: g.connection, Refresh: g.refresh}); failure != nil {
			err = providerFailure(failure, storeRetry)
		}
	})
	return err
}
