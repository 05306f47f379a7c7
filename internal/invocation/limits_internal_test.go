package invocation

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTooManyMessages(t *testing.T) {
	column := column[struct{}]{
		values: make([]struct{}, MaxMessages-2),
		read:   func(s *scanner) (struct{}, error) { return struct{}{}, s.skip() },
	}
	if err := column.fill(newScanner("", strings.NewReader("[1,2]"))); err != nil {
		t.Errorf("as many messages as are allowed: %v", err)
	}
	err := column.fill(newScanner("", strings.NewReader("[3]")))
	var tooLarge *TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Limit != MaxMessages || tooLarge.Unit != "messages" {
		t.Errorf("one message more: %v, want a *TooLargeError", err)
	}
}

func TestBoundedReader(t *testing.T) {
	for _, size := range []int{0, 9, 10} {
		got, err := io.ReadAll(newBoundedReader(strings.NewReader("0123456789"[:size]), 10))
		if len(got) != size || err != nil {
			t.Errorf("of %d bytes, 10 allowed: %d, %v", size, len(got), err)
		}
	}
	got, err := io.ReadAll(newBoundedReader(strings.NewReader("0123456789X"), 10))
	var tooLarge *TooLargeError
	if string(got) != "0123456789" || !errors.As(err, &tooLarge) {
		t.Errorf("of 11 bytes, 10 allowed: %q, %v; want 10 and a *TooLargeError", got, err)
	}
}

// TestPlain checks the search by eights against one by ones, with each byte at
// each place.
func TestPlain(t *testing.T) {
	slow := func(b []byte) int {
		for i, c := range b {
			if c < 0x20 || c == '"' || c == '\\' {
				return i
			}
		}
		return len(b)
	}
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				for _, filling := range []string{" ", "!", "#", "[", "]", "\x7f", "\x80", "\xff"} {
					b := []byte(strings.Repeat(filling, length))
					b[at] = byte(c)
					if got, want := plain(b), slow(b); got != want {
						t.Fatalf("plain(%q) = %d, want %d", b, got, want)
					}
				}
			}
		}
	}
}
