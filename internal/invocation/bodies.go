package invocation

import (
	"encoding/base64"
	"io"
)

const (
	// partSize is a multiple of four, so that the parts of a spool can be
	// decoded one by one.
	partSize = 16 << 10
	// firstBlock and lastBlock are how much memory the small bodies of a batch
	// share: each block is twice as large as the one before, up to the last size.
	firstBlock, lastBlock = 8 << 10, 64 << 10
)

// bodies reads the elements of a batch, and keeps the memory they need to few
// allocations.
type bodies struct {
	spool spool
	arena arena
}

// read reads one element.
func (b *bodies) read(s *scanner) ([]byte, error) {
	const expected = "a base64 string or null " + declared
	c, err := s.peek(expected)
	if err != nil {
		return nil, err
	}
	if c == 'n' {
		return nil, s.literal("null")
	}
	if c != '"' {
		return nil, s.malformed(expected)
	}
	text, err := s.string()
	if err != nil {
		return nil, err
	}
	if err := b.spool.fill(text); err != nil {
		return nil, err
	}
	if body, ok := b.decode(); ok {
		return body, nil
	}
	return b.verbatim(), nil
}

// decode returns what the spool holds as base64, if it is.
func (b *bodies) decode() ([]byte, bool) {
	if b.spool.length%4 != 0 {
		return nil, false
	}
	body := b.arena.take(base64.StdEncoding.DecodedLen(b.spool.length))
	n, ok := b.decodeInto(body)
	if !ok {
		b.arena.giveBack()
		return nil, false
	}
	return body[:n], true
}

// decodeInto decodes the parts of the spool one after the other. Package base64
// ignores line breaks, and the host writes none: a text that has one, or padding
// before its end, comes out shorter than the padding at the end accounts for.
func (b *bodies) decodeInto(body []byte) (n int, ok bool) {
	const padding = 2
	encoding := base64.StdEncoding.Strict()
	expected := 0
	for part := range b.spool.all {
		if n != expected {
			return 0, false
		}
		decoded, err := encoding.Decode(body[n:], part)
		if err != nil {
			return 0, false
		}
		n += decoded
		expected += encoding.DecodedLen(len(part))
	}
	return n, n+padding >= expected
}

// verbatim returns what the spool holds as it is.
func (b *bodies) verbatim() []byte {
	body := b.arena.take(b.spool.length)
	n := 0
	for part := range b.spool.all {
		n += copy(body[n:], part)
	}
	return body
}

// spool holds the text of one element, whose length is known only at its end,
// in parts that the next element uses again: a text that grew in one piece
// would leave a trail of smaller pieces behind.
type spool struct {
	parts  [][]byte
	length int
}

// fill replaces what s holds by what reader gives.
func (s *spool) fill(reader io.Reader) error {
	s.length = 0
	for {
		i, used := s.length/partSize, s.length%partSize
		if i == len(s.parts) {
			s.parts = append(s.parts, make([]byte, partSize))
		}
		n, err := reader.Read(s.parts[i][used:])
		s.length += n
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// all yields what s holds; every part but the last is full.
func (s *spool) all(yield func([]byte) bool) {
	for left, i := s.length, 0; left > 0; i++ {
		n := min(left, partSize)
		if !yield(s.parts[i][:n]) {
			return
		}
		left -= n
	}
}

// arena hands out memory, small pieces from a common block.
type arena struct {
	block  []byte
	size   int
	before []byte // the block as it was before the last piece
}

// take returns n bytes, with no room to append. A piece that would waste much of a block gets its own.
func (a *arena) take(n int) []byte {
	const small = firstBlock
	if n > small {
		a.before = a.block
		return make([]byte, n)
	}
	if n > len(a.block) {
		a.size = min(max(2*a.size, firstBlock), lastBlock)
		a.block = make([]byte, a.size)
	}
	a.before = a.block
	a.block = a.block[n:]
	return a.before[:n:n]
}

// giveBack makes the last piece part of its block again. Nobody may hold it.
func (a *arena) giveBack() {
	a.block = a.before
}
