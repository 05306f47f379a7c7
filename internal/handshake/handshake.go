// Package handshake decides how a visitor gets a Direct Line token and keeps it
// fresh: it brings together the assistant's secret, Direct Line and the
// visitor's token, and names every failure.
//
// Two issues are never made one: two visitors would share a conversation.
package handshake

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"chatgate/internal/directline"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	"chatgate/internal/visitor"
)

const (
	// callTimeout bounds a whole call, Key Vault's part included. The
	// contract gives 10 s; the rest is for the answer's way out.
	callTimeout = 9500 * time.Millisecond

	// visitorTimeout bounds what visitor tokens may cost a call: a token is
	// issued without one rather than late.
	visitorTimeout = 2 * time.Second
)

// Assistant is one bot as far as tokens go.
type Assistant struct {
	// ID names the assistant, in the one spelling that is used everywhere.
	ID string
	// SecretName is the secret that holds the bot's Direct Line secret.
	SecretName     string
	TrustedOrigins []string
	// Client talks to the assistant's Direct Line, which browsers find at Domain.
	Client *directline.Client
	Domain string
}

// Secrets gives the assistants' secrets; [secrets.Cache] does.
type Secrets interface {
	Get(ctx context.Context, name string) (secrets.Secret, error)
	Renew(ctx context.Context, name, refusedVersion string) (secrets.Secret, error)
}

// Grant is what a visitor's browser gets.
type Grant struct {
	Token redacted.Text
	// ExpiresIn is in seconds, as Direct Line gave it.
	ExpiresIn int
	// ExpiresAt is the same as a time, in UTC and whole seconds.
	ExpiresAt      time.Time
	ConversationID string
	// UserID is "" where a refreshed token does not tell it.
	UserID string
	// Domain is the address of Direct Line for the browser.
	Domain string
	// Visitor is the visitor token; empty from [Issuer.Refresh], and where none
	// can be signed.
	Visitor redacted.Text
}

// IssuerOptions are the options of [NewIssuer]. The zero value, or nil, means the
// defaults.
type IssuerOptions struct {
	// Visitors signs visitor tokens. Without it none are issued or believed.
	Visitors *visitor.Signer
	// Logger is told why a token went out without a visitor token; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Issuer issues and refreshes tokens. It may be used by several goroutines at
// once. All its errors are of type *problem.Error.
type Issuer struct {
	assistants map[string]Assistant
	secrets    Secrets
	visitors   *visitor.Signer
	logger     *slog.Logger
	now        func() time.Time
}

// NewIssuer returns an Issuer for assistants, whose ids must differ.
func NewIssuer(assistants []Assistant, keys Secrets, options *IssuerOptions) *Issuer {
	if options == nil {
		options = &IssuerOptions{}
	}
	issuer := &Issuer{
		assistants: make(map[string]Assistant, len(assistants)),
		secrets:    keys,
		visitors:   options.Visitors,
		logger:     options.Logger,
		now:        options.Now,
	}
	for _, assistant := range assistants {
		issuer.assistants[assistant.ID] = assistant
	}
	if issuer.logger == nil {
		issuer.logger = slog.New(slog.DiscardHandler)
	}
	if issuer.now == nil {
		issuer.now = time.Now
	}
	return issuer
}

// assistant finds an assistant by id. Which one a request means was decided before:
// one that is not here is a fault of ours.
func (i *Issuer) assistant(id string) (Assistant, error) {
	found, known := i.assistants[id]
	if !known {
		return Assistant{}, problem.From(errUnknownAssistant)
	}
	return found, nil
}

// Issue grants a new conversation to the person whom a valid visitor token of
// the same assistant names, or else to a new one. An invalid visitor token is
// not an error.
func (i *Issuer) Issue(ctx context.Context, assistantID string, visitorToken redacted.Text) (Grant, error) {
	assistant, err := i.assistant(assistantID)
	if err != nil {
		return Grant{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// The visitor's key and the assistant's secret may both have to be fetched.
	identified := make(chan identity, 1)
	go func() { identified <- i.identify(ctx, assistant, visitorToken) }()
	secret, err := i.secrets.Get(ctx, assistant.SecretName)
	person := <-identified
	if err != nil {
		return Grant{}, problem.From(err)
	}
	token, err := i.generate(ctx, assistant, secret, person.userID)
	if err != nil {
		return Grant{}, err
	}
	grant := i.grant(assistant, token)
	grant.UserID, grant.Visitor = person.userID, person.token
	return grant, nil
}

type identity struct {
	userID string
	token  redacted.Text
}

// identify finds out who the visitor is and signs a new visitor token.
func (i *Issuer) identify(ctx context.Context, assistant Assistant, token redacted.Text) identity {
	if i.visitors == nil {
		return identity{userID: visitor.NewUserID()}
	}
	ctx, cancel := context.WithTimeout(ctx, visitorTimeout)
	defer cancel()
	userID, verdict := i.visitors.Verify(ctx, assistant.ID, token)
	switch verdict {
	case visitor.Undetermined:
		// The token may be good. Without a new one in the answer the browser
		// keeps it, and is the same visitor again when the key can be had.
		i.logger.WarnContext(ctx, "issuing a token to a visitor who cannot be identified now", "assistant", assistant.ID)
		return identity{userID: visitor.NewUserID()}
	case visitor.Unconfirmed:
		return identity{userID: userID} // and the browser keeps the token that it has
	case visitor.Invalid:
		userID = visitor.NewUserID()
	case visitor.Valid:
	}
	signed, err := i.visitors.Sign(ctx, assistant.ID, userID)
	if err != nil {
		i.logger.WarnContext(ctx, "issuing a token without a visitor token", "assistant", assistant.ID, "cause", err)
	}
	return identity{userID: userID, token: signed}
}

// generate asks Direct Line for a token. A secret that is refused is read anew
// once, and the call repeated if there is another one.
func (i *Issuer) generate(ctx context.Context, assistant Assistant, secret secrets.Secret, userID string) (directline.Token, error) {
	token, err := assistant.Client.GenerateToken(ctx, secret.Value, userID, assistant.TrustedOrigins)
	if !refused(err) {
		return token, generateProblem(err)
	}
	renewed, renewErr := i.secrets.Renew(ctx, assistant.SecretName, secret.Version)
	switch {
	case renewErr != nil:
		return directline.Token{}, secretRefused(errors.Join(err, renewErr))
	case renewed.Version == secret.Version:
		return directline.Token{}, secretRefused(err)
	}
	token, err = assistant.Client.GenerateToken(ctx, renewed.Value, userID, assistant.TrustedOrigins)
	if refused(err) {
		return directline.Token{}, secretRefused(err)
	}
	return token, generateProblem(err)
}

// refused reports whether err says that the secret is not the right one.
func refused(err error) bool {
	if errors.Is(err, directline.ErrUnusableCredential) {
		return true
	}
	var answered *directline.Error
	return errors.As(err, &answered) && answered.Refused()
}

// Refresh exchanges a token for one that lives longer. Direct Line gets the
// token and never the secret, and decides; only what cannot succeed is refused
// here.
func (i *Issuer) Refresh(ctx context.Context, assistantID string, token redacted.Text) (Grant, error) {
	assistant, err := i.assistant(assistantID)
	if err != nil {
		return Grant{}, err
	}
	old, err := i.checkToken(token)
	if err != nil {
		return Grant{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	refreshed, err := assistant.Client.RefreshToken(ctx, token)
	if err != nil {
		return Grant{}, refreshProblem(err)
	}
	grant := i.grant(assistant, refreshed)
	said, _ := directline.Hints(refreshed.Value)
	grant.UserID = said.UserID
	if grant.UserID == "" {
		grant.UserID = old.UserID
	}
	return grant, nil
}

// checkToken refuses what Direct Line need not see. A token that is no JWT has
// no claims, and passes.
func (i *Issuer) checkToken(token redacted.Text) (directline.Claims, error) {
	if token.IsEmpty() {
		return directline.Claims{}, tokenMissing()
	}
	if !directline.WellFormed(token.Reveal()) {
		return directline.Claims{}, tokenMalformed()
	}
	said, _ := directline.Hints(token)
	if !said.Expires.IsZero() && !i.now().Before(said.Expires) {
		return directline.Claims{}, tokenExpired()
	}
	return said, nil
}

func (i *Issuer) grant(assistant Assistant, token directline.Token) Grant {
	lifetime := time.Duration(token.ExpiresIn) * time.Second
	return Grant{
		Token:          token.Value,
		ExpiresIn:      token.ExpiresIn,
		ExpiresAt:      i.now().Add(lifetime).UTC().Truncate(time.Second),
		ConversationID: token.ConversationID,
		Domain:         assistant.Domain,
	}
}
