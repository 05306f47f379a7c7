package invocation_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgate/internal/invocation"
)

// batch returns messages as a busy bot would send them.
func batch(count, size int) []invocation.Message {
	messages := make([]invocation.Message, count)
	for i := range messages {
		text := strings.Repeat("Grüße! ", size/8)
		messages[i] = invocation.Message{
			Body:       fmt.Appendf(nil, `{"type":"message","id":"%08d","text":%q}`, i, text),
			ID:         fmt.Sprintf("5b0e8b3c-9a2e-4a55-8f5e-%012d", i),
			EnqueuedAt: time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC),
			Assistant:  "bankx",
		}
	}
	return messages
}

func BenchmarkDecodeMessages(b *testing.B) {
	for _, shape := range []struct{ count, size int }{{1, 1 << 10}, {250, 1 << 10}, {1000, 1 << 10}, {100, 256 << 10}} {
		messages := batch(shape.count, shape.size)
		for _, writer := range []writer{writers[0], writers[2]} {
			envelope := []byte(writer.envelope(messages))
			b.Run(fmt.Sprintf("%dx%dKiB/%s", shape.count, shape.size>>10, writer.name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(envelope)))
				for b.Loop() {
					got, err := invocation.DecodeMessages(bytes.NewReader(envelope), "activities")
					if err != nil || len(got) != len(messages) {
						b.Fatalf("%d messages, %v", len(got), err)
					}
				}
			})
		}
	}
}
