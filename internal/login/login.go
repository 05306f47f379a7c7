// Package login brokers an end user's login to a client's own system: a visitor
// asks for it in the chat, approves it on a device of their own, and the
// assistant may then act for them. The client system's token never reaches the
// chat: what the bot is given is sealed, and only this app can use it.
//
// A login goes through [Broker.Start], [Broker.Poll] until it is decided, and
// later [Broker.Refresh]. The rules are those of RFC 8628 (cadence, outcomes,
// expiry) and of CIBA (a binding code on both devices), and some against prompts
// that wear people down: one pending login a conversation, a cool-down after a
// denial, limits per conversation and per hint.
//
// Everything that several instances must agree on lives in [Attempts], which
// holds no secret; everything secret lives in sealed handles that the bot keeps.
// An instance that is lost loses nothing but its memory.
package login

import (
	"crypto/subtle"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// Binding is whom a login belongs to. A handle or token of one is refused to any
// other.
type Binding struct {
	Assistant      string
	ConversationID string
	UserID         string
}

// is compares in time that tells nothing of the content.
func (b Binding) is(other Binding) bool {
	same := subtle.ConstantTimeCompare([]byte(b.Assistant), []byte(other.Assistant))
	same &= subtle.ConstantTimeCompare([]byte(b.ConversationID), []byte(other.ConversationID))
	same &= subtle.ConstantTimeCompare([]byte(b.UserID), []byte(other.UserID))
	return same == 1
}

// Status is how far a login is, in the words of RFC 8628 section 3.5.
type Status string

// The statuses of the contract. The zero value is none.
const (
	StatusPending  Status = "authorization_pending"
	StatusSlowDown Status = "slow_down"
	StatusDenied   Status = "access_denied"
	StatusExpired  Status = "expired_token"
	StatusApproved Status = "approved"
)

// Started is a login that waits for the user.
type Started struct {
	// Login is the sealed handle that polls are made with.
	Login redacted.Text
	// BindingCode is shown in the chat and on the phone, so that the user sees
	// that the one belongs to the other. Empty where the provider shows none.
	BindingCode string
	// SignInLink is where the user signs in. Empty where the provider reaches
	// the user by itself.
	SignInLink string
	ExpiresIn  time.Duration
	// Interval is the least time between two polls.
	Interval time.Duration
}

// Progress is the answer to a poll.
type Progress struct {
	Status Status
	// Interval is the least time until the next poll.
	Interval time.Duration
	// Issued is what an approved login gives, once.
	Issued Issued
}

// Issued is a sealed token of the client's system.
type Issued struct {
	Token     redacted.Text
	ExpiresIn time.Duration
}

// The limits of a login.
const (
	// maxLife is the longest that a login waits for the user.
	maxLife = 10 * time.Minute
	// defaultInterval is RFC 8628's, for providers that name none.
	defaultInterval = 5 * time.Second
	minInterval     = 2 * time.Second
	maxInterval     = time.Minute
	// slowDownStep is what a poll that comes too early adds to the interval
	// (RFC 8628 section 3.5).
	slowDownStep = 5 * time.Second
	// early is how much too early a poll may come: a bot's timer is not exact,
	// and two instances' clocks are not the same.
	early = 500 * time.Millisecond
	// startLease is how long a start may take before another may begin.
	startLease = 30 * time.Second
	// coolDown is how long after a denial nobody is asked again; after each further
	// one it is twice as long, until the user approves a login or has not been asked
	// for denialsMemory. Otherwise whoever knows a hint could wear somebody down with
	// a prompt a minute.
	coolDown      = time.Minute
	maxCoolDown   = time.Hour
	denialsMemory = 24 * time.Hour
	// MaxStarts is how many logins may start within ten minutes, for one
	// conversation and for one hint, and so the most that a [Row] remembers.
	MaxStarts    = 5
	startsWindow = 10 * time.Minute
	// refreshGrace is how long after its expiry a token can still be refreshed.
	refreshGrace = 24 * time.Hour
)

// Bounds of what outsiders name, in bytes.
const (
	maxID      = 1 << 10
	maxHint    = 256
	maxCode    = 64
	maxToken   = 8 << 10
	maxRefresh = 4 << 10
	maxPolling = 4 << 10
)

// errUnknown is the one refusal for handles that are malformed, foreign, bound
// to somebody else or never existed.
func errUnknown() *problem.Error {
	return problem.New(problem.LoginUnknown, "There is no such login for this conversation and user. Start a new one.")
}

// errAgain asks for a new login.
func errAgain() *problem.Error {
	return problem.New(problem.LoginAgain, "The login is over. Ask the user to log in again.")
}

func errPending(wait time.Duration) *problem.Error {
	return problem.New(problem.LoginPending, "A login of this conversation is waiting for the user. Poll that one, or wait until it expires.").After(wait)
}

func errCoolDown(wait time.Duration) *problem.Error {
	return problem.New(problem.LoginCoolDown, "The user has just refused a login. Wait for the time in Retry-After before asking again.").After(wait)
}

func errTooMany(wait time.Duration) *problem.Error {
	return problem.New(problem.RateLimited, "Too many logins were started here. Wait for the time in Retry-After, then try again.").After(wait)
}

func errUnavailable(wait time.Duration, cause error) *problem.Error {
	return problem.New(problem.LoginUnavailable, "The login cannot be reached just now. Try again after the time in Retry-After.").After(wait).Because(cause)
}

func errRefused(cause error) *problem.Error {
	return problem.New(problem.LoginRefused, "The client's login gave an answer that cannot be used. The operator finds the reason in the log.").Because(cause)
}

func badRequest(message string) *problem.Error {
	return problem.New(problem.BadRequest, message)
}
