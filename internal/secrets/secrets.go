// Package secrets reads secrets from Azure Key Vault and keeps them in memory.
//
// A [Reader] fetches: [Vault] from Key Vault, [NewFixed] from values given in
// the settings of a developer's machine. A [Cache] stands before it and decides
// when to read: it goes on serving what it has while the vault is away, re-reads
// in the background when a secret has grown old, and at once when Direct Line
// has refused it.
package secrets

import (
	"context"
	"errors"
	"fmt"

	"chatgate/internal/redacted"
)

// ErrNotFound means that there is no such secret or version, or that it is
// disabled. Reading again soon gives the same.
var ErrNotFound = errors.New("no such secret or version, or it is disabled")

// Secret is one version of a secret. Equal names and versions are equal values.
type Secret struct {
	Name string
	// Version is the vault's id of the version: 32 digits [0-9a-f].
	Version string
	Value   redacted.Text
}

// Reader fetches a secret. Readers are used by several goroutines at once.
type Reader interface {
	// Read returns one version of a secret, or the latest where version is "".
	// The error is or wraps [ErrNotFound], or is one that may pass. It may be
	// logged.
	Read(ctx context.Context, name, version string) (Secret, error)
}

const versionLength = 32

// IsVersion reports whether id has the form of a version: [0-9a-f]{32}. What has
// not is no version of any secret, and not worth a call.
func IsVersion(id string) bool {
	if len(id) != versionLength {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// fixedVersion is the one version that a fixed secret has.
const fixedVersion = "00000000000000000000000000000000"

type fixed struct {
	values map[string]redacted.Text
	next   Reader
}

// NewFixed returns a Reader of values by name, which have one version each. Other
// names are read from next, which may be nil. It serves Development only, where
// secrets may stand in the settings.
func NewFixed(values map[string]redacted.Text, next Reader) Reader {
	return &fixed{values: values, next: next}
}

// Read returns a given value, or asks the next reader.
func (f *fixed) Read(ctx context.Context, name, version string) (Secret, error) {
	value, given := f.values[name]
	switch {
	case given && (version == "" || version == fixedVersion):
		return Secret{Name: name, Version: fixedVersion, Value: value}, nil
	case given || f.next == nil:
		return Secret{}, fmt.Errorf("reading the secret %q from the settings: %w", name, ErrNotFound)
	default:
		return f.next.Read(ctx, name, version)
	}
}
