// Package retention erases conversations that are past their retention.
//
// A conversation is past it when its last activity is. The days on which
// conversations were active lead there: a [Purger] walks over those that are old
// enough, asks of each conversation when its last activity was, and erases it or
// lets it be. What one run does is bounded. The next one goes on where it ended,
// and from the beginning once it has come to the end, so that neither the many
// that go on nor the few that cannot be erased keep a run from the others.
//
// A run may end at any instruction. What it was erasing is then finished by the
// next, and so is what a consultant was erasing when the process ended.
package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

// DefaultMaxConversations is how many conversations of an assistant a run
// examines at most, where the options do not say otherwise. It bounds what a run
// remembers; what it does is bounded by its time.
const DefaultMaxConversations = 20_000

// maxDays is a retention that nothing outlasts. More days would leave the years
// that a time can be of.
const maxDays = 100 * 366

// closing is what a run keeps of its time to write down how far it came, and for
// the caller to answer.
const closing = 10 * time.Second

// Options say what to erase. All fields but the last two are needed.
type Options struct {
	Assistants []string
	// Days is for how many days a conversation is kept after its last activity.
	// With 0, and with less, it is kept for ever, and only erasures that were
	// interrupted are finished.
	Days int
	// DryRun counts what would be erased, from the beginning, and changes nothing.
	DryRun bool
	Eraser transcript.Eraser
	// Ledger gets an entry for each page of conversations of which some were
	// erased.
	Ledger audit.Ledger
	// MaxConversations bounds how many conversations of an assistant a run
	// examines, interrupted erasures aside; 0 means [DefaultMaxConversations].
	MaxConversations int
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Purger erases what is past its retention. It is safe for use by several
// goroutines, and several processes may run one each, at once: they share the
// work only by chance, but do it right.
type Purger struct {
	options Options
}

// New returns a Purger. Nothing is read before its first run.
func New(options Options) *Purger {
	options.Days = min(max(options.Days, 0), maxDays)
	if options.MaxConversations <= 0 {
		options.MaxConversations = DefaultMaxConversations
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Purger{options: options}
}

// Report says what a run has done, counted in conversations. As JSON it is what
// logs and the host's records show.
type Report struct {
	// Examined is of how many the last activity was asked for.
	Examined int `json:"examined"`
	// Erased is how many were past their retention and are gone; in a dry run, how
	// many would be.
	Erased int `json:"erased"`
	// Finished is how many had been erased in part only, and are gone; in a dry
	// run, how many would be.
	Finished int `json:"finished"`
	// Failed is how many could not be examined or erased. They come again.
	Failed int `json:"failed"`
	// Complete says that the run came to the end. Otherwise there may be more, for
	// which it had no time, or which exceed MaxConversations.
	Complete bool `json:"complete"`
	DryRun   bool `json:"dryRun"`
}

func (r *Report) add(other Report) {
	r.Examined += other.Examined
	r.Erased += other.Erased
	r.Finished += other.Finished
	r.Failed += other.Failed
	r.Complete = r.Complete && other.Complete
}

// Run erases for each assistant in turn, until it is done or 10 seconds before
// the deadline of ctx, if that has one; of the time that is left each assistant
// gets an equal share. An end of time is no error. invocationID is for the
// ledger.
//
// The error is of everything that failed; what did not is in the report all the
// same. It names assistants and no conversations. A failure of one conversation
// or assistant does not keep the others from being erased.
func (p *Purger) Run(ctx context.Context, invocationID string) (Report, error) {
	total := Report{Complete: true, DryRun: p.options.DryRun}
	before := p.options.Now().UTC().AddDate(0, 0, -p.options.Days)
	var failures []error
	for i, assistant := range p.options.Assistants {
		if err := ctx.Err(); err != nil {
			total.Complete = false
			failures = append(failures, fmt.Errorf("assistants are left over: %w", err))
			break
		}
		r := newRun(p.options, assistant, invocationID, before)
		err := r.within(ctx, len(p.options.Assistants)-i)
		total.add(r.Report)
		if err != nil {
			failures = append(failures, fmt.Errorf("purging assistant %s: %w", assistant, err))
		}
	}
	return total, errors.Join(failures...)
}
