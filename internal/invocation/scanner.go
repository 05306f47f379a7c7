package invocation

import (
	"fmt"
	"io"
)

const (
	// bufferSize is how many bytes a scanner reads ahead.
	bufferSize = 16 << 10
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
