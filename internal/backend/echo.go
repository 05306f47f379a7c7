package backend

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"chatgate/internal/secretly"
)

// Bounds of the search for a token.
const (
	// rounds is how many layers of escapes are undone: JSON in JSON in a URL.
	rounds = 3
	// shortest is the fewest characters of base64 or hexadecimal digits that are
	// searched for: fewer are found by chance.
	shortest = 16
	// maxSkipped is how many of the first characters of a long token are not
	// searched for, and minSearched how many are then searched for at least. What
	// stands before a token can make an escape of its beginning (a percent sign
	// before "ab"), which is lost as soon as escapes within it are undone.
	maxSkipped, minSearched = 16, 32
)

// holds tells whether the token is in an answer, as it is or in one of the
// encodings in which systems echo what they were sent.
func (a Answer) holds(token secretly.Bytes) bool {
	search := newEcho(token)
	defer search.clear()
	if search.isIn(a.Body) {
		return true
	}
	for _, values := range a.Header {
		if slices.ContainsFunc(values, func(value string) bool { return search.isIn([]byte(value)) }) {
			return true
		}
	}
	return false
}

// An echo is the search for one token in what a back end answers. It reads each
// text a fixed number of times, whatever is in it, and allocates one copy: inside
// [secretly.Do] every allocation is dear, and an answer may have 4 MiB.
type echo struct {
	// forms are what is searched for.
	forms [][]byte
	// text is the copy that escapes are undone in.
	text []byte
}

// newEcho prepares the search for token, which is one of RFC 6750 section 2.1: none
// of its characters begins an escape.
func newEcho(token secretly.Bytes) *echo {
	// The padding at the end is no secret.
	plain := bytes.TrimRight(token, "=")
	if len(plain) == 0 {
		plain = token
	}
	plain = plain[min(maxSkipped, max(0, len(plain)-minSearched)):]
	forms := append([][]byte{bytes.Clone(plain)}, base64Forms(token)...)
	if digits := hex.AppendEncode(nil, plain); len(digits) >= shortest {
		forms = append(forms, digits, bytes.ToUpper(digits))
	}
	return &echo{forms: forms}
}

// clear overwrites what is left of the token and of the texts.
func (e *echo) clear() {
	for _, form := range e.forms {
		clear(form)
	}
	clear(e.text[:cap(e.text)])
}

// isIn tells whether text holds the token, as it is or in an encoding in which
// systems echo what they were sent. Text itself stays as it is.
func (e *echo) isIn(text []byte) bool {
	e.text = appendVisible(e.text[:0], text)
	for range rounds {
		if e.found() {
			return true
		}
		if !e.unescape() {
			return false
		}
	}
	return e.found()
}

func (e *echo) found() bool {
	for _, form := range e.forms {
		if bytes.Contains(e.text, form) {
			return true
		}
	}
	return false
}

// appendVisible appends text without its white space and control characters:
// encoders break base64 over lines, and without the zeros between them the ASCII
// characters of UTF-16 and UTF-32 are ASCII.
func appendVisible(to, text []byte) []byte {
	if cap(to)-len(to) < len(text) {
		to = append(make([]byte, 0, len(to)+len(text)), to...)
	}
	for _, c := range text {
		if isVisible(c) {
			to = append(to, c)
		}
	}
	return to
}

func isVisible(c byte) bool {
	return c > ' ' && c != 0x7f
}

// unescape undoes one layer of escapes, in place, and tells whether there was one.
func (e *echo) unescape() bool {
	first := firstEscape(e.text)
	if first < 0 {
		return false
	}
	kept, undone := first, false
	for at := first; at < len(e.text); {
		c, size := unescaped(e.text[at:])
		undone = undone || size > 1
		if at += size; isVisible(c) {
			e.text[kept] = c
			kept++
		}
	}
	e.text = e.text[:kept]
	return undone
}

func firstEscape(text []byte) int {
	first := -1
	for _, mark := range []byte{'%', '\\', '&'} {
		if at := bytes.IndexByte(text, mark); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// unescaped returns the first character of text, which is not empty, and how many
// bytes it takes there. Only ASCII characters are looked for: those of tokens and
// those that begin escapes.
func unescaped(text []byte) (c byte, size int) {
	switch text[0] {
	case '%':
		c, size = percent(text)
	case '\\':
		c, size = backslash(text)
	case '&':
		c, size = reference(text)
	}
	if size == 0 {
		return text[0], 1
	}
	return c, size
}

// percent reads %2B (RFC 3986 section 2.1), and %u002B as JavaScript's escape
// writes it. A size of 0 means that it is neither.
func percent(text []byte) (c byte, size int) {
	if len(text) > 1 && text[1] == 'u' {
		return hexadecimal(text, 2, 4)
	}
	return hexadecimal(text, 1, 2)
}

// backslash reads the escapes of JSON's strings (RFC 8259 section 7), and those of
// scripts: \x2B, and a backslash before any sign.
func backslash(text []byte) (c byte, size int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch c := text[1]; c {
	case 'u':
		return hexadecimal(text, 2, 4)
	case 'x':
		return hexadecimal(text, 2, 2)
	case 'b', 'f', 'n', 'r', 't':
		return ' ', 2
	default:
		if isLetter(c) || '0' <= c && c <= '9' || c >= 0x80 {
			return 0, 0
		}
		return c, 2
	}
}

// hexadecimal reads a number of digits that begin at start.
func hexadecimal(text []byte, start, digits int) (c byte, size int) {
	if len(text) < start+digits {
		return 0, 0
	}
	value := 0
	for _, digit := range text[start : start+digits] {
		n, ok := digitValue(digit)
		if !ok {
			return 0, 0
		}
		value = value<<4 | n
	}
	if value >= 0x80 {
		return 0, 0
	}
	return byte(value), start + digits
}

func digitValue(c byte) (value int, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// reference reads a character reference of HTML or XML: &#43; &#x2B; or &plus;
// (https://html.spec.whatwg.org/multipage/syntax.html#character-references).
func reference(text []byte) (c byte, size int) {
	if len(text) > 1 && text[1] == '#' {
		return numeric(text)
	}
	end := 1
	for end < len(text) && end <= longestName && isLetter(text[end]) {
		end++
	}
	if end == len(text) || text[end] != ';' {
		return 0, 0
	}
	c = named(text[1:end])
	if c == 0 {
		return 0, 0
	}
	return c, end + 1
}

// numeric reads &#43; with any number of zeros, and without the semicolon as
// browsers do.
func numeric(text []byte) (c byte, size int) {
	base, start := 10, 2
	if len(text) > 2 && (text[2] == 'x' || text[2] == 'X') {
		base, start = 16, 3
	}
	value, end := 0, start
	for ; end < len(text); end++ {
		n, ok := digitValue(text[end])
		if !ok || n >= base {
			break
		}
		value = min(value*base+n, 0x80)
	}
	if end == start || value >= 0x80 {
		return 0, 0
	}
	if end < len(text) && text[end] == ';' {
		end++
	}
	return byte(value), end
}

// longestName is the length of the longest name that named knows.
const longestName = 8

// named returns the character of a name, or 0.
func named(name []byte) byte {
	switch string(name) { // the compiler makes no string of it
	case "plus":
		return '+'
	case "sol":
		return '/'
	case "equals":
		return '='
	case "period":
		return '.'
	case "lowbar", "UnderBar":
		return '_'
	case "amp", "AMP":
		return '&'
	case "percnt":
		return '%'
	case "bsol":
		return '\\'
	case "num":
		return '#'
	case "semi":
		return ';'
	case "Tab", "NewLine":
		return ' '
	}
	return 0
}

// base64Forms are a token's three alignments in a longer text, in both alphabets,
// without the characters at the ends that neighbours have a part in.
func base64Forms(token secretly.Bytes) [][]byte {
	var forms [][]byte
	for before := range 3 {
		text := append(make([]byte, before), token...)
		start, end := (before*8+5)/6, len(text)*8/6
		if end-start < shortest {
			continue
		}
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, alphabet.AppendEncode(nil, text)[start:end])
		}
	}
	return forms
}
