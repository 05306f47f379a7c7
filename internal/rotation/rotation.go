// Package rotation replaces the Direct Line secret of an assistant in Key Vault
// without a moment in which the secret there is refused.
//
// A bot's Direct Line site has two keys, both valid at once. The secret's current
// version holds one of them, the key in use. A rotation gives the other key a new
// value, tries it, and writes it as the secret's new version; the key that was in
// use stays valid until the next rotation, which gives readers of the old version
// all the time they need.
//
// Nothing is remembered between runs: each looks at the vault and at Bot Service
// and goes on from there, so a run may end at any instruction and be repeated.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/botservice"
	"chatgate/internal/directline"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

// Keys manages the keys of one site; [botservice.Client] does.
type Keys interface {
	List(ctx context.Context) (botservice.Keys, error)
	Regenerate(ctx context.Context, key botservice.Key) error
}

// Vault reads and writes secrets; [secrets.Writer] does.
type Vault interface {
	Current(ctx context.Context, name string) (secrets.Details, error)
	Write(ctx context.Context, name string, draft secrets.Draft) (version string, err error)
}

// DirectLine tries a key; [directline.Client] does.
type DirectLine interface {
	GenerateToken(ctx context.Context, secret redacted.Text, userID string, trustedOrigins []string) (directline.Token, error)
}

// Assistant is one whose key may be rotated.
type Assistant struct {
	ID         string
	SecretName string
	// BotResourceID and SiteName say whose keys Keys manages. They are written
	// beside the secret.
	BotResourceID string
	SiteName      string
	Keys          Keys
	DirectLine    DirectLine
}

// Options are the options of [New]. The zero value, or nil, means the defaults.
type Options struct {
	// Progress is told each step in words for people; nil: nobody is. It may be
	// called by several goroutines at once, and gets no secret.
	Progress func(ctx context.Context, assistant, step string)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Rotator rotates the keys of some assistants. It may be used by several
// goroutines at once; they take turns.
//
// Key Vault cannot be asked to write only if nothing has changed, and Bot Service
// not to regenerate only then. Two processes that rotate the same key in the same
// second can therefore make each other's new key invalid. Each of them looks once
// more after regenerating, and after writing, and replaces a version that has
// become invalid; in between, for the time of one call or two, issuing fails for
// instances that have read that version.
type Rotator struct {
	vaultHost  string
	vault      Vault
	assistants []Assistant
	progress   func(ctx context.Context, assistant, step string)
	now        func() time.Time
	turn       chan struct{}
}

// New returns a Rotator of secrets in the vault at vaultURI. Without assistants
// it refuses everything.
func New(vaultURI string, vault Vault, assistants []Assistant, options *Options) *Rotator {
	if options == nil {
		options = &Options{}
	}
	r := &Rotator{
		vaultHost:  hostOf(vaultURI),
		vault:      vault,
		assistants: assistants,
		progress:   options.Progress,
		now:        options.Now,
		turn:       make(chan struct{}, 1),
	}
	if r.progress == nil {
		r.progress = func(context.Context, string, string) {}
	}
	if r.now == nil {
		r.now = time.Now
	}
	return r
}

// Result says what came of an event or of a rotation by hand.
type Result string

// The results. The zero value is none of them.
const (
	// Refused: nothing of ours, or not readable.
	Refused Result = "refused"
	// AlreadyDone: the version that the event is about is no longer current.
	AlreadyDone Result = "already_done"
	// Overtaken: somebody else wrote a version meanwhile, and it is good.
	Overtaken Result = "overtaken"
	// Rotated: the other key was regenerated and is now in use.
	Rotated Result = "rotated"
	// Repaired: the current version had become invalid. The key that it was a
	// value of is in the vault again, as it is now.
	Repaired Result = "repaired"
)

// Outcome is a result in detail. It holds nothing secret.
type Outcome struct {
	Result Result
	// Reason says why an event was refused.
	Reason    string
	Assistant string
	// Key, Version and Expires are of the version that was written.
	Key     botservice.Key
	Version string
	Expires time.Time
}

var (
	errUnknownAssistant = errors.New("no assistant of this id has a BotResourceId, so that there is nothing to rotate")

	// ErrForeignSecret means that a secret is neither key of the bot. Rotating
	// would put the key of one bot in the place of another's.
	ErrForeignSecret = errors.New("the secret is neither key of the bot's site; check BotResourceId and DirectLineSiteName, or write a key of this bot to the secret")

	errNotSettled = errors.New("the new key became invalid again and again; does something else rotate it?")
)

// Rotate rotates the key of an assistant now, whenever its secret expires.
func (r *Rotator) Rotate(ctx context.Context, assistantID string) (Outcome, error) {
	for _, assistant := range r.assistants {
		if assistant.ID == assistantID {
			return r.takeTurn(ctx, assistant, "")
		}
	}
	return Outcome{}, errUnknownAssistant
}

// Handle rotates for the events in the body of a message. The error is of what
// may pass: the message must come again, and events that are done are then found
// to be so. What is no event for this Rotator is refused and no error.
func (r *Rotator) Handle(ctx context.Context, body []byte) ([]Outcome, error) {
	events, refusal := decodeEvents(body)
	if refusal != "" {
		return []Outcome{{Result: Refused, Reason: string(refusal)}}, nil
	}
	outcomes := make([]Outcome, 0, len(events))
	var failures []error
	for _, each := range events {
		outcome, err := r.handleEvent(ctx, each)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, errors.Join(failures...)
}

func (r *Rotator) handleEvent(ctx context.Context, e event) (Outcome, error) {
	subject, refusal := e.secret()
	if refusal != "" {
		return Outcome{Result: Refused, Reason: string(refusal)}, nil
	}
	assistant, refusal := r.match(subject)
	if refusal != "" {
		return Outcome{Result: Refused, Reason: string(refusal)}, nil
	}
	return r.takeTurn(ctx, assistant, subject.version)
}

// takeTurn rotates when no other rotation of this process is under way.
func (r *Rotator) takeTurn(ctx context.Context, assistant Assistant, version string) (Outcome, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return Outcome{}, fmt.Errorf("waiting for another rotation to end: %w", ctx.Err())
	}
	outcome, err := (&run{Rotator: r, assistant: assistant}).rotate(ctx, version)
	if err != nil {
		return Outcome{}, fmt.Errorf("rotating the key of assistant %s: %w", assistant.ID, err)
	}
	return outcome, nil
}

// Plan is what a rotation would do.
type Plan struct {
	// InUse is the key that the secret's current version holds.
	InUse   botservice.Key
	Version string
	// Expires is zero where the version never expires.
	Expires time.Time
	// Repair: the version is invalid, and InUse would be written again as it is.
	Repair bool
}

// Plan looks and changes nothing.
func (r *Rotator) Plan(ctx context.Context, assistantID string) (Plan, error) {
	for _, assistant := range r.assistants {
		if assistant.ID != assistantID {
			continue
		}
		at, err := (&run{Rotator: r, assistant: assistant}).look(ctx)
		if err != nil {
			return Plan{}, fmt.Errorf("looking at the key of assistant %s: %w", assistant.ID, err)
		}
		return Plan{InUse: at.inUse, Version: at.current.Version, Expires: at.current.Expires, Repair: at.invalid}, nil
	}
	return Plan{}, errUnknownAssistant
}
