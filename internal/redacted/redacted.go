// Package redacted holds text that must never be printed: secrets, keys and
// tokens.
//
// A [Text] shows a fixed mark to every way Go has of printing a value: package
// fmt with any verb, log/slog, encoding/json and encoding.TextMarshaler. The
// content is reached only by [Text.Reveal] and [Text.Base64], so a reviewer finds
// every place where a secret leaves its wrapping by searching for these two names.
package redacted

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
)

// Mark is what is shown in place of the content.
const Mark = "[redacted]"

// Text is text that prints as [Mark]. The zero value is empty and grants
// nothing. A Text is immutable and may be used by several goroutines at once.
type Text struct {
	content string
}

// New wraps content.
func New(content string) Text {
	return Text{content: content}
}

// Reveal returns the content. Call it where the content is put on the wire or
// into a cryptographic operation, and nowhere else.
func (t Text) Reveal() string {
	return t.content
}

// Base64 decodes content that is a key as the usual tools print one: base64 in the
// standard or the URL alphabet, padded or not, with space around it. It returns
// nil for what is none. The caller clears the bytes after use.
func (t Text) Base64() []byte {
	text := strings.TrimRight(strings.TrimSpace(t.content), "=")
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		alphabet = base64.RawURLEncoding
	}
	key, err := alphabet.DecodeString(text)
	if err != nil {
		clear(key)
		return nil
	}
	return key
}

// IsEmpty reports whether there is no content.
func (t Text) IsEmpty() bool {
	return t.content == ""
}

// String returns [Mark].
func (t Text) String() string {
	return Mark
}

// GoString returns [Mark], for the verb %#v.
func (t Text) GoString() string {
	return Mark
}

// Format writes [Mark] whatever the verb, so that %x, %q and %d give nothing
// away either.
func (t Text) Format(state fmt.State, _ rune) {
	_, _ = state.Write([]byte(Mark))
}

// LogValue returns [Mark] for log/slog.
func (t Text) LogValue() slog.Value {
	return slog.StringValue(Mark)
}

// MarshalText returns [Mark]; encoding/json and others use it. An answer that
// must carry the content says so by calling [Text.Reveal].
func (t Text) MarshalText() ([]byte, error) {
	return []byte(Mark), nil
}
