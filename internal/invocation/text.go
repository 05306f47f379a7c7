package invocation

import (
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text is the content of a JSON string, unescaped while it is read. As the
// source of another scanner it takes one more layer of JSON off.
//
// JSON writers differ in what they escape: Newtonsoft.Json writes " as \",
// System.Text.Json writes it as \u0022 and the + of base64 as \u002B, and \/ is
// a legal way of writing /.
type text struct {
	scanner *scanner
	pending []byte // unescaped and not yet read; in the scanner's buffer or in char
	char    [utf8.UTFMax]byte
	closed  bool  // the closing quotation mark has been passed
	failed  error // why there is no more before the closing quotation mark
}

// Read implements io.Reader; io.EOF means the closing quotation mark and
// nothing else. It gives what the scanner has read ahead without waiting for
// more.
func (t *text) Read(p []byte) (int, error) {
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	for n < len(p) && (n == 0 || t.scanner.next < t.scanner.end) {
		if !t.advance() {
			return n, t.cause()
		}
		k := copy(p[n:], t.pending)
		t.pending = t.pending[k:]
		n += k
	}
	return n, nil
}

// cause returns why there is no more to read.
func (t *text) cause() error {
	if t.failed != nil {
		return t.failed
	}
	return io.EOF
}

// discard reads what is left.
func (t *text) discard() error {
	for t.advance() {
		continue
	}
	return t.failed
}

// advance drops what is pending, makes the next piece of the content pending,
// and reports whether there is one.
func (t *text) advance() bool {
	t.pending = nil
	if !t.closed && t.failed == nil {
		t.failed = t.step()
	}
	return len(t.pending) > 0
}

func (t *text) step() error {
	s := t.scanner
	if !s.more() {
		return s.malformed("the end of a string")
	}
	if n := plain(s.buffer[s.next:s.end]); n > 0 {
		t.pending = s.buffer[s.next : s.next+n]
		s.next += n
		return nil
	}
	switch s.buffer[s.next] {
	case '"':
		s.next++
		t.closed = true
		return nil
	case '\\':
		s.next++
		return t.escape()
	}
	return s.malformed("a string without control characters")
}

// escape reads an escape sequence from behind its backslash.
func (t *text) escape() error {
	const names, meanings = `"\/bfnrtu`, "\"\\/\b\f\n\r\t"
	s := t.scanner
	if !s.more() {
		return s.malformed("an escape sequence")
	}
	i := strings.IndexByte(names, s.buffer[s.next])
	if i < 0 {
		return s.malformed("an escape sequence")
	}
	s.next++
	if i == len(meanings) {
		return t.codePoint()
	}
	t.pending = append(t.char[:0], meanings[i])
	return nil
}

// codePoint reads four hexadecimal digits and, where they are the first half of
// a surrogate pair, the second half. Like encoding/json it reads half a pair as
// U+FFFD.
func (t *text) codePoint() error {
	s := t.scanner
	unit, ok := hexadecimal(s.ahead(4))
	if !ok {
		return s.malformed("four hexadecimal digits")
	}
	s.next += 4
	if utf16.IsSurrogate(unit) {
		unit = t.pair(unit)
	}
	t.pending = utf8.AppendRune(t.char[:0], unit)
	return nil
}

// pair returns the character that first begins, and passes the escape sequence
// that completes it.
func (t *text) pair(first rune) rune {
	const escape = `\uXXXX`
	rest := t.scanner.ahead(len(escape))
	if len(rest) < len(escape) || rest[0] != '\\' || rest[1] != 'u' {
		return utf8.RuneError
	}
	second, _ := hexadecimal(rest[2:])
	char := utf16.DecodeRune(first, second)
	if char != utf8.RuneError {
		t.scanner.next += len(escape)
	}
	return char
}

// hexadecimal returns the UTF-16 unit that four digits stand for.
func hexadecimal(digits []byte) (unit rune, ok bool) {
	for _, c := range digits {
		i := strings.IndexByte("0123456789abcdef0123456789ABCDEF", c)
		if i < 0 {
			return 0, false
		}
		unit = unit<<4 | rune(i%16)
	}
	return unit, len(digits) == 4
}

// plain returns how many bytes at the beginning of b stand for themselves in a
// JSON string: no quotation mark, no backslash, no control character. Every byte
// of a batch passes here twice, hence eight at a time.
func plain(b []byte) int {
	n := 0
	for len(b)-n >= 8 && !special(binary.LittleEndian.Uint64(b[n:])) {
		n += 8
	}
	for n < len(b) && b[n] >= ' ' && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// special reports whether one of eight bytes does not stand for itself.
// Subtracting x from each byte borrows from the top bit of those below x;
// exclusive or with a character leaves below 1 those that equal it.
func special(word uint64) bool {
	const each, tops = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^each*'"', word^each*'\\'
	found := (word - each*' ') &^ word
	found |= (quote - each) &^ quote
	found |= (backslash - each) &^ backslash
	return found&tops != 0
}
