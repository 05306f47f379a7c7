// Package sealed hands things out that only this app can open again: handles and
// tokens of the end-user login.
//
// What is sealed is a JWE in compact form (RFC 7516): direct encryption with
// A256GCM under a key from Key Vault, whose version is the kid. The protected
// header, and with it the kind of thing that is sealed, is authenticated, so that
// a thing of one kind never opens as one of another. Any instance opens what
// another sealed, and older versions of the key go on opening.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

// Limits, in bytes.
const (
	// MaxSealed is the longest thing that is opened. It fits, with a bot's own
	// token, into the 32 KiB of headers that the Functions host accepts.
	MaxSealed = 20 << 10
	// MaxPayload is what may be sealed, so that it can be opened.
	MaxPayload = 14 << 10

	keySize = 32 // of A256GCM (RFC 7518 section 5.3)
)

// Kind is what a sealed thing is for. The zero value is no kind and is refused.
type Kind string

// ErrNotOurs is all that is said of what does not open: it is malformed, changed,
// of another kind, or sealed with a key that is not (or no longer) there.
var ErrNotOurs = errors.New("this was not sealed here")

var errDisabledKey = errors.New("the sealing key is disabled, and there is no newer version of the secret")

// disabledRetry is when an operator may have made a new version.
const disabledRetry = time.Minute

var errWeakKey = errors.New("the sealing key must be the base64 of exactly 32 random bytes")

// Keys gives the versions of the sealing key; [secrets.Cache] does.
type Keys interface {
	Get(ctx context.Context, name string) (secrets.Secret, error)
	Version(ctx context.Context, name, version string) (secrets.Secret, error)
	Confirm(ctx context.Context, name, version string) error
}

// Sealer seals and opens. It may be used by several goroutines at once.
type Sealer struct {
	keys    Keys
	keyName string
}

// New returns a Sealer with the key in the secret keyName: the base64 of 32
// bytes, in the standard or the URL alphabet, padded or not.
func New(keys Keys, keyName string) *Sealer {
	return &Sealer{keys: keys, keyName: keyName}
}

// Seal seals payload with the current key. It fails where the key cannot be had
// before ctx ends (a [problem.Error]) or is no key. It does not keep payload.
func (s *Sealer) Seal(ctx context.Context, kind Kind, payload []byte) (redacted.Text, error) {
	if kind == "" || len(payload) > MaxPayload {
		return redacted.Text{}, fmt.Errorf("sealing %d bytes as %q: there is no such kind, or it is more than %d", len(payload), kind, MaxPayload)
	}
	secret, err := s.keys.Get(ctx, s.keyName)
	if err != nil {
		return redacted.Text{}, fmt.Errorf("getting the sealing key: %w", err)
	}
	if _, err := s.keys.Version(ctx, s.keyName, secret.Version); errors.Is(err, secrets.ErrNotFound) {
		// It would not open again.
		return redacted.Text{}, problem.New(problem.SecretUnavailable, "Nobody can log in at the moment. Try again later.").
			Because(errDisabledKey).After(disabledRetry)
	}
	key, err := decodeKey(secret.Value)
	if err != nil {
		return redacted.Text{}, err
	}
	defer clear(key)
	options := (&jose.EncrypterOptions{}).WithType(jose.ContentType(kind))
	recipient := jose.Recipient{Algorithm: jose.DIRECT, Key: key, KeyID: secret.Version}
	encrypter, err := jose.NewEncrypter(jose.A256GCM, recipient, options)
	if err != nil {
		return redacted.Text{}, errors.New("preparing to seal failed")
	}
	object, err := encrypter.Encrypt(payload)
	if err != nil {
		return redacted.Text{}, errors.New("sealing failed")
	}
	compact, err := object.CompactSerialize()
	if err != nil {
		return redacted.Text{}, errors.New("writing what was sealed failed")
	}
	return redacted.New(compact), nil
}

// Open opens what was sealed as kind. The caller clears the payload. The error is
// [ErrNotOurs], or a [problem.Error] where the key cannot be had just now.
func (s *Sealer) Open(ctx context.Context, kind Kind, sealed redacted.Text) ([]byte, error) {
	return open(ctx, kind, sealed, s.key)
}

// OpenToRenew is [Sealer.Open] for what takes its place to be sealed: unless the key
// is the current one, the vault is asked whether it is still in force, since what is
// sealed next would outlive a key that was disabled.
func (s *Sealer) OpenToRenew(ctx context.Context, kind Kind, sealed redacted.Text) ([]byte, error) {
	return open(ctx, kind, sealed, s.confirmedKey)
}

func open(ctx context.Context, kind Kind, sealed redacted.Text, keyOf func(context.Context, string) ([]byte, error)) ([]byte, error) {
	object, version, err := parse(kind, sealed.Reveal())
	if err != nil {
		return nil, err
	}
	key, err := keyOf(ctx, version)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	payload, err := object.Decrypt(key)
	if err != nil {
		return nil, ErrNotOurs
	}
	return payload, nil
}

// parse checks the form of what was sealed. Nothing that it returns is to be
// trusted before it decrypts.
func parse(kind Kind, compact string) (*jose.JSONWebEncryption, string, error) {
	// With direct encryption the part of the encrypted key is empty (RFC 7516
	// section 5.2, step 6), which go-jose leaves to its caller.
	parts := strings.SplitN(compact, ".", 3)
	if kind == "" || len(compact) > MaxSealed || len(parts) < 3 || parts[1] != "" {
		return nil, "", ErrNotOurs
	}
	object, err := jose.ParseEncryptedCompact(compact, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, "", ErrNotOurs
	}
	typ, _ := object.Header.ExtraHeaders[jose.HeaderType].(string)
	if typ != string(kind) || !secrets.IsVersion(object.Header.KeyID) || hasForeign(object.Header.ExtraHeaders) {
		return nil, "", ErrNotOurs
	}
	return object, object.Header.KeyID, nil
}

// hasForeign tells of headers that we never write: compression, which could turn
// a little into a lot, and whatever else is unknown.
func hasForeign(headers map[jose.HeaderKey]any) bool {
	for name := range headers {
		if name != jose.HeaderType && name != "enc" {
			return true
		}
	}
	return false
}

// key returns the key of a version. The current one is had first, so that it is
// known: reading it by its id would take a turn of those that are not. Whether it
// is still in force, Version says.
func (s *Sealer) key(ctx context.Context, version string) ([]byte, error) {
	_, _ = s.keys.Get(ctx, s.keyName)
	secret, err := s.keys.Version(ctx, s.keyName, version)
	if errors.Is(err, secrets.ErrNotFound) {
		return nil, ErrNotOurs
	}
	if err != nil {
		return nil, fmt.Errorf("getting version %s of the sealing key: %w", version, err)
	}
	return decodeKey(secret.Value)
}

// confirmedKey is key, of a version that is the current one or that the vault has
// just confirmed.
func (s *Sealer) confirmedKey(ctx context.Context, version string) ([]byte, error) {
	if current, err := s.keys.Get(ctx, s.keyName); err == nil && current.Version == version {
		return s.key(ctx, version)
	}
	switch err := s.keys.Confirm(ctx, s.keyName, version); {
	case errors.Is(err, secrets.ErrNotFound):
		return nil, ErrNotOurs
	case err != nil:
		return nil, fmt.Errorf("asking whether version %s of the sealing key is in force: %w", version, err)
	}
	return s.key(ctx, version)
}

// decodeKey refuses what is no key of A256GCM.
func decodeKey(encoded redacted.Text) ([]byte, error) {
	key := encoded.Base64()
	if len(key) != keySize {
		return nil, problem.From(errWeakKey)
	}
	return key, nil
}
