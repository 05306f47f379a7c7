// Package desk decides what a client's consultants may read and erase, and keeps
// the audit of what they did.
//
// Whether somebody may go on is decided in one place, by [Desk.Reader] and
// [Desk.Eraser]. What these return is bound to one person and one assistant, so
// that there is no way to a conversation that does not pass them. Nothing is
// handed out and nothing erased before the audit has it; where the audit cannot
// be written, nobody reads.
//
// All errors are problems (package problem).
package desk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/consultant"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

// Assistant is an assistant whose conversations are read, and by whom.
type Assistant struct {
	// ID is in lower case.
	ID string
	// TenantID is the Entra tenant of the consultants, in lower case; empty where
	// nobody may read.
	TenantID string
}

// Store is where the conversations are.
type Store interface {
	transcript.Archive
	transcript.Eraser
}

// Options change how a Desk works.
type Options struct {
	// Now is the clock of the audit; nil: time.Now.
	Now func() time.Time
	// EraseTimeout bounds an erasure; 0: 90 seconds, well below the
	// functionTimeout at which the host kills the whole process.
	EraseTimeout time.Duration
}

const defaultEraseTimeout = 90 * time.Second

// Desk knows who may read what. It may be used by several goroutines at once.
type Desk struct {
	tenants      map[string]string // by assistant
	store        Store
	ledger       audit.Ledger
	now          func() time.Time
	eraseTimeout time.Duration
}

// New returns a Desk for the assistants' conversations in store. nil options are
// the defaults.
func New(assistants []Assistant, store Store, ledger audit.Ledger, options *Options) *Desk {
	if options == nil {
		options = &Options{}
	}
	d := &Desk{tenants: map[string]string{}, store: store, ledger: ledger, now: options.Now, eraseTimeout: options.EraseTimeout}
	if d.now == nil {
		d.now = time.Now
	}
	if d.eraseTimeout <= 0 {
		d.eraseTimeout = defaultEraseTimeout
	}
	for _, assistant := range assistants {
		if assistant.TenantID != "" {
			d.tenants[assistant.ID] = assistant.TenantID
		}
	}
	return d
}

// Assistants lists the ids of the assistants of a consultant's tenant, in order.
// Any of the desk's roles will do.
func (d *Desk) Assistants(who consultant.Consultant) ([]string, error) {
	if !who.Has(consultant.Read) && !who.Has(consultant.Erase) {
		return nil, roleMissing(string(consultant.Read) + " or " + string(consultant.Erase))
	}
	ids := slices.Sorted(maps.Keys(d.tenants))
	return slices.DeleteFunc(ids, func(id string) bool { return d.tenants[id] != who.TenantID }), nil
}

// Visit is one request of a consultant.
type Visit struct {
	Consultant consultant.Consultant
	// Assistant is the id that is asked for, in any letter case.
	Assistant string
	// InvocationID leads from the audit to the log.
	InvocationID string
}

// Reader lets a consultant read if that is their assistant (else
// unknown_assistant, whether there is such an assistant or not) and they have
// the role (else role_missing).
func (d *Desk) Reader(visit Visit) (*Reader, error) {
	trail, err := d.admit(visit, consultant.Read)
	if err != nil {
		return nil, err
	}
	return &Reader{trail: trail, archive: d.store}, nil
}

// Eraser lets a consultant erase, and see the audit, under the conditions of
// [Desk.Reader].
func (d *Desk) Eraser(visit Visit) (*Eraser, error) {
	trail, err := d.admit(visit, consultant.Erase)
	if err != nil {
		return nil, err
	}
	return &Eraser{trail: trail, eraser: d.store, timeout: d.eraseTimeout}, nil
}

func (d *Desk) admit(visit Visit, role consultant.Role) (trail, error) {
	assistant := strings.ToLower(visit.Assistant)
	who := visit.Consultant
	if tenant, has := d.tenants[assistant]; !has || tenant != who.TenantID {
		return trail{}, problem.New(problem.UnknownAssistant, "You have no assistant of this id. Check the path, and that you signed in with the right account.")
	}
	if !who.Has(role) {
		return trail{}, roleMissing(string(role))
	}
	return trail{ledger: d.ledger, now: d.now, entry: audit.Entry{
		Assistant:    assistant,
		TenantID:     who.TenantID,
		ObjectID:     who.ObjectID,
		InvocationID: visit.InvocationID,
	}}, nil
}

// trail writes the audit of one visit.
type trail struct {
	ledger audit.Ledger
	now    func() time.Time
	entry  audit.Entry // who and where
}

// deed is what somebody does: the rest of an entry.
type deed struct {
	action audit.Action
	key    string
	userID string
	count  int
}

// record writes a deed down. The caller goes on only if that succeeds.
func (t trail) record(ctx context.Context, done deed) error {
	entry := t.entry
	entry.Action, entry.ConversationKey, entry.UserID, entry.Count = done.action, done.key, done.userID, done.count
	entry.At = t.now().UTC()
	if err := t.ledger.Append(ctx, entry); err != nil {
		return unavailable("writing the audit", err)
	}
	return nil
}

func roleMissing(role string) error {
	return problem.New(problem.RoleMissing, "This needs the role "+role+". Ask an administrator of your organization to assign it to you, then sign in again.")
}

func unavailable(doing string, err error) error {
	return problem.New(problem.StoreUnavailable, "The conversations cannot be reached at the moment. Try again after the time in Retry-After.").
		Because(fmt.Errorf("%s: %w", doing, err))
}

func noConversation() error {
	return problem.New(problem.NotFound, "There is no such conversation. It may have been erased; load the list again.")
}
