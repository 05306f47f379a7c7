package transcript

import (
	"bytes"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// value is the text of one JSON value, without space around it. It is a part of
// a text that encoding/json has found valid: the functions here rely on that and
// do not check the grammar again.
//
// The activities are walked instead of unmarshalled because their bytes are kept
// as they came, and because a decoder picks one of several members of the same
// name, where redaction has to see all of them.
type value []byte

// member is a member of an object.
type member struct {
	// name is the member's name as written, with quotes.
	name value
	// value is the text of the value, found at [start, end) in the object.
	value      value
	start, end int
}

func (v value) isString() bool { return len(v) > 0 && v[0] == '"' }
func (v value) isObject() bool { return len(v) > 0 && v[0] == '{' }
func (v value) isArray() bool  { return len(v) > 0 && v[0] == '[' }

// members yields the members of an object, in order, repeated names included.
// Any other value has none.
func (v value) members() iter.Seq[member] {
	return func(yield func(member) bool) {
		if !v.isObject() {
			return
		}
		at := skipSpace(v, 1)
		for at < len(v) && v[at] != '}' {
			nameEnd := at + stringLength(v[at:])
			name := v[at:nameEnd]
			start := skipSpace(v, skipSpace(v, nameEnd)+1) // over the colon
			end := start + valueLength(v[start:])
			if !yield(member{name: name, value: v[start:end], start: start, end: end}) {
				return
			}
			at = skipComma(v, end)
		}
	}
}

// element is an element of an array, found at [start, end) in it.
type element struct {
	value      value
	start, end int
}

// elements yields the elements of an array, in order. Any other value has none.
func (v value) elements() iter.Seq[element] {
	return func(yield func(element) bool) {
		if !v.isArray() {
			return
		}
		at := skipSpace(v, 1)
		for at < len(v) && v[at] != ']' {
			end := at + valueLength(v[at:])
			if !yield(element{value: v[at:end], start: at, end: end}) {
				return
			}
			at = skipComma(v, end)
		}
	}
}

// text returns the content of a string with lone surrogates replaced by U+FFFD,
// as columns need it. Any other value gives nothing.
func (v value) text() string {
	return string(v.content(utf8.RuneError))
}

// identity returns the content of a string such that different strings differ:
// a lone surrogate, for which UTF-8 has no form, becomes the three bytes that
// its number would take. No valid UTF-8 holds these, so that it is neither the
// identity of another surrogate nor that of an honest U+FFFD.
func (v value) identity() string {
	return string(v.content(keepSurrogates))
}

// keepSurrogates in place of a replacement asks content to keep them.
const keepSurrogates rune = -1

// content decodes a string; without escapes it is a part of v itself. Lone
// surrogates become loneSurrogate.
func (v value) content(loneSurrogate rune) []byte {
	if !v.isString() {
		return nil
	}
	inner := v[1 : len(v)-1]
	escape := bytes.IndexByte(inner, '\\')
	if escape < 0 {
		return inner
	}
	decoded := make([]byte, 0, len(inner))
	for escape >= 0 {
		decoded = append(decoded, inner[:escape]...)
		var length int
		decoded, length = appendUnescaped(decoded, inner[escape:], loneSurrogate)
		inner = inner[escape+length:]
		escape = bytes.IndexByte(inner, '\\')
	}
	return append(decoded, inner...)
}

// appendUnescaped appends what the escape at the head of text stands for, and
// returns the length of the escape: 12 for a surrogate pair.
func appendUnescaped(decoded []byte, text value, loneSurrogate rune) (appended []byte, length int) {
	if text[1] != 'u' {
		const letters, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		return append(decoded, meanings[strings.IndexByte(letters, text[1])]), 2
	}
	unit := hexUnit(text[2:6])
	if !utf16.IsSurrogate(unit) {
		return utf8.AppendRune(decoded, unit), 6
	}
	if len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
		if pair := utf16.DecodeRune(unit, hexUnit(text[8:12])); pair != utf8.RuneError {
			return utf8.AppendRune(decoded, pair), 12
		}
	}
	if loneSurrogate != keepSurrogates {
		return utf8.AppendRune(decoded, loneSurrogate), 6
	}
	return append(decoded, 0xE0|byte(unit>>12), 0x80|byte(unit>>6)&0x3F, 0x80|byte(unit)&0x3F), 6 //nolint:gosec // masked to the bits meant
}

// hexUnit reads four hex digits.
func hexUnit(digits value) rune {
	var unit rune
	for _, digit := range digits {
		unit <<= 4
		switch {
		case digit >= 'a':
			unit |= rune(digit - 'a' + 10)
		case digit >= 'A':
			unit |= rune(digit - 'A' + 10)
		default:
			unit |= rune(digit - '0')
		}
	}
	return unit
}

// valueLength returns the length of the value at the head of text.
func valueLength(text value) int {
	switch text[0] {
	case '"':
		return stringLength(text)
	case '{', '[':
		return containerLength(text)
	default:
		length := bytes.IndexAny(text, ",]} \t\r\n")
		if length < 0 {
			return len(text)
		}
		return length
	}
}

func containerLength(text value) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at += stringLength(text[at:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return at + 1
			}
		}
	}
	return len(text)
}

// stringLength returns the length of the string at the head of text, with its
// quotes. In text that is not JSON a string may lack its end: then it is all of
// text.
func stringLength(text []byte) int {
	for at := 1; at < len(text); at++ {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			return len(text)
		}
		at += quote
		if !isEscaped(text, at) {
			return at + 1
		}
	}
	return len(text)
}

// isEscaped reports whether an odd number of backslashes precedes text[at].
func isEscaped(text []byte, at int) bool {
	before := at
	for before > 0 && text[before-1] == '\\' {
		before--
	}
	return (at-before)%2 == 1
}

// depth returns how deep the arrays and objects of any text are nested. It does
// not rely on the text being JSON.
func depth(text []byte) int {
	current, deepest := 0, 0
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at += stringLength(text[at:]) - 1
		case '{', '[':
			current++
			deepest = max(deepest, current)
		case '}', ']':
			current--
		}
	}
	return deepest
}

func skipSpace(text value, at int) int {
	for at < len(text) && isSpace(text[at]) {
		at++
	}
	return at
}

func skipComma(text value, at int) int {
	at = skipSpace(text, at)
	if at < len(text) && text[at] == ',' {
		at = skipSpace(text, at+1)
	}
	return at
}

// isSpace reports what RFC 8259 section 2 calls whitespace, which is less than
// package unicode does.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

func trimSpace(text []byte) value {
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}
