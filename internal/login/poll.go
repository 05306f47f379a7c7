package login

import (
	"context"
	"errors"
	"net/http"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
)

// Poll asks how far a login is. code is what the user typed from a sign-in page,
// where there is one. However often bots poll, the provider is asked no more
// often than the interval allows. The error is a [problem.Error]: bad_request,
// login_unknown, login_unavailable, login_refused, login_again or
// secret_unavailable.
func (b *Broker) Poll(ctx context.Context, binding Binding, login redacted.Text, code string) (Progress, error) {
	h, err := b.openHandle(ctx, binding, login)
	if err != nil {
		return Progress{}, err
	}
	defer h.polling.Clear()
	if len(code) > maxCode {
		return Progress{}, badRequest("code is too long.")
	}
	turn, err := b.turn(ctx, &h)
	if err != nil || turn.answer != nil {
		return progressOf(turn.answer), err
	}
	issued, outcome, err := b.ask(ctx, &h, code)
	// A refused key may be one that was rotated a moment ago.
	if errors.Is(err, ErrRefused) && !outbound.HasStatus(err, http.StatusUnauthorized, http.StatusForbidden) {
		return Progress{}, b.abandon(ctx, &h, err)
	}
	if err != nil {
		return Progress{}, providerFailure(err, turn.interval)
	}
	return b.conclude(ctx, &h, outcome.Decision, issued, turn.interval)
}

func (b *Broker) openHandle(ctx context.Context, binding Binding, login redacted.Text) (handle, error) {
	payload, err := b.sealer.Open(ctx, handleKind, login)
	if errors.Is(err, sealed.ErrNotOurs) {
		return handle{}, errUnknown()
	}
	if err != nil {
		return handle{}, problem.From(err)
	}
	h, ok := decodeHandle(payload)
	if !ok || !h.binding.is(binding) {
		clear(payload)
		return handle{}, errUnknown()
	}
	return h, nil
}

// turned is a poll's place in the cadence: either an answer, or leave to ask the
// provider.
type turned struct {
	answer   *Progress
	interval time.Duration
}

func progressOf(answer *Progress) Progress {
	if answer == nil {
		return Progress{}
	}
	return *answer
}

// turn decides whether the provider may be asked, and takes the turn if so. Of
// several polls at once one gets it.
func (b *Broker) turn(ctx context.Context, h *handle) (turned, error) {
	now := b.now()
	if !now.Before(h.expires) {
		return turned{answer: &Progress{Status: StatusExpired, Interval: defaultInterval}}, nil
	}
	key := conversationKey(h.binding)
	row, etag, err := b.attempts.Load(ctx, key)
	if err != nil {
		return turned{}, storeFailure(err)
	}
	if status := statusOf(&row, h); status != StatusPending {
		return turned{answer: &Progress{Status: status, Interval: row.Interval}}, nil
	}
	tooEarly := now.Add(early).Before(row.NotBefore)
	if tooEarly {
		row.Interval = min(row.Interval+slowDownStep, maxInterval)
	}
	row.NotBefore = now.Add(row.Interval)
	_, err = b.attempts.Save(ctx, key, row, etag)
	lost := errors.Is(err, ErrConflict)
	if err != nil && !lost {
		return turned{}, storeFailure(err)
	}
	if tooEarly || lost {
		return turned{answer: &Progress{Status: StatusSlowDown, Interval: row.Interval}}, nil
	}
	return turned{interval: row.Interval}, nil
}

// statusOf is the status of a login as its conversation's row tells.
func statusOf(row *Row, h *handle) Status {
	if row.Attempt != digestOf(h.attempt) {
		return StatusExpired // another login took its place
	}
	switch row.State {
	case StateStarting, StatePending:
		return StatusPending
	case StateDenied:
		return StatusDenied
	case StateNone, StateRedeemed, StateExpired, StateFailed:
		return StatusExpired
	}
	return StatusExpired
}

// ask asks the provider and seals the token that it may give. The plain token
// exists in here only.
func (b *Broker) ask(ctx context.Context, h *handle, code string) (issued Issued, outcome Outcome, err error) {
	provider, err := b.known(h.binding.Assistant, h.provider)
	if err != nil {
		return Issued{}, Outcome{}, err
	}
	secretly.Do(func() {
		outcome, err = provider.Poll(ctx, PollRequest{Binding: h.binding, Connection: h.connection, Polling: h.polling, Code: code})
		defer outcome.clear()
		if err == nil && outcome.Decision == DecisionApproved {
			issued, err = b.sealGrant(ctx, &grant{binding: h.binding, provider: h.provider, connection: h.connection}, outcome)
		}
	})
	return issued, Outcome{Decision: outcome.Decision}, err
}

// conclude notes what was decided, before anybody is told.
func (b *Broker) conclude(ctx context.Context, h *handle, decision Decision, issued Issued, interval time.Duration) (Progress, error) {
	now := b.now()
	switch decision {
	case DecisionPending:
		return Progress{Status: StatusPending, Interval: interval}, nil
	case DecisionApproved:
		won, err := b.settle(ctx, h, StateRedeemed)
		if err != nil || !won {
			return Progress{Status: StatusExpired, Interval: interval}, err
		}
		// Should it fail, later denials weigh more: no reason to lose the login.
		_ = b.changeHint(ctx, h, (*Row).forgive)
		return Progress{Status: StatusApproved, Interval: interval, Issued: issued}, nil
	case DecisionDenied:
		// The hint first: once the login is settled no poll comes back here.
		if err := b.changeHint(ctx, h, func(row *Row) bool { row.coolOff(now); return true }); err != nil {
			return Progress{}, err
		}
		_, err := b.settle(ctx, h, StateDenied)
		return Progress{Status: StatusDenied, Interval: interval}, err
	case DecisionExpired:
		_, err := b.settle(ctx, h, StateExpired)
		return Progress{Status: StatusExpired, Interval: interval}, err
	case DecisionNone:
	}
	return Progress{}, b.abandon(ctx, h, errors.New("the provider decided nothing"))
}

// abandon ends a login of which the provider says nothing that could be used, now
// or later: the user need not wait for its end to begin another.
func (b *Broker) abandon(ctx context.Context, h *handle, cause error) error {
	_, err := b.settle(ctx, h, StateFailed)
	return errors.Join(errRefused(cause), err)
}

// settle ends a login. Of several at once one does; but where a slower poll was
// given the token, it is redeemed though another was told that the login is over:
// a Login API may give its token once only.
func (b *Broker) settle(ctx context.Context, h *handle, state State) (won bool, err error) {
	now := b.now()
	err = b.change(ctx, conversationKey(h.binding), func(row *Row) bool {
		heardOtherwise := row.State == StateExpired || row.State == StateFailed
		open := row.State == StatePending || heardOtherwise && state == StateRedeemed
		if won = open && row.Attempt == digestOf(h.attempt); !won {
			return false
		}
		row.State = state
		switch state {
		case StateDenied:
			row.coolOff(now)
		case StateRedeemed:
			row.forgive()
		case StateNone, StateStarting, StatePending, StateExpired, StateFailed:
		}
		return true
	})
	return won && err == nil, err
}

// changeHint changes the row of the hint, so that the decision counts for the same
// person in other conversations too.
func (b *Broker) changeHint(ctx context.Context, h *handle, apply func(*Row) bool) error {
	if h.hintRow == "" {
		return nil
	}
	return b.change(ctx, Key{Partition: h.binding.Assistant, Row: h.hintRow}, apply)
}
