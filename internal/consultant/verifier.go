package consultant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/endpoint"
	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// maxToken bounds what is parsed. Entra's tokens have 1 to 4 KiB: of a person's
// groups at most 200 are named in them.
const maxToken = 16 << 10

var (
	errTokenForm = errors.New("not three parts in base64url, or too long")
	errTenant    = errors.New("of a tenant that is not allowed")
)

// Config says which tokens are believed.
type Config struct {
	// Authority is Entra ID's address, https://login.microsoftonline.com in the
	// public cloud: one that [endpoint.Parse] takes. Issuers begin with it.
	Authority string
	// Audience is the client id of our API. No other audience is accepted.
	Audience string
	// Tenants are the ids of the tenants whose tokens are accepted, GUIDs in
	// either letter case. With none every token is refused.
	Tenants []string
}

// VerifierOptions are the options of [NewVerifier]. The zero value, or nil, means
// the defaults.
type VerifierOptions struct {
	// Client fetches the keys; redirects are not followed whatever it says. Nil
	// means one with the environment's proxy and authorities.
	Client *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger gets the failures to fetch keys; nil discards them.
	Logger *slog.Logger
}

// Verifier verifies access tokens. The zero value refuses every token. A
// Verifier may be used by several goroutines at once.
type Verifier struct {
	tenants map[string]*tenant // by id in lower case
	hangUp  func()
}

// NewVerifier returns a Verifier of the tokens that config describes. It fetches
// nothing yet. Call [Verifier.Close] to end it.
//
// Each tenant's keys are fetched when its first token comes and again, in the
// background, when they are an hour old. While Entra ID is away they go on
// serving until they are a day old. A token that names an unknown key has them
// fetched at once if everything else about it is right, at most every 30 s.
func NewVerifier(config Config, options *VerifierOptions) (*Verifier, error) {
	authority, err := endpoint.Parse(config.Authority)
	if err != nil {
		return nil, fmt.Errorf("the authority %w", err)
	}
	if config.Audience == "" {
		return nil, errors.New("the audience is empty")
	}
	own := withDefaults(options)
	v := &Verifier{tenants: make(map[string]*tenant, len(config.Tenants)), hangUp: own.Client.CloseIdleConnections}
	if options != nil && options.Client != nil {
		v.hangUp = nil // its connections are its owner's
	}
	for _, id := range config.Tenants {
		if !isGUID(id) {
			return nil, fmt.Errorf("the tenant %q is no GUID", id)
		}
		id = strings.ToLower(id)
		v.tenants[id] = newTenant(id, authority.String(), config.Audience, own)
	}
	return v, nil
}

// withDefaults returns a copy of options with what they leave open filled in.
func withDefaults(options *VerifierOptions) VerifierOptions {
	own := VerifierOptions{}
	if options != nil {
		own = *options
	}
	client := http.Client{}
	if own.Client != nil {
		client = *own.Client
	} else {
		client.Transport = outbound.NewTransport()
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Client = &client
	if own.Now == nil {
		own.Now = time.Now
	}
	if own.Logger == nil {
		own.Logger = slog.New(slog.DiscardHandler)
	}
	return own
}

// Close ends the fetches in flight and waits for them. Keys at hand go on
// serving; no more are fetched.
func (v *Verifier) Close() {
	for _, t := range v.tenants {
		t.keys.close()
	}
	if v.hangUp != nil {
		v.hangUp()
	}
}

// Consultant returns the person whose access token this is.
//
// The error is a *problem.Error: token_expired for a token that was good until it
// expired, token_invalid for any other that is not, with one message for all of
// them, and directory_unavailable where no keys can be had to tell.
func (v *Verifier) Consultant(ctx context.Context, token redacted.Text) (Consultant, error) {
	var said personClaims
	tenantID, err := v.verify(ctx, token, &said)
	if err != nil {
		return Consultant{}, err
	}
	return Consultant{TenantID: tenantID, ObjectID: strings.ToLower(said.ObjectID), roles: said.Roles}, nil
}

// Bot returns the app whose app-only access token this is. The errors are those
// of [Verifier.Consultant]. Whether it is the bot that is meant, its ClientID
// tells: any app of the tenant can get a token without roles for our API.
func (v *Verifier) Bot(ctx context.Context, token redacted.Text) (Bot, error) {
	var said botClaims
	tenantID, err := v.verify(ctx, token, &said)
	if err != nil {
		return Bot{}, err
	}
	return Bot{
		TenantID: tenantID,
		ClientID: strings.ToLower(said.ClientID),
		ObjectID: strings.ToLower(said.ObjectID),
		roles:    said.Roles,
	}, nil
}

// verify returns the id of the tenant that issued the token, whose claims are
// then in said.
func (v *Verifier) verify(ctx context.Context, token redacted.Text, said jwt.ClaimsValidator) (tenantID string, err error) {
	text := token.Reveal()
	if !isReadable(text) {
		return "", invalid(errTokenForm)
	}
	t, err := v.choose(text)
	if err != nil {
		return "", invalid(reason(err))
	}
	return t.id, t.verify(ctx, text, said)
}

// choose returns the tenant that a token says it is of. Nothing is verified yet:
// what the token says only chooses among those that are allowed.
func (v *Verifier) choose(text string) (*tenant, error) {
	var unverified accessClaims
	if _, _, err := jwt.NewParser().ParseUnverified(text, &unverified); err != nil {
		return nil, err
	}
	t, allowed := v.tenants[strings.ToLower(unverified.TenantID)]
	if !allowed {
		return nil, errTenant
	}
	return t, nil
}

// isReadable reports whether text is short enough and in the alphabet of a JWT.
// Go's base64 skips line breaks, so that a token could be written in many ways.
func isReadable(text string) bool {
	if text == "" || len(text) > maxToken {
		return false
	}
	for _, c := range []byte(text) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// invalid refuses a token, to the outside always with the same words.
func invalid(cause error) error {
	return problem.New(problem.TokenInvalid, "The token does not open this service. Sign in again.").Because(cause)
}

func expired() error {
	return problem.New(problem.TokenExpired, "The token has expired. Get a new one, or sign in again.")
}

// unavailable is the failure to get a tenant's keys.
func unavailable(cause error, after time.Duration) error {
	return problem.New(problem.DirectoryUnavailable,
		"Sign-ins cannot be checked at the moment. Try again in a few seconds.").
		Because(cause).After(after)
}
