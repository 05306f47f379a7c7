package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/secretly"
)

// Provider is a system at which users log in. Its methods are called with a
// context that ends the call, inside [secretly.Do] and on one goroutine where
// tokens pass through. It is safe for concurrent use.
//
// Errors are of what may pass, or wrap one of [ErrRefused], [ErrLoginAgain]. They
// may be logged, so they hold nothing of what was sent or answered.
type Provider interface {
	// Start asks the user.
	Start(ctx context.Context, request StartRequest) (Begun, error)
	// Poll asks how far the user is.
	Poll(ctx context.Context, request PollRequest) (Outcome, error)
	// Refresh exchanges what came with a token for a new one.
	Refresh(ctx context.Context, request RefreshRequest) (Outcome, error)
	// SignOut ends what the user approved, as far as the provider can.
	SignOut(ctx context.Context, request SignOutRequest) error
}

// Errors of providers.
var (
	// ErrRefused means that the provider will not or cannot serve the request,
	// now or later: its answer makes no sense, or our configuration does not.
	ErrRefused = errors.New("the login provider refused")
	// ErrLoginAgain means that only a new login helps.
	ErrLoginAgain = errors.New("the user must log in again")
)

// Refusal marks err with [ErrRefused] where it is an answer that would come again
// whenever one asks.
func Refusal(err error) error {
	var answered *outbound.StatusError
	if errors.As(err, &answered) && answered.Lasts() {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// ProviderName names a kind of provider in requests.
type ProviderName string

// The providers of the contract.
const (
	LoginAPI   ProviderName = "loginapi"
	BotService ProviderName = "botservice"
)

// StartRequest is what a provider is told about a login.
type StartRequest struct {
	Binding

	// Provider names one of the assistant's; empty means the only one, or the
	// Login API.
	Provider ProviderName
	// Connection names an OAuth connection of the bot ([BotService] only).
	Connection string
	// Hint is by which the client's system knows the user ([LoginAPI] only).
	Hint string
	// BindingCode is set by the broker.
	BindingCode string
	// ChannelID and ServiceURL are of the conversation ([BotService] only).
	ChannelID  string
	ServiceURL string
}

// Begun is a login that the provider has begun.
type Begun struct {
	// Polling is what polls are made with; the broker clears it.
	Polling    secretly.Bytes
	SignInLink string
	// HidesCode tells that the binding code is not shown to the user.
	HidesCode bool
	// ExpiresIn and Interval are 0 where the provider does not say.
	ExpiresIn time.Duration
	Interval  time.Duration
}

// PollRequest is a poll.
type PollRequest struct {
	Binding

	Connection string
	Polling    secretly.Bytes
	// Code is what the user typed from the sign-in page ([BotService] only).
	Code string
}

// RefreshRequest is a refresh.
type RefreshRequest struct {
	Binding

	Connection string
	Refresh    secretly.Bytes
}

// SignOutRequest is a sign-out.
type SignOutRequest struct {
	Binding

	Connection string
	// Refresh is what came with the token.
	Refresh secretly.Bytes
}

// Outcome is what a provider says of a login.
type Outcome struct {
	Decision Decision
	// Token is set where the user approved; the broker clears it.
	Token secretly.Bytes
	// Refresh is what the provider wants back with a refresh, and empty where
	// it wants nothing; the broker clears it.
	Refresh secretly.Bytes
	// ExpiresIn is the life of Token; 0 where the provider does not say.
	ExpiresIn time.Duration
}

func (o Outcome) clear() {
	o.Token.Clear()
	o.Refresh.Clear()
}

// Decision is the user's.
type Decision int

// The decisions. The zero value is none, and a fault of the provider.
const (
	DecisionNone Decision = iota
	DecisionPending
	DecisionApproved
	DecisionDenied
	DecisionExpired
)
