package secretly

import (
	"fmt"
	"log/slog"

	"chatgate/internal/redacted"
)

// Bytes is a token or another secret that is kept for as long as it is used, and
// cleared by [Bytes.Clear]. However it is printed, it prints as [redacted.Mark].
// It is not made from a string nor into one, which cannot be cleared, other than
// inside [Do].
type Bytes []byte

// Clear overwrites b with zeros. The zeros stay where b was: whoever shares its
// memory sees them too.
func (b Bytes) Clear() {
	clear(b)
}

// String returns [redacted.Mark].
func (b Bytes) String() string {
	return redacted.Mark
}

// GoString returns [redacted.Mark], for the verb %#v.
func (b Bytes) GoString() string {
	return redacted.Mark
}

// Format writes [redacted.Mark] whatever the verb.
func (b Bytes) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte(redacted.Mark))
}

// LogValue returns [redacted.Mark] for log/slog.
func (b Bytes) LogValue() slog.Value {
	return slog.StringValue(redacted.Mark)
}

// MarshalText returns [redacted.Mark], for encoding/json too.
func (b Bytes) MarshalText() ([]byte, error) {
	return []byte(redacted.Mark), nil
}
