package transcript

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestUTF16LengthIsThatOfTheEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if got, want := utf16Length(text), len(utf16.Encode([]rune(text))); got != want {
			t.Fatalf("%q has %d units, want %d", text, got, want)
		}
	})
}

func TestColumnsAreCutAtACharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("ab\u00e9話\U0001F600"))).Draw(t, "text")
		limit := rapid.IntRange(0, 20).Draw(t, "limit")
		cut := cutUnits(text, limit)
		if !strings.HasPrefix(text, cut) || !utf8.ValidString(cut) || utf16Length(cut) > limit {
			t.Fatalf("%q cut to %d units is %q", text, limit, cut)
		}
		next, _ := utf8.DecodeRuneInString(text[len(cut):])
		if cut != text && utf16Length(cut)+utf16Width(next) <= limit {
			t.Fatalf("%q cut to %d units lost more than it had to: %q", text, limit, cut)
		}
	})
}

// inflate undoes the compression of a record's activity.
func inflate(t *testing.T, compressed []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// activityOfUnits returns an activity that makes exactly the given number of
// UTF-16 units, most of them of the character.
func activityOfUnits(units int, character string) string {
	const frame = `{"type":"message","id":"1","conversation":{"id":"c"},"text":""}`
	width := utf16Length(character)
	filler := strings.Repeat(character, (units-len(frame))/width) + strings.Repeat("x", (units-len(frame))%width)
	return strings.Replace(frame, `""`, `"`+filler+`"`, 1)
}

func TestAnActivityBeyondAPropertyIsGzipped(t *testing.T) {
	for _, character := range []string{"x", "é", "話", "😀"} {
		fits := recordOne(t, activityOfUnits(MaxProperty/2, character))
		if fits.Compressed != nil {
			t.Errorf("%d bytes of %s were gzipped although they fit", len(fits.Activity), character)
		}
		body := activityOfUnits(MaxProperty/2+1, character)
		over := recordOne(t, body)
		if over.Compressed == nil || string(inflate(t, over.Compressed)) != body || string(over.Activity) != body {
			t.Errorf("%d bytes of %s were not gzipped, or not the same", len(over.Activity), character)
		}
		if again := recordOne(t, body); !bytes.Equal(again.Compressed, over.Compressed) {
			t.Error("gzipped again, the same activity gives other bytes")
		}
	}
}

func TestColumnsFitAProperty(t *testing.T) {
	long := strings.Repeat("x", 1<<15-1) + "😀" // the surrogate pair straddles the limit
	text, _ := json.Marshal(long)
	body := fmt.Sprintf(`{"type":%[1]s,"id":%[1]s,"channelId":%[1]s,"replyToId":%[1]s,"text":%[1]s,"from":{"id":%[1]s,"name":%[1]s,"role":%[1]s},"recipient":{"id":%[1]s,"name":%[1]s,"role":"user"},"conversation":{"id":%[1]s}}`, text)
	record := recordOne(t, body)
	for _, column := range []string{
		record.Type, record.ActivityID, record.ConversationID, record.ChannelID, record.ReplyToID, record.Text,
		record.FromID, record.FromName, record.Role, record.User.ID, record.User.Name,
	} {
		if column != long[:1<<15-1] {
			t.Errorf("a column holds %d units and ends %q", utf16Length(column), column[len(column)-4:])
		}
	}
}

// incompressible returns an activity whose gzip takes about the given number of
// bytes, with a long text besides.
func incompressible(gzipped int, text string) string {
	random := rand.NewChaCha8([32]byte{})
	noise := make([]byte, gzipped)
	_, _ = random.Read(noise)
	return fmt.Sprintf(`{"type":"message","id":"1","conversation":{"id":"c"},"text":%q,"noise":%q}`, text, base64.StdEncoding.EncodeToString(noise))
}

// rowSize counts a row anew: every property by the published formula.
func rowSize(r Record) int {
	size := 4 + 2*(len(r.Key.Partition)+len(r.Key.Row))
	text := func(name, content string) { size += 8 + 2*len(name) + 4 + 2*len(utf16.Encode([]rune(content))) }
	for name, content := range map[string]string{
		"Assistant": r.Assistant, "ConversationId": r.ConversationID, "ActivityId": r.ActivityID, "Type": r.Type, "Role": r.Role,
		"FromId": r.FromID, "FromName": r.FromName, "Text": r.Text, "ChannelId": r.ChannelID, "ReplyToId": r.ReplyToID,
	} {
		text(name, content)
	}
	size += 2*(8+8) + 2*len("SentAt"+"Timestamp")
	if r.Compressed == nil {
		text("Activity", string(r.Activity))
		return size
	}
	for i, rest := 0, r.Compressed; len(rest) > 0; i++ {
		part := rest[:min(len(rest), MaxProperty)]
		size += 8 + 2*len(fmt.Sprint("ActivityGzip", i)) + 4 + len(part)
		rest = rest[len(part):]
	}
	return size
}

func TestTextIsCutSoThatTheRowFits(t *testing.T) {
	text := strings.Repeat("話", 30_000)
	roomy := recordOne(t, incompressible(100<<10, text))
	if roomy.Text != text || roomy.Compressed == nil {
		t.Errorf("the text was cut to %d units although there is room", utf16Length(roomy.Text))
	}
	tight := recordOne(t, incompressible(1010<<10, text))
	if tight.Text == "" || tight.Text == text || !strings.HasPrefix(text, tight.Text) || tight.Type != "message" {
		t.Errorf("the text has %d units of %d, the type is %q", utf16Length(tight.Text), utf16Length(text), tight.Type)
	}
	if size := rowSize(tight); size > MaxRow || size < MaxRow-64 {
		t.Errorf("the row has %d bytes, want just %d", size, MaxRow)
	}
}

func TestAnActivityThatFitsNoRowIsSetAside(t *testing.T) {
	for _, size := range []int{1<<20 - 200, 1<<20 + 200} {
		result, records := recordAll(t, Message{Body: []byte(incompressible(size, "x"))}, Message{Body: []byte(activityOfUnits(200, "x"))})
		if len(result.SetAside) != 1 || result.SetAside[0].Reason != TooLarge || len(records) != 1 || result.Stored != 1 {
			t.Errorf("%d bytes: %d set aside, %d stored", size, len(result.SetAside), len(records))
		}
	}
	if record := recordOne(t, activityOfUnits(3<<19, "x")); len(record.Activity) != 3<<19 {
		t.Error("1.5 MiB that gzip makes small were changed")
	}
}

func TestManyFullColumnsStillFit(t *testing.T) {
	full := strings.Repeat("x", 1<<15)
	record := Record{
		Key: NewKey("bankx", full, full, oldTime()), Assistant: "bankx", ConversationID: full, ActivityID: full, Type: full, Role: full,
		FromID: full, FromName: full, Text: full, ChannelID: full, ReplyToID: full, Compressed: make([]byte, 600<<10),
	}
	if !record.fitRow() || rowSize(record) > MaxRow {
		t.Errorf("the row has %d bytes", rowSize(record))
	}
	if record.Type != full || record.ChannelID != full || record.Text != "" {
		t.Error("the columns that people miss least were not cut first")
	}
	record.Compressed = make([]byte, 1<<20-100<<10)
	if record.fitRow() {
		t.Error("a row fits without room for its ids")
	}
}
