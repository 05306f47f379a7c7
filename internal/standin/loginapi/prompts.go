package loginapi

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// keptPrompts is how long a prompt is remembered after its time is over.
const keptPrompts = 10 * time.Minute

// early is how much too early a poll may come: clocks are not exact.
const early = 500 * time.Millisecond

// prompt is one question to a customer.
type prompt struct {
	id       string // the phone's name of it
	polling  redacted.Text
	code     string
	customer *Customer // nil where nobody has the hint: then nobody is asked
	expires  time.Time
	decision decision
	decided  time.Time
	redeemed bool
	polled   time.Time
}

type decision int

const (
	undecided decision = iota
	accepted
	denied
)

// Prompt is a question that waits for a customer.
type Prompt struct {
	ID          string
	Customer    string
	BindingCode string
	Expires     time.Time
}

// ErrNoPrompt says that a prompt was decided, has expired or never was.
var ErrNoPrompt = errors.New("no such prompt waits")

// Prompts are the questions that wait, oldest first.
func (b *Bank) Prompts() []Prompt {
	b.mu.Lock()
	defer b.mu.Unlock()
	var waiting []Prompt
	for _, each := range b.prompts {
		if b.waits(each) {
			waiting = append(waiting, Prompt{each.id, each.customer.Name, each.code, each.expires})
		}
	}
	return waiting
}

// waits tells whether a customer can decide. b.mu is held.
func (b *Bank) waits(p *prompt) bool {
	return p.customer != nil && p.decision == undecided && b.options.Now().Before(p.expires)
}

// Decide answers a prompt in the customer's name. Otherwise the customer does, on
// the phone.
func (b *Bank) Decide(id string, accept bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.prompts, func(p *prompt) bool { return p.id == id })
	if at < 0 || !b.waits(b.prompts[at]) {
		return ErrNoPrompt
	}
	b.prompts[at].decision, b.prompts[at].decided = denied, b.options.Now()
	if accept {
		b.prompts[at].decision = accepted
	}
	return nil
}

func (b *Bank) loginRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /"+string(StartLogin), answered(http.StatusOK, b.keyed(b.startLogin)))
	mux.Handle("POST /"+string(PollLogin), answered(http.StatusOK, b.keyed(b.pollLogin)))
	mux.Handle("POST /"+string(RefreshToken), answered(http.StatusOK, b.keyed(b.refreshToken)))
	return mux
}

// keyed wants one of the keys in x-api-key, if there are any.
func (b *Bank) keyed(serve func(*http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		given := redacted.New(r.Header.Get("X-Api-Key"))
		b.mu.Lock()
		good := len(b.keys) == 0 || slices.ContainsFunc(b.keys, func(key redacted.Text) bool { return equal(key, given) })
		b.mu.Unlock()
		if !good {
			return nil, refuse(http.StatusUnauthorized, "The header x-api-key is missing or wrong.")
		}
		return serve(r)
	}
}

// startLogin asks a customer. Whether anybody has the hint cannot be told from
// the answer, so that strangers do not find out who is a customer.
func (b *Bank) startLogin(r *http.Request) (any, error) {
	var request struct{ Hint, BindingCode string }
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	if request.BindingCode == "" {
		return nil, refuse(http.StatusBadRequest, "bindingCode is missing.")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.options.Now()
	b.prompts = slices.DeleteFunc(b.prompts, func(p *prompt) bool { return now.After(p.expires.Add(keptPrompts)) })
	if len(b.prompts) >= maxPrompts {
		return nil, refuse(http.StatusTooManyRequests, "Too many logins are under way.")
	}
	made := &prompt{
		id: rand.Text(), polling: redacted.New(PollingPrefix + rand.Text()), code: request.BindingCode,
		customer: b.customer(request.Hint), expires: now.Add(b.options.PromptLife),
	}
	b.prompts = append(b.prompts, made)
	return map[string]any{
		"pollingToken": made.polling.Reveal(), "expiresIn": b.options.PromptLife.Seconds(), "interval": b.options.Interval.Seconds(),
	}, nil
}

// customer finds who is meant; nil where nobody is. b.mu is held.
func (b *Bank) customer(hint string) *Customer {
	hint = strings.TrimSpace(hint)
	for _, each := range b.customers {
		if hint == "" || strings.EqualFold(each.Hint, hint) {
			return each
		}
	}
	return nil
}

func (b *Bank) pollLogin(r *http.Request) (any, error) {
	var request struct{ PollingToken string }
	if err := readBody(r, &request); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	polling := redacted.New(request.PollingToken)
	at := slices.IndexFunc(b.prompts, func(p *prompt) bool { return equal(p.polling, polling) })
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "There is no such login.")
	}
	found, now := b.prompts[at], b.options.Now()
	if !found.polled.IsZero() && now.Add(early).Before(found.polled.Add(b.options.Interval)) {
		b.hasty++
	}
	found.polled = now
	return b.progress(found), nil
}

// progress is the answer to a poll. The token is given once. b.mu is held.
func (b *Bank) progress(p *prompt) any {
	switch {
	case p.decision == denied:
		return map[string]any{"status": "denied"}
	case p.redeemed, !b.options.Now().Before(p.expires):
		return map[string]any{"status": "expired"}
	case p.decision == accepted:
		p.redeemed = true
		return b.approved(p.customer)
	}
	return map[string]any{"status": "pending"}
}
