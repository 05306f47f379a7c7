package login

import (
	"context"
	"errors"
	"time"

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
	request.Provider = name
	hintRow, err := b.countHint(ctx, request)
	if err != nil {
		return Started{}, err
	}
	id, digest := newAttempt()
	etag, row, err := b.reserve(ctx, request.Binding, digest)
	if err != nil {
		return Started{}, err
	}
	request.BindingCode = newBindingCode()
	begun, err := startAt(ctx, provider, request)
	if err != nil {
		b.giveUp(ctx, request.Binding, digest)
		return Started{}, providerFailure(err, storeRetry)
	}
	defer begun.Polling.Clear()
	return b.begin(ctx, reservation{request, id, hintRow, row, etag}, begun)
}

func startAt(ctx context.Context, provider Provider, request StartRequest) (begun Begun, err error) {
	secretly.Do(func() { begun, err = provider.Start(ctx, request) })
	if err == nil && (len(begun.Polling) == 0 || len(begun.Polling) > maxPolling) {
		begun.Polling.Clear()
		return Begun{}, ErrRefused
	}
	return begun, err
}

// reservation is a start between its row's being taken and its handle's being
// handed out.
type reservation struct {
	request StartRequest
	id      string
	hintRow string
	row     Row
	etag    ETag
}

// begin makes the login pollable.
func (b *Broker) begin(ctx context.Context, r reservation, begun Begun) (Started, error) {
	now := b.now()
	life := between(begun.ExpiresIn, time.Second, maxLife, maxLife)
	interval := between(begun.Interval, minInterval, maxInterval, defaultInterval)
	login, err := b.sealHandle(ctx, handle{
		binding: r.request.Binding, provider: r.request.Provider, connection: r.request.Connection,
		attempt: r.id, hintRow: r.hintRow, expires: now.Add(life), polling: begun.Polling,
	})
	if err != nil {
		b.giveUp(ctx, r.request.Binding, digestOf(r.id))
		return Started{}, err
	}
	row := r.row
	row.State, row.ExpiresAt, row.Interval, row.NotBefore = Waits, now.Add(life), interval, now.Add(interval)
	if _, err := b.attempts.Save(ctx, conversationKey(r.request.Binding), row, r.etag); err != nil {
		b.giveUp(ctx, r.request.Binding, digestOf(r.id)) // nobody holds the handle
		return Started{}, b.storeFailure(err)
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

// countHint counts the start for its hint, so that one person is not asked from
// many conversations. It returns the row to cool down after a denial.
func (b *Broker) countHint(ctx context.Context, request StartRequest) (string, error) {
	if request.Hint == "" {
		return "", nil
	}
	key, err := b.hintKey(ctx, request.Binding, request.Hint)
	if err != nil {
		return "", problem.From(err)
	}
	now := b.now()
	var refusal error
	err = b.change(ctx, key, func(row *Row) bool {
		if refusal = row.mayStart(now); refusal != nil {
			return false
		}
		row.countStart(now)
		return true
	})
	return key.Row, errors.Join(refusal, err)
}

// reserve takes the conversation's row for a new login, unless another is under
// way. Of several at once one gets it.
func (b *Broker) reserve(ctx context.Context, binding Binding, digest string) (ETag, Row, error) {
	key := conversationKey(binding)
	row, etag, err := b.attempts.Load(ctx, key)
	if err != nil {
		return "", Row{}, b.storeFailure(err)
	}
	now := b.now()
	if err := row.mayStart(now); err != nil {
		return "", Row{}, err
	}
	row.countStart(now)
	row.State, row.Attempt, row.ExpiresAt = Starting, digest, now.Add(startLease)
	etag, err = b.attempts.Save(ctx, key, row, etag)
	if errors.Is(err, ErrConflict) {
		return "", Row{}, errPending(startLease)
	}
	return etag, row, b.storeFailure(err)
}

// giveUpTimeout bounds the note that a start failed, which is made although the
// bot has gone.
const giveUpTimeout = 5 * time.Second

// giveUp lets another start begin. Should it fail, the reservation lapses.
func (b *Broker) giveUp(ctx context.Context, binding Binding, digest string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpTimeout)
	defer cancel()
	_ = b.change(ctx, conversationKey(binding), func(row *Row) bool {
		if row.Attempt != digest || row.State != Starting && row.State != Waits {
			return false
		}
		row.State = Failed
		return true
	})
}
