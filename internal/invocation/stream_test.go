package invocation_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/invocation"
)

// TestAnyChunks: the host sends chunked bodies, whose pieces end anywhere.
func TestAnyChunks(t *testing.T) {
	want := decode(t, hostExample)
	for name, reader := range map[string]func(io.Reader) io.Reader{
		"one byte at a time":         iotest.OneByteReader,
		"half of what was asked for": iotest.HalfReader,
		"the end beside the data":    iotest.DataErrReader,
		"often nothing":              func(r io.Reader) io.Reader { return &hesitant{source: iotest.OneByteReader(r)} },
	} {
		t.Run(name, func(t *testing.T) {
			got, err := invocation.DecodeMessages(reader(strings.NewReader(hostExample)), "activities")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// hesitant gives nothing every other time, which io.Reader allows.
type hesitant struct {
	source io.Reader
	calls  int
}

func (h *hesitant) Read(p []byte) (int, error) {
	h.calls++
	if h.calls%2 == 1 {
		return 0, nil
	}
	return h.source.Read(p)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestCutAnywhere: a body that ends too soon is never taken for a smaller batch.
func TestCutAnywhere(t *testing.T) {
	indented, escaped := writers[1], writers[2]
	for _, envelope := range []string{
		hostExample,
		strings.TrimSpace(indented.envelope(batch(1, 8))),
		escaped.envelope(batch(1, 8)),
	} {
		for length := range len(envelope) {
			messages, err := invocation.DecodeMessages(strings.NewReader(envelope[:length]), "activities")
			var malformed *invocation.MalformedError
			if !errors.As(err, &malformed) {
				t.Fatalf("cut behind\n%s\n%d messages and %v", envelope[:length], len(messages), err)
			}
		}
	}
}

// TestBrokenAnywhere: a broken connection is reported as such, wherever it
// breaks, also where an array of Metadata could have been at fault.
func TestBrokenAnywhere(t *testing.T) {
	broken := errors.New("connection reset")
	for _, cause := range []error{broken, io.ErrUnexpectedEOF, &closedError{}} {
		for length := range len(hostExample) + 1 {
			body := io.MultiReader(strings.NewReader(hostExample[:length]), iotest.ErrReader(cause))
			_, err := invocation.DecodeMessages(body, "activities")
			if !errors.Is(err, cause) {
				t.Fatalf("broken by %v behind byte %d: %v", cause, length, err)
			}
		}
	}
}

// closedError is an error that wraps io.EOF, and yet no clean end.
type closedError struct{}

func (*closedError) Error() string { return "closed" }
func (*closedError) Unwrap() error { return io.EOF }

func TestStuckReader(t *testing.T) {
	body := io.MultiReader(strings.NewReader(`{"Data":`), stuck{})
	if _, err := invocation.DecodeMessages(body, "activities"); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("%v, want io.ErrNoProgress", err)
	}
}

// repeated gives piece count times.
type repeated struct {
	piece string
	count int
	rest  string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.count == 0 {
			return 0, io.EOF
		}
		r.count--
		r.rest = r.piece
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestSizeLimit(t *testing.T) {
	if raceDetector {
		t.Skip("256 MiB take too long under the race detector; this test runs without it")
	}
	const head, tail = `{"Data":{"activities":"[]"},"x":"`, `"}`
	body := func(size int) io.Reader {
		filling := &repeated{piece: strings.Repeat("x", 1<<10), count: (size - len(head) - len(tail)) / (1 << 10)}
		rest := strings.Repeat("x", (size-len(head)-len(tail))%(1<<10))
		return io.MultiReader(strings.NewReader(head), filling, strings.NewReader(rest+tail))
	}
	if _, err := invocation.DecodeMessages(body(invocation.MaxBody), "activities"); err != nil {
		t.Errorf("a body of the greatest size: %v", err)
	}
	_, err := invocation.DecodeMessages(body(invocation.MaxBody+1), "activities")
	var tooLarge *invocation.TooLargeError
	if !errors.As(err, &tooLarge) || tooLarge.Limit != invocation.MaxBody || tooLarge.Unit != "bytes" {
		t.Errorf("one byte more: %v, want a *TooLargeError", err)
	}
}

// watched samples how much of the heap is in use as it is read.
type watched struct {
	source      io.Reader
	read, next  int
	before, max uint64
}

func watch(source io.Reader) *watched {
	runtime.GC()
	w := &watched{source: source}
	w.before = w.inUse()
	return w
}

func (w *watched) inUse() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func (w *watched) Read(p []byte) (int, error) {
	const interval = 64 << 10
	if w.read >= w.next {
		w.max = max(w.max, w.inUse())
		w.next += interval
	}
	n, err := w.source.Read(p)
	w.read += n
	return n, err
}

// peak returns the most that was in use, garbage included, per byte read.
func (w *watched) peak() float64 {
	return float64(w.max-w.before) / float64(w.read)
}

// largeEnvelopes are envelopes of about size bytes that exist only while they
// are read. The filling behind the batch lets watched see what is held when the
// last body has been decoded.
func largeEnvelope(element string, count int) io.Reader {
	filling := strings.Repeat("x", 128<<10)
	return io.MultiReader(
		strings.NewReader(`{"Data":{"activities":"[`),
		&repeated{piece: element + `,`, count: count - 1},
		strings.NewReader(element+`]"},"Metadata":{"LockTokenArray":"`+filling+`"}}`),
	)
}

func TestMemory(t *testing.T) {
	size := 60_000_000
	if raceDetector {
		size = 8_000_000
	}
	ofLength := func(length int, unit string) string {
		return `\"` + strings.Repeat(unit, length/len(unit)) + `\"`
	}
	for name, test := range map[string]struct {
		element string
		ceiling float64
	}{
		"messages of 1 KB":            {ofLength(1368, "QUJD"), 1},
		"messages of 256 KiB":         {ofLength(349_528, "QUJD"), 1},
		"messages that are no base64": {ofLength(1000, "text "), 1.4},
		"one message":                 {ofLength(size, "QUJD"), 2},
		"one message, no base64":      {ofLength(size, "text "), 3},
	} {
		t.Run(name, func(t *testing.T) {
			count := size / len(test.element)
			body := watch(largeEnvelope(test.element, max(count, 1)))
			messages, err := invocation.DecodeMessages(body, "activities")
			if err != nil || len(messages) != max(count, 1) {
				t.Fatalf("%d messages, %v", len(messages), err)
			}
			runtime.KeepAlive(messages)
			t.Logf("%d messages in %d bytes: at most %.2f bytes held for each byte read", len(messages), body.read, body.peak())
			if body.peak() > test.ceiling {
				t.Errorf("held %.2f bytes for each byte read, want at most %.2f", body.peak(), test.ceiling)
			}
		})
	}
}
