package invocation

import (
	"fmt"
	"strings"
)

// maxDepth is how deep skipped values may nest. The host's own nest three
// levels; the limit keeps hostile ones from growing the stack.
const maxDepth = 100

// object reads an object, calling value behind each name to read the value. The
// name is valid until the next string is read.
func (s *scanner) object(expected string, value func(name []byte) error) error {
	more, err := s.begin('{', '}', expected)
	for more && err == nil {
		more, err = s.member(value)
	}
	return err
}

func (s *scanner) member(value func(name []byte) error) (more bool, err error) {
	name, err := s.name()
	if err != nil {
		return false, err
	}
	if err := value(name); err != nil {
		return false, err
	}
	return s.another('}')
}

// array reads an array, calling element to read each element.
func (s *scanner) array(expected string, element func() error) error {
	more, err := s.begin('[', ']', expected)
	for more && err == nil {
		if err := element(); err != nil {
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
