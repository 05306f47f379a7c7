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
		want := rapid.SliceOfN(anyMessage(), 0, 3).Draw(t, "messages")
		writer := rapid.SampledFrom(writers).Draw(t, "writer")
		envelope := writer.envelope(want)
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
		rapid.SampledFrom([][]byte{nil, {0}, {0xfb, 0xff}, bytes.Repeat([]byte("ab+/="), 200)}),
	)
	seconds := rapid.Int64Range(1, 4e9)
	return rapid.Custom(func(t *rapid.T) invocation.Message {
		return invocation.Message{
			Body:       bodies.Draw(t, "body"),
			ID:         rapid.StringN(-1, -1, 128).Draw(t, "id"),
			EnqueuedAt: time.Unix(seconds.Draw(t, "seconds"), 1e6*rapid.Int64Range(0, 999).Draw(t, "ms")).UTC(),
			Assistant:  rapid.StringN(-1, -1, 128).Draw(t, "assistant"),
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

// TestOddEnvelopes: members in any order, twice or missing, arrays with any
// value in them, wrong JSON here and there: encoding/json agrees on all of it.
func TestOddEnvelopes(t *testing.T) {
	names := append([]string{"MessageIdArray", "EnqueuedTimeUtcArray", "EnqueuedTimeArray",
		"ApplicationPropertiesArray", "DeliveryCountArray", "sys"}, "activities", "Data", "Metadata")
	rapid.Check(t, func(t *rapid.T) {
		odd := &oddities{t: t, writer: rapid.SampledFrom(writers[:5]).Draw(t, "writer"), names: names}
		body := []byte(odd.envelope())
		got, err := invocation.DecodeMessages(bytes.NewReader(body), "activities")
		want, wantErr := naive(body, "activities")
		if (wantErr == nil) != (err == nil) {
			t.Fatalf("DecodeMessages: %v; encoding/json: %v\n%s", err, wantErr, body)
		}
		if diff := cmp.Diff(want, got, sameMessages); diff != "" {
			t.Fatalf("(-encoding/json +DecodeMessages):\n%s\n%s", diff, body)
		}
	})
}

// oddities draws envelopes that no host would send.
type oddities struct {
	t      *rapid.T
	writer writer
	names  []string
}

func (o *oddities) envelope() string {
	members := []pair{
		{"Data", o.object(o.names[6:7], 1)},
		{"Metadata", o.object(o.names[:6], 6)},
	}
	if o.rarely() {
		members = append(members, pair{rapid.SampledFrom(o.names).Draw(o.t, "name"), o.element()})
	}
	return o.writer.object(rapid.Permutation(members).Draw(o.t, "members")...)
}

func (o *oddities) rarely() bool {
	return rapid.IntRange(0, 9).Draw(o.t, "rarely") == 9
}

func (o *oddities) object(names []string, most int) string {
	if o.rarely() {
		return o.element()
	}
	var members []pair
	for range rapid.IntRange(1, most+1).Draw(o.t, "count") {
		members = append(members, pair{rapid.SampledFrom(names).Draw(o.t, "name"), o.array()})
	}
	return o.writer.object(members...)
}

func (o *oddities) array() string {
	if o.rarely() {
		return o.element()
	}
	var elements []string
	for range rapid.IntRange(0, 3).Draw(o.t, "length") {
		elements = append(elements, o.element())
	}
	array := o.writer.list("[", elements, "]")
	if rapid.Bool().Draw(o.t, "real") {
		return array
	}
	if o.rarely() {
		array = array[:len(array)/2]
	}
	return o.writer.quote(array)
}

func (o *oddities) element() string {
	text := rapid.SampledFrom([]string{
		"YQ==", "YQ=", "a", "", "2026-03-01T10:00:00.5", "2026-03-01T10:00:00+01:00", "0001-01-01T00:00:00",
		"2026-03-01t10:00:00z", "2026-03-01T10:00:60", "2026-03-01", "bankx", "[]", "[null]", `["YQ=="]`, "\U0001F600", "\n",
	})
	value := rapid.SampledFrom([]string{
		"null", "0", "7", "-1", "1e2", "2147483647", "2147483648", "true", "{}", "[]", `[{"assistant":1}]`,
	})
	switch rapid.IntRange(0, 5).Draw(o.t, "kind") {
	case 0:
		return value.Draw(o.t, "value")
	case 1:
		return o.writer.object(
			pair{rapid.SampledFrom([]string{"assistant", "Assistant"}).Draw(o.t, "one"), value.Draw(o.t, "value")},
			pair{rapid.SampledFrom([]string{"assistant", "ASSISTANT"}).Draw(o.t, "two"), o.writer.quote(text.Draw(o.t, "text"))},
		)
	}
	return o.writer.quote(text.Draw(o.t, "text"))
}

// FuzzDecodeMessages compares with the naive decoder, whole and in pieces.
func FuzzDecodeMessages(f *testing.F) {
	f.Add([]byte(hostExample))
	for _, writer := range writers {
		f.Add([]byte(writer.envelope(batch(1, 0))))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := invocation.DecodeMessages(bytes.NewReader(body), "activities")
		inPieces, errInPieces := invocation.DecodeMessages(iotest.OneByteReader(bytes.NewReader(body)), "activities")
		if diff := cmp.Diff(got, inPieces); diff != "" || (err == nil) != (errInPieces == nil) {
			t.Errorf("read byte by byte: %v instead of %v, and (-whole +pieces):\n%s", errInPieces, err, diff)
		}
		if !agreed(body) {
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
