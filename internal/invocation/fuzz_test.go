package invocation_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"chatgate/internal/invocation"
)

// TestAnyBatchComesThrough: whatever the messages and however the host writes
// its JSON, the bodies come out byte for byte.
func TestAnyBatchComesThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(anyMessage(), 0, 5).Draw(t, "messages")
		writer := rapid.SampledFrom(writers).Draw(t, "writer")
		envelope := writer.envelope("activities", want)
		reader := iotest.OneByteReader(strings.NewReader(envelope))
		if rapid.Bool().Draw(t, "all at once") {
			reader = strings.NewReader(envelope)
		}
		got, err := invocation.DecodeMessages(reader, "activities")
		if err != nil {
			t.Fatalf("%v\n%s", err, envelope)
		}
		if diff := cmp.Diff(want, got, sameMessages); diff != "" {
			t.Fatalf("as %s writes it (-want +got):\n%s\n%s", writer.name, diff, envelope)
		}
	})
}

func anyMessage() *rapid.Generator[invocation.Message] {
	bodies := rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.Custom(func(t *rapid.T) []byte { return []byte(rapid.String().Draw(t, "text")) }),
		rapid.SampledFrom([][]byte{nil, {0}, {0xfb, 0xff}, bytes.Repeat([]byte("ab+/="), 3000)}),
	)
	seconds := rapid.Int64Range(1, 4e9)
	return rapid.Custom(func(t *rapid.T) invocation.Message {
		return invocation.Message{
			Body:          bodies.Draw(t, "body"),
			ID:            rapid.StringN(-1, -1, 128).Draw(t, "id"),
			EnqueuedAt:    time.Unix(seconds.Draw(t, "seconds"), 1e6*rapid.Int64Range(0, 999).Draw(t, "ms")).UTC(),
			Assistant:     rapid.StringN(-1, -1, 128).Draw(t, "assistant"),
			DeliveryCount: rapid.IntRange(0, 1<<31-1).Draw(t, "count"),
		}
	})
}

// TestNoElementIsLost: whatever text an element holds, it is the body or its
// base64 is.
func TestNoElementIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9+/=\r\n]{0,40}`)).Draw(t, "text")
		got, err := invocation.DecodeMessages(strings.NewReader(
			`{"Data":{"activities":[`+quoteLikeNewtonsoft(text)+`]}}`), "activities")
		if err != nil {
			t.Fatal(err)
		}
		body := string(got[0].Body)
		if body != text && base64.StdEncoding.EncodeToString(got[0].Body) != text {
			t.Fatalf("element %q became %q", text, body)
		}
	})
}

// FuzzDecodeMessages compares with the naive decoder, whole and in pieces.
func FuzzDecodeMessages(f *testing.F) {
	f.Add([]byte(hostExample))
	for _, writer := range writers {
		f.Add([]byte(writer.envelope("activities", batch(1, 0))))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := invocation.DecodeMessages(bytes.NewReader(body), "activities")
		inPieces, errInPieces := invocation.DecodeMessages(iotest.OneByteReader(bytes.NewReader(body)), "activities")
		if diff := cmp.Diff(got, inPieces); diff != "" || (err == nil) != (errInPieces == nil) {
			t.Errorf("read byte by byte: %v instead of %v, and (-whole +pieces):\n%s", errInPieces, err, diff)
		}
		if !comparable(body) {
			return
		}
		want, wantErr := naive(body, "activities")
		if (wantErr == nil) != (err == nil) {
			t.Fatalf("DecodeMessages: %v; encoding/json: %v", err, wantErr)
		}
		if diff := cmp.Diff(want, got, sameMessages); diff != "" {
			t.Errorf("(-encoding/json +DecodeMessages):\n%s", diff)
		}
	})
}
