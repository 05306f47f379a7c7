package login

import (
	"context"
	"errors"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
)

// Start asks the user to log in. The error is a [problem.Error]: bad_request,
// login_pending, login_cooldown, rate_limited, login_unavailable, login_refused
// or secret_unavailable.
func (b *Broker) Start(ctx context.Context, request StartRequest) (Started, error) {
	if err := checkStart(request); err != nil {
		return Started{}, err
	}
	name, provider, err := b.provider(request.Assistant, request.Provider)
	if err != nil {
		return Started{}, err
	}
	request.Provider, request.BindingCode = name, newBindingCode()
	r, err := b.reserve(ctx, request)
	if err != nil {
		return Started{}, err
	}
	begun, err := startAt(ctx, provider, request)
	if err != nil {
		if nobodyWasAsked(err) {
			b.release(ctx, r)
		} else {
			b.giveUp(ctx, r)
		}
		return Started{}, providerFailure(err, storeRetry)
	}
	defer begun.Polling.Clear()
	return b.begin(ctx, r, begun)
}

func startAt(ctx context.Context, provider Provider, request StartRequest) (begun Begun, err error) {
	secretly.Do(func() { begun, err = provider.Start(ctx, request) })
	if err == nil && (len(begun.Polling) == 0 || len(begun.Polling) > maxPolling) {
		begun.Polling.Clear()
		return Begun{}, ErrRefused
	}
	return begun, err
}

// nobodyWasAsked tells of failures that came before the provider was reached.
func nobodyWasAsked(err error) bool {
	var known *problem.Error // a key that cannot be had, a connection that does not exist
	var unsent *outbound.NotSentError
	return errors.As(err, &known) || errors.As(err, &unsent)
}

// reservation is a start between its row's being taken and its handle's being
// handed out.
type reservation struct {
	request StartRequest
	id      string
	at      time.Time // by which the start is counted
	hint    Key       // the row that counts it for its hint; zero without one
	row     Row
	etag    ETag
}

func (r *reservation) digest() string { return digestOf(r.id) }

// begin makes the login pollable.
func (b *Broker) begin(ctx context.Context, r reservation, begun Begun) (Started, error) {
	now := b.now()
	life := between(begun.ExpiresIn, time.Second, maxLife, maxLife)
	interval := between(begun.Interval, minInterval, maxInterval, defaultInterval)
	login, err := b.sealHandle(ctx, handle{
		binding: r.request.Binding, provider: r.request.Provider, connection: r.request.Connection,
		attempt: r.id, hintRow: r.hint.Row, expires: now.Add(life), polling: begun.Polling,
	})
	if err != nil {
		b.giveUp(ctx, r)
		return Started{}, err
	}
	row := r.row
	row.State, row.ExpiresAt, row.Interval, row.NotBefore = StatePending, now.Add(life), interval, now.Add(interval)
	if _, err := b.attempts.Save(ctx, conversationKey(r.request.Binding), row, r.etag); err != nil {
		b.giveUp(ctx, r) // nobody holds the handle
		return Started{}, storeFailure(err)
	}
	started := Started{Login: login, BindingCode: r.request.BindingCode, SignInLink: begun.SignInLink, ExpiresIn: life, Interval: interval}
	if begun.HidesCode {
		started.BindingCode = ""
	}
	return started, nil
}

func (b *Broker) sealHandle(ctx context.Context, h handle) (redacted.Text, error) {
	payload := h.encode()
	defer payload.Clear()
	login, err := b.sealer.Seal(ctx, handleKind, payload)
	if err != nil {
		return redacted.Text{}, problem.From(err)
	}
	return login, nil
}

// between returns given within bounds, and fallback where nothing is given.
func between(given, least, most, fallback time.Duration) time.Duration {
	if given <= 0 {
		return fallback
	}
	return min(max(given, least), most)
}

func checkStart(request StartRequest) error {
	switch {
	case request.ConversationID == "" || len(request.ConversationID) > maxID:
		return badRequest("conversationId must be the conversation's id.")
	case request.UserID == "" || len(request.UserID) > maxID:
		return badRequest("userId must be the user's id.")
	case len(request.Hint) > maxHint:
		return badRequest("hint is too long. It has at most 256 bytes.")
	case len(request.Connection) > maxHint, len(request.ChannelID) > maxHint, len(request.ServiceURL) > maxID:
		return badRequest("connection, channelId or serviceUrl is too long.")
	}
	return nil
}

// reserve takes the conversation's row for a new login, unless another is under
// way, and counts the start for the conversation and for its hint. Of several at
// once one gets it.
func (b *Broker) reserve(ctx context.Context, request StartRequest) (reservation, error) {
	id, digest := newAttempt()
	// To the millisecond, which every store keeps: the start is found by it again.
	r := reservation{request: request, id: id, at: b.now().Truncate(time.Millisecond)}
	key := conversationKey(request.Binding)
	row, etag, err := b.attempts.Load(ctx, key)
	if err != nil {
		return reservation{}, storeFailure(err)
	}
	if err := row.mayStart(r.at); err != nil {
		return reservation{}, err
	}
	row.countStart(r.at)
	row.State, row.Attempt, row.ExpiresAt = StateStarting, digest, r.at.Add(startLease)
	etag, err = b.attempts.Save(ctx, key, row, etag)
	if errors.Is(err, ErrConflict) {
		return reservation{}, errPending(startLease)
	}
	if err != nil {
		return reservation{}, storeFailure(err)
	}
	r.row, r.etag = row, etag
	counted, err := b.countHint(ctx, r)
	if err != nil {
		b.release(ctx, r)
		return reservation{}, err
	}
	r.hint = counted
	return r, nil
}

// countHint counts the start for its hint, so that one person is not asked from
// many conversations. It returns the row.
func (b *Broker) countHint(ctx context.Context, r reservation) (Key, error) {
	if r.request.Hint == "" {
		return Key{}, nil
	}
	key, err := b.hintKey(ctx, r.request.Binding, r.request.Hint)
	if err != nil {
		return Key{}, problem.From(err)
	}
	var refusal error
	err = b.change(ctx, key, func(row *Row) bool {
		if refusal = row.mayStart(r.at); refusal != nil {
			return false
		}
		row.countStart(r.at)
		return true
	})
	return key, errors.Join(refusal, err)
}

// giveUpTimeout bounds the note that a start failed, which is made although the
// bot has gone.
const giveUpTimeout = 5 * time.Second

// giveUp lets another start begin. Should it fail, the reservation lapses.
func (b *Broker) giveUp(ctx context.Context, r reservation) {
	b.giveBack(ctx, r, func(*Row) {})
}

// release is giveUp where nobody was asked: the start does not count. Otherwise
// who tries again while a login waits, or while the Login API is away, could not
// log in once it would work.
func (b *Broker) release(ctx context.Context, r reservation) {
	b.giveBack(ctx, r, func(row *Row) { row.uncountStart(r.at) })
	if r.hint == (Key{}) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTimeout)
	defer cancel()
	_ = b.change(ctx, r.hint, func(row *Row) bool { return row.uncountStart(r.at) })
}

func (b *Broker) giveBack(ctx context.Context, r reservation, also func(*Row)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTimeout)
	defer cancel()
	_ = b.change(ctx, conversationKey(r.request.Binding), func(row *Row) bool {
		if row.Attempt != r.digest() || row.State != StateStarting && row.State != StatePending {
			return false
		}
		row.State = StateFailed
		also(row)
		return true
	})
}
