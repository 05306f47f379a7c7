package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"chatgate/internal/problem"
	"chatgate/internal/sealed"
)

// Providers are the systems at which one assistant's users can log in.
type Providers map[ProviderName]Provider

// Broker carries logins out. It may be used by several goroutines at once, and
// several Brokers may share Attempts.
type Broker struct {
	assistants map[string]Providers
	sealer     *sealed.Sealer
	attempts   Attempts
	now        func() time.Time
}

// Options tunes a Broker.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// NewBroker returns a Broker for the assistants, by their ids. Options may be nil.
func NewBroker(assistants map[string]Providers, sealer *sealed.Sealer, attempts Attempts, options *Options) *Broker {
	b := &Broker{assistants: assistants, sealer: sealer, attempts: attempts, now: time.Now}
	if options != nil && options.Now != nil {
		b.now = options.Now
	}
	return b
}

// provider finds what a start asks for.
func (b *Broker) provider(assistant string, name ProviderName) (ProviderName, Provider, error) {
	of := b.assistants[assistant]
	if name == "" {
		name = LoginAPI
		for only := range of {
			if len(of) == 1 {
				name = only
			}
		}
	}
	provider := of[name]
	if provider == nil {
		return "", nil, badRequest("The assistant has no such login. Check the provider, or ask the operator to set LoginUrl or OAuthConnections.")
	}
	return name, provider, nil
}

// known is the provider of a handle or token. That it is gone is no fault of the
// caller's.
func (b *Broker) known(assistant string, name ProviderName) (Provider, error) {
	provider := b.assistants[assistant][name]
	if provider == nil {
		return nil, errAgain()
	}
	return provider, nil
}

// newAttempt returns the id of a login, 256 random bits, and what stands for it
// in the table.
func newAttempt() (id, digest string) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	id = hex.EncodeToString(random[:])
	return id, digestOf(id)
}

func digestOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

func conversationKey(binding Binding) Key {
	sum := sha256.Sum256([]byte(binding.ConversationID))
	return Key{Partition: binding.Assistant, Row: "c." + base64.RawURLEncoding.EncodeToString(sum[:])}
}

// hintKey is the row of a hint: nobody who reads the table learns the hint.
func (b *Broker) hintKey(ctx context.Context, binding Binding, hint string) (Key, error) {
	fingerprint, err := b.sealer.Fingerprint(ctx, "hint "+binding.Assistant, sameHint(hint))
	if err != nil {
		return Key{}, fmt.Errorf("hiding the hint: %w", err)
	}
	return Key{Partition: binding.Assistant, Row: "h." + fingerprint}, nil
}

// sameHint is what all spellings of a hint have in common, so that nobody is asked
// once more for each: +49 151 1 and 0049-1511 are one person, and so are the same
// letters in full width or with their accents apart. What is of other characters
// alone stays as it is.
func sameHint(hint string) string {
	plain := norm.NFKC.String(hint)
	same := strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsNumber(c) || unicode.IsMark(c) || c == '@' {
			return unicode.ToLower(c)
		}
		return -1
	}, plain)
	same = strings.TrimLeft(same, "0")
	if same == "" {
		return plain
	}
	return same
}

// codeAlphabet has no letter or digit that is taken for another, and no vowels,
// so that no words appear (RFC 8628 section 6.1).
const codeAlphabet = "BCDFGHJKLMNPQRSTVWXZ23456789"

// newBindingCode returns a code that people compare: two groups, about 29 bits.
func newBindingCode() string {
	const size = 6
	code := make([]byte, 0, size+1)
	for len(code) < size+1 {
		if len(code) == size/2 {
			code = append(code, '-')
		}
		var random [1]byte
		_, _ = rand.Read(random[:])
		// Of 256 values the first 252 are nine times the alphabet.
		if int(random[0]) < 256/len(codeAlphabet)*len(codeAlphabet) {
			code = append(code, codeAlphabet[int(random[0])%len(codeAlphabet)])
		}
	}
	return string(code)
}

// change loads a row, changes it and saves it, again and again until no other
// writer comes in between. apply returning false leaves the row as it is.
func (b *Broker) change(ctx context.Context, key Key, apply func(*Row) bool) error {
	const tries = 10
	for range tries {
		row, etag, err := b.attempts.Load(ctx, key)
		if err != nil {
			return storeFailure(err)
		}
		if !apply(&row) {
			return nil
		}
		_, err = b.attempts.Save(ctx, key, row, etag)
		if !errors.Is(err, ErrConflict) {
			return storeFailure(err)
		}
	}
	return errUnavailable(time.Second, errors.New("too many writers at one row"))
}

// storeRetry is when the table may answer again.
const storeRetry = 5 * time.Second

// storeFailure is a failure of the table, which may pass.
func storeFailure(err error) error {
	if err == nil {
		return nil
	}
	var known *problem.Error
	if errors.As(err, &known) {
		return err
	}
	return errUnavailable(storeRetry, err)
}

// providerFailure is what a provider's error means to the bot.
func providerFailure(err error, wait time.Duration) error {
	var known *problem.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, ErrLoginAgain):
		return errAgain()
	case errors.Is(err, ErrRefused):
		return errRefused(err)
	default:
		return errUnavailable(wait, err)
	}
}
