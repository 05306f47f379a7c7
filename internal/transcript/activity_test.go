package transcript

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

func TestEveryColumnIsTaken(t *testing.T) {
	record := recordOne(t, `{"type":"message","id":"c|0000001","timestamp":"2019-10-25T11:07:11.1234567+00:00","text":"Gr\u00fc\u00dfe \ud83d\ude00",
		"channelId":"directline","replyToId":"c|0000000","from":{"id":"bot-1","name":"Bot","role":"bot"},
		"recipient":{"id":"u1","name":"Zoë","role":"User"},"conversation":{"id":"c","isGroup":false},"locale":"de"}`)
	record.Activity = nil
	at := time.Date(2019, 10, 25, 11, 7, 11, 123456700, time.UTC)
	want := Record{
		Key:       NewKey("bankx", "c", "c|0000001", at),
		Assistant: "bankx", ConversationID: "c", ActivityID: "c|0000001", Type: "message", Role: "bot", FromID: "bot-1", FromName: "Bot",
		Text: "Grüße 😀", ChannelID: "directline", ReplyToID: "c|0000000", SentAt: at,
		User: Party{ID: "u1", Name: "Zoë", Certainty: UserByRole},
	}
	if diff := cmp.Diff(want, record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestTheColumnKeeps100NanosecondsAndTheKeyAll(t *testing.T) {
	record := recordOne(t, `{"type":"message","id":"1","timestamp":"2019-10-25T11:07:11.123456789Z","conversation":{"id":"c"}}`)
	if got := record.SentAt.Nanosecond(); got != 123456700 {
		t.Errorf("SentAt has %d ns", got)
	}
	if !strings.HasPrefix(record.Key.Row, "20191025T110711.123456789Z.") {
		t.Errorf("the row key is %s", record.Key.Row)
	}
}

func TestMembersOfTheWrongTypeLeaveColumnsEmpty(t *testing.T) {
	for _, wrong := range []string{`5`, `null`, `true`, `"x"`, `["a"]`, `{"id":5,"name":[],"role":{}}`, `{}`} {
		name := strings.NewReplacer("W", wrong).Replace(
			`{"type":"message","id":W,"timestamp":W,"channelId":W,"replyToId":W,"from":W,"recipient":W,"text":W,"conversation":{"id":"c","id":"c"},"value":W,"name":W}`)
		record := recordOne(t, name)
		if string(record.Activity) != name || record.ConversationID != "c" {
			t.Errorf("%s was stored as %s", name, record.Activity)
		}
		if wrong != `"x"` && (record.Text != "" || record.ChannelID != "" || record.ReplyToID != "") {
			t.Errorf("%s gave columns %+v", name, record)
		}
		if record.FromID != "" || record.FromName != "" || record.Role != "" || record.User != (Party{}) {
			t.Errorf("%s gave parties %+v", name, record)
		}
	}
}

func TestTheLastOfSeveralMembersCounts(t *testing.T) {
	record := recordOne(t, `{"type":"event","type":"message","id":"1","\u0069d":"2","Text":"no","text":"first","text":"last","from":{"id":"a","id":"b"},
		"conversation":{"id":"x"},"conversation":{"id":"c"}}`)
	if record.Type != "message" || record.ActivityID != "2" || record.Text != "last" || record.FromID != "b" || record.ConversationID != "c" {
		t.Errorf("record is %+v", record)
	}
}

func TestMessagesThatAreNoActivities(t *testing.T) {
	deep := func(levels int) string {
		return `{"type":"message","conversation":{"id":"c"},"value":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	tests := []struct {
		name, body string
		want       Reason
	}{
		{"empty", "", NotJSON},
		{"white space", " \r\n\t", NotJSON},
		{"a byte order mark alone", "\ufeff", NotJSON},
		{"two byte order marks", "\ufeff\ufeff{}", NotJSON},
		{"words", "hello", NotJSON},
		{"cut off", `{"type":"message","conversation":{"id":"c"}`, NotJSON},
		{"two values", `{"type":"message","conversation":{"id":"c"}} {}`, NotJSON},
		{"trailing comma", `[{"type":"message","conversation":{"id":"c"}},]`, NotJSON},
		{"not UTF-8", "{\"type\":\"message\",\"conversation\":{\"id\":\"c\"},\"text\":\"\xff\"}", NotJSON},
		{"a surrogate in UTF-8", "{\"type\":\"message\",\"conversation\":{\"id\":\"\xed\xa0\x80\"}}", NotJSON},
		{"UTF-16", "\xff\xfe{\x00}\x00", NotJSON},
		{"a NUL", "{}\x00", NotJSON},
		{"one level too deep", deep(maxDepth + 1), NotJSON},
		{"a million levels", strings.Repeat("[", 1e6), NotJSON},
		{"null", `null`, NotAnActivity},
		{"a number", `5`, NotAnActivity},
		{"a string", `"{}"`, NotAnActivity},
		{"an empty object", `{}`, NotAnActivity},
		{"no type", `{"conversation":{"id":"c"}}`, NotAnActivity},
		{"a type in capitals alone", `{"Type":"message","conversation":{"id":"c"}}`, NotAnActivity},
		{"an empty type", `{"type":"","conversation":{"id":"c"}}`, NotAnActivity},
		{"a type that is no string", `{"type":5,"conversation":{"id":"c"}}`, NotAnActivity},
		{"no conversation", `{"type":"message"}`, NotAnActivity},
		{"a conversation that is no object", `{"type":"message","conversation":"c"}`, NotAnActivity},
		{"no conversation.id", `{"type":"message","conversation":{}}`, NotAnActivity},
		{"an empty conversation.id", `{"type":"message","conversation":{"id":""}}`, NotAnActivity},
		{"a conversation.id that is null", `{"type":"message","conversation":{"id":null}}`, NotAnActivity},
		{"a conversation.id that is a number", `{"type":"message","conversation":{"id":7}}`, NotAnActivity},
		{"an array of null", `[null]`, NotAnActivity},
		{"an array in an array", `[[{"type":"message","conversation":{"id":"c"}}]]`, NotAnActivity},
		{"one bad element of three", `[{"type":"message","conversation":{"id":"c"}},{"type":"message"},{"type":"message","conversation":{"id":"c"}}]`, NotAnActivity},
		{"a transcript", `{"transcript":[{"type":"message","conversation":{"id":"c"}}]}`, NotAnActivity},
		{"a skipped type without a conversation", `{"type":"typing"}`, NotAnActivity},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			result, records := recordAll(t, Message{ID: "bad", Body: []byte(test.body)}, Message{ID: "good", Body: []byte(`{"type":"message","id":"1","conversation":{"id":"c"}}`)})
			if len(result.SetAside) != 1 || result.SetAside[0].Reason != test.want || result.SetAside[0].Message.ID != "bad" {
				t.Errorf("set aside: %+v, want the first message as %s", result.SetAside, test.want)
			}
			if result.Stored != 1 || len(records) != 1 {
				t.Errorf("%d stored, want the other message alone", result.Stored)
			}
		})
	}
	recordOne(t, deep(maxDepth))
}

func TestDetailsSayWhereAndNotWhat(t *testing.T) {
	tests := map[string]string{
		`{"text":"secret"`:                                       "the message is not JSON from byte 16",
		`[{"type":"message"}, "secret"]`:                         "element 0: no conversation.id",
		`[{"type":"event","conversation":{"id":"c"}}, "secret"]`: "element 1: not an object",
		`{"text":"secret"}`:                                      "no type",
	}
	for body, want := range tests {
		result, _ := recordAll(t, Message{Body: []byte(body)})
		if got := result.SetAside[0].Detail; got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestAnArrayIsItsElements(t *testing.T) {
	elements := []string{
		"{ \"type\":\"message\",\"id\":\"1\" ,\n\"conversation\":{\"id\":\"c\"}}",
		`{"id":"2","type":"message","conversation":{"id":"c"},"a":1.0E+2,"b":"\/\u0041"}`,
	}
	for _, body := range []string{
		"[" + strings.Join(elements, ",") + "]",
		"\ufeff \r\n[\t" + strings.Join(elements, " ,\n ") + "\n]\n",
	} {
		result, records := recordAll(t, Message{ID: "m", Body: []byte(body)})
		if result.Stored != 2 || len(records) != 2 || string(records[0].Activity) != elements[0] || string(records[1].Activity) != elements[1] {
			t.Errorf("%s gave %+v and %d records", body, result, len(records))
		}
	}
	for _, body := range []string{"[]", "\ufeff[ ]"} {
		if result, records := recordAll(t, Message{Body: []byte(body)}); len(records) != 0 || result.Stored != 0 || result.SetAside != nil {
			t.Errorf("%s gave %+v, want nothing", body, result)
		}
	}
}

func TestActivitiesAreNotCopied(t *testing.T) {
	body := []byte("\ufeff" + ` {"type":"message","id":"1","conversation":{"id":"c"}} `)
	_, records := recordAll(t, Message{Body: body})
	if unsafe.SliceData(records[0].Activity) != &body[bytes.IndexByte(body, '{')] {
		t.Error("the record holds a copy of the message body")
	}
}

func TestWhoTheUserIs(t *testing.T) {
	tests := []struct {
		name, parties string
		want          Party
	}{
		{"nobody known", `"from":{"id":"a"},"recipient":{"id":"b","role":"bot"}`, Party{}},
		{"nobody at all", `"text":""`, Party{}},
		{"the sender by role", `"from":{"id":"a","name":"A","role":"user"},"recipient":{"id":"dl_b"}`, Party{"a", "A", UserByRole}},
		{"the recipient by role", `"from":{"id":"dl_a"},"recipient":{"id":"b","name":"B","role":"USER"}`, Party{"b", "B", UserByRole}},
		{"both by role", `"from":{"id":"a","role":"user"},"recipient":{"id":"b","role":"user"}`, Party{"a", "", UserByRole}},
		{"the sender by id", `"from":{"id":"dl_a","name":"A"},"recipient":{"id":"dl_b"}`, Party{"dl_a", "A", UserByID}},
		{"the recipient by id", `"from":{"id":"a","role":"bot"},"recipient":{"id":"dl_b"}`, Party{"dl_b", "", UserByID}},
		{"an id in capitals", `"from":{"id":"DL_a"}`, Party{}},
		{"a role without an id", `"from":{"role":"user"},"recipient":{"id":"dl_b"}`, Party{"dl_b", "", UserByID}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			record := recordOne(t, `{"type":"message","id":"1","conversation":{"id":"c"},`+test.parties+`}`)
			if record.User != test.want {
				t.Errorf("got %+v, want %+v", record.User, test.want)
			}
		})
	}
}
