package invocation

import (
	"fmt"
	"io"
	"strings"
)

const (
	// bufferSize is how many bytes a scanner reads ahead.
	bufferSize = 16 << 10
	// maxDepth is how deep skipped values may nest. The host's own nest three
	// levels; the limit keeps hostile ones from growing the stack.
	maxDepth = 100
	// maxReads is how often in a row a source may give nothing before it counts
	// as stuck, as in package bufio.
	maxReads = 100
)

// scanner reads JSON (RFC 8259) from a stream, one step at a time, and holds no
// more of it than its buffer. A method that succeeds leaves the scanner behind
// what it read; after an error the scanner is of no use. It accepts and refuses
// what encoding/json does, but for the bound on nesting, and passes on invalid
// UTF-8 in strings as it is.
type scanner struct {
	where     string
	source    io.Reader
	buffer    []byte
	next, end int   // what is read ahead is buffer[next:end]
	passed    int64 // how many bytes of the source came before buffer[0]
	ended     bool  // the source has come to its end
	failed    error // why the source gives no more before its end
	text      text
	word      []byte
}

func newScanner(where string, source io.Reader) *scanner {
	return &scanner{where: where, source: source, buffer: make([]byte, bufferSize)}
}

// reset makes s read another source.
func (s *scanner) reset(where string, source io.Reader) {
	*s = scanner{where: where, source: source, buffer: s.buffer, word: s.word}
}

// load adds at least one byte to the buffer, unless the source gives no more.
func (s *scanner) load() {
	s.passed += int64(s.next)
	s.end = copy(s.buffer, s.buffer[s.next:s.end])
	s.next = 0
	for range maxReads {
		if s.ended || s.failed != nil {
			return
		}
		n, err := s.source.Read(s.buffer[s.end:])
		s.end += n
		if err == io.EOF {
			s.ended = true
		} else {
			s.failed = err
		}
		if n > 0 {
			return
		}
	}
	s.failed = io.ErrNoProgress
}

// more reports whether there is a next byte.
func (s *scanner) more() bool {
	if s.next == s.end {
		s.load()
	}
	return s.next < s.end
}

// ahead returns the next n bytes without passing them, or fewer where the
// source gives no more. They are valid until the next call.
func (s *scanner) ahead(n int) []byte {
	for s.end-s.next < n && !s.ended && s.failed == nil {
		s.load()
	}
	return s.buffer[s.next:min(s.end, s.next+n)]
}

// offset returns how many bytes have been passed.
func (s *scanner) offset() int64 {
	return s.passed + int64(s.next)
}

// malformed returns the error for the next byte not being what was expected. A
// source that failed is reported as that, and not as a text cut short.
func (s *scanner) malformed(expected string) error {
	found := "the end"
	if s.more() {
		found = fmt.Sprintf("%q", s.buffer[s.next])
	} else if s.failed != nil {
		return fmt.Errorf("reading %s: %w", s.where, s.failed)
	}
	return &MalformedError{Where: s.where, Offset: s.offset(), Expected: expected, Found: found}
}

// peek passes white space and returns the byte behind it without passing that.
func (s *scanner) peek(expected string) (byte, error) {
	for s.more() {
		switch c := s.buffer[s.next]; c {
		case ' ', '\t', '\r', '\n':
			s.next++
		default:
			return c, nil
		}
	}
	return 0, s.malformed(expected)
}

// expect passes white space and then c.
func (s *scanner) expect(c byte, expected string) error {
	found, err := s.peek(expected)
	if err != nil {
		return err
	}
	if found != c {
		return s.malformed(expected)
	}
	s.next++
	return nil
}

// finish passes white space and fails if the source goes on, or fails, behind it.
func (s *scanner) finish() error {
	_, err := s.peek("")
	if err == nil || !s.ended {
		return s.malformed("nothing more")
	}
	return nil
}

// object reads an object, calling member behind each name; member reads the
// value. The name is valid until the next string is read.
func (s *scanner) object(expected string, member func(name []byte) error) error {
	more, err := s.begin('{', '}', expected)
	for more && err == nil {
		var name []byte
		if name, err = s.name(); err != nil {
			return err
		}
		if err = member(name); err != nil {
			return err
		}
		more, err = s.another('}')
	}
	return err
}

// array reads an array, calling element before each element to read it.
func (s *scanner) array(expected string, element func() error) error {
	more, err := s.begin('[', ']', expected)
	for more && err == nil {
		if err = element(); err != nil {
			return err
		}
		more, err = s.another(']')
	}
	return err
}

// begin passes an opening bracket and reports whether anything comes before the
// closing one; if not, it passes that too.
func (s *scanner) begin(opening, closing byte, expected string) (bool, error) {
	if err := s.expect(opening, expected); err != nil {
		return false, err
	}
	c, err := s.peek("a value or a closing bracket")
	if err != nil || c != closing {
		return true, err
	}
	s.next++
	return false, nil
}

// another passes a comma or the closing bracket, and reports whether it was the
// comma.
func (s *scanner) another(closing byte) (bool, error) {
	const expected = "a comma or a closing bracket"
	c, err := s.peek(expected)
	if err != nil {
		return false, err
	}
	if c != ',' && c != closing {
		return false, s.malformed(expected)
	}
	s.next++
	return c == ',', nil
}

// name reads a member's name and the colon. A name of more than maxName bytes
// comes back cut, and equals none that anybody looks for.
func (s *scanner) name() ([]byte, error) {
	const maxName = 256
	name, _, err := s.short(maxName)
	if err != nil {
		return nil, err
	}
	return name, s.expect(':', "a colon")
}

// string passes the opening quotation mark of a string and returns its content
// for reading, valid until the next string.
func (s *scanner) string() (*text, error) {
	if err := s.expect('"', "a string"); err != nil {
		return nil, err
	}
	s.text = text{scanner: s}
	return &s.text, nil
}

// short reads a string. It returns at most limit bytes of the content, valid
// until the next string, and whether that is all of it.
func (s *scanner) short(limit int) (content []byte, whole bool, err error) {
	text, err := s.string()
	if err != nil {
		return nil, false, err
	}
	s.word, whole = s.word[:0], true
	for text.advance() {
		room := min(len(text.pending), limit-len(s.word))
		whole = whole && room == len(text.pending)
		s.word = append(s.word, text.pending[:room]...)
	}
	return s.word, whole, text.failed
}

// skip reads any value and drops it.
func (s *scanner) skip() error {
	return s.skipNested(maxDepth)
}

func (s *scanner) skipNested(depth int) error {
	c, err := s.peek("a value")
	if err != nil {
		return err
	}
	switch c {
	case '"':
		_, _, err = s.short(0)
		return err
	case '{', '[':
		return s.skipList(c, depth)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

func (s *scanner) skipList(opening byte, depth int) error {
	if depth == 0 {
		return s.malformed(fmt.Sprintf("values nested at most %d levels deep", maxDepth))
	}
	inside := func() error { return s.skipNested(depth - 1) }
	if opening == '[' {
		return s.array("an array", inside)
	}
	return s.object("an object", func([]byte) error { return inside() })
}

// literal passes word.
func (s *scanner) literal(word string) error {
	if string(s.ahead(len(word))) != word {
		return s.malformed(word)
	}
	s.next += len(word)
	return nil
}

// number passes a number (RFC 8259 section 6).
func (s *scanner) number() error {
	s.accept("-")
	if !s.accept("0") && !s.digits() {
		return s.malformed("a value")
	}
	if s.accept(".") && !s.digits() {
		return s.malformed("a digit")
	}
	if !s.accept("eE") {
		return nil
	}
	s.accept("+-")
	if !s.digits() {
		return s.malformed("a digit")
	}
	return nil
}

// digits passes decimal digits and reports whether there was one.
func (s *scanner) digits() bool {
	some := false
	for s.accept("0123456789") {
		some = true
	}
	return some
}

// accept passes the next byte if it is one of set, and reports whether it was.
func (s *scanner) accept(set string) bool {
	if !s.more() || strings.IndexByte(set, s.buffer[s.next]) < 0 {
		return false
	}
	s.next++
	return true
}
