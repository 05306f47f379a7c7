package invocation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"chatgate/internal/invocation"
)

// sameMessages compares batches; an empty body equals a missing one.
var sameMessages = cmpopts.EquateEmpty()

func decode(t *testing.T, body string) []invocation.Message {
	t.Helper()
	messages, err := invocation.DecodeMessages(strings.NewReader(body), "activities")
	if err != nil {
		t.Fatalf("DecodeMessages(%.200s): %v", body, err)
	}
	return messages
}

// hostExample is what the host sends for two messages, the second one not JSON.
const hostExample = `{"Data":{"activities":"[\"eyJ0eXBlIjoibWVzc2FnZSJ9\",\"cGxhaW4=\"]"},
 "Metadata":{"DeliveryCountArray":"[1,3]","LockTokenArray":"[\"5b0e…\",\"77c1…\"]","MessageIdArray":"[\"m-1\",\"m-2\"]",
  "SequenceNumberArray":"[42,43]","ContentTypeArray":"[\"application/json\",null]",
  "EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00.123\",\"…\"]",
  "EnqueuedTimeArray":"[\"2026-03-01T10:00:00.123+00:00\",\"…\"]",
  "ApplicationPropertiesArray":"[{\"assistant\":\"bankx\"},{}]",
  "sys":{"MethodName":"PersistConversation","UtcNow":"…","RandGuid":"…"}}}`

func TestTheHostsExample(t *testing.T) {
	want := []invocation.Message{
		{
			Body:       []byte(`{"type":"message"}`),
			ID:         "m-1",
			EnqueuedAt: time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC),
			Assistant:  "bankx",
		},
		{Body: []byte("plain"), ID: "m-2"},
	}
	if diff := cmp.Diff(want, decode(t, hostExample)); diff != "" {
		t.Errorf("decoded otherwise than the host meant (-want +got):\n%s", diff)
	}
}

func TestBatch(t *testing.T) {
	for name, test := range map[string]struct {
		activities string // the value of Data.activities
		want       []string
	}{
		"none":                              {`"[]"`, nil},
		"none, white space":                 {`" [ \r\n\t] "`, nil},
		"a real array":                      {`["YQ==", "Yg=="]`, []string{"a", "b"}},
		"quotes as \\u0022":                 {`"[\u0022YQ==\u0022]"`, []string{"a"}},
		"plus as \\u002B, in either layer":  {`"[\"+/+/\",\"\\u002B/+/\",\"\u002B\/\\/\/\",\"\\u002b\\\/\u002b\/\"]"`, []string{"\xfb\xff\xbf", "\xfb\xff\xbf", "\xfb\xff\xff", "\xfb\xff\xbf"}},
		"null among others":                 {`"[\"YQ==\",null,\"Yg==\"]"`, []string{"a", "", "b"}},
		"empty string":                      {`"[\"\"]"`, []string{""}},
		"no base64 among others":            {`"[\"YQ==\",\"{\\\"type\\\":\\\"message\\\"}\",\"Yg==\"]"`, []string{"a", `{"type":"message"}`, "b"}},
		"base64 without padding":            {`"[\"YQ\",\"YWI\",\"YWI=YWI=\",\"=\",\"====\"]"`, []string{"YQ", "YWI", "YWI=YWI=", "=", "===="}},
		"base64 with stray bits":            {`"[\"YR==\"]"`, []string{"YR=="}},
		"base64 with line breaks":           {`"[\"YWJj\\nZGVm\",\"YWI=\\r\\n\\r\\n\",\"\\n\\n\\n\\n\"]"`, []string{"YWJj\nZGVm", "YWI=\r\n\r\n", "\n\n\n\n"}},
		"base64url":                         {`"[\"-_-_\"]"`, []string{"-_-_"}},
		"characters beyond ASCII":           {`"[\"Grüße \\ud83d\\ude00\",\"\ud83d\ude00\"]"`, []string{"Grüße 😀", "😀"}},
		"half a surrogate pair":             {`"[\"\\ud83d\",\"\\ud83dx\",\"\\ud83d\\u0041\",\"\\ude00\\ud83d\"]"`, []string{"\uFFFD", "\uFFFDx", "\uFFFDA", "\uFFFD\uFFFD"}},
		"every short escape":                {`"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"`, []string{"\"\\/\b\f\n\r\t"}},
		"bytes that are not UTF-8, as text": {"\"[\\\"\xff\xfe\\\"]\"", []string{"\xff\xfe"}},
		"an escape that adds no layer":      {`"[\"\\\\u0041\"]"`, []string{`\u0041`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, message := range decode(t, `{"Data":{"activities":`+test.activities+`}}`) {
				got = append(got, string(message.Body))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("bodies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShapeOfTheEnvelope(t *testing.T) {
	const data = `"Data":{"activities":"[\"YQ==\"]"}`
	want := []invocation.Message{{Body: []byte("a"), ID: "m"}}
	for name, body := range map[string]string{
		"Metadata first":                      `{"Metadata":{"MessageIdArray":"[\"m\"]"},` + data + `}`,
		"white space everywhere":              "\r\n{ \t" + data + " , \n\"Metadata\" : { \"MessageIdArray\" : \" [ \\\"m\\\" ] \" } } \n",
		"unknown members":                     `{"A":[{"B":"\u0041\\"}, -0.5E+10, 0],"C":{},` + data + `,"Metadata":{"X":{"Data":1},"MessageIdArray":"[\"m\"]","Y":true},"Z":[]}`,
		"unknown members of Data":             `{"Data":{"other":"[]","activities":"[\"YQ==\"]","more":{"activities":0}},"Metadata":{"MessageIdArray":"[\"m\"]"}}`,
		"escaped names":                       `{"\u0044ata":{"activ\u0069ties":"[\"YQ==\"]"},"Metadata":{"Message\u0049dArray":"[\"m\"]"}}`,
		"the last of equal Metadata counts":   `{` + data + `,"Metadata":{"MessageIdArray":"[\"n\"]"},"Metadata":{"MessageIdArray":"[\"m\"]"}}`,
		"the last of equal arrays counts":     `{` + data + `,"Metadata":{"MessageIdArray":"[\"n\"]","MessageIdArray":"[\"m\"]"}}`,
		"a name longer than any that matters": `{"` + strings.Repeat("Data", 200) + `":0,` + data + `,"Metadata":{"MessageIdArray":["m"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, decode(t, body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMetadataOnlyAdds: no fault of Metadata's arrays costs a message, or
// another array.
func TestMetadataOnlyAdds(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	plain := invocation.Message{Body: []byte("a")}
	with := func(change func(*invocation.Message)) invocation.Message {
		message := plain
		change(&message)
		return message
	}
	dated := with(func(m *invocation.Message) { m.EnqueuedAt = at })
	const date = `,"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00\"]"`
	for name, test := range map[string]struct {
		metadata string
		want     invocation.Message
	}{
		"absent":                         {``, plain},
		"null":                           {`,"Metadata":null`, plain},
		"no object":                      {`,"Metadata":["MessageIdArray"]`, plain},
		"empty":                          {`,"Metadata":{}`, plain},
		"arrays that are null":           {`,"Metadata":{"MessageIdArray":null,"EnqueuedTimeArray":null` + date + `}`, dated},
		"strings that hold null":         {`,"Metadata":{"MessageIdArray":"null","ApplicationPropertiesArray":"null"` + date + `}`, dated},
		"empty strings":                  {`,"Metadata":{"MessageIdArray":"","EnqueuedTimeArray":""` + date + `}`, dated},
		"empty arrays":                   {`,"Metadata":{"MessageIdArray":"[]","ApplicationPropertiesArray":[]` + date + `}`, dated},
		"nulls":                          {`,"Metadata":{"MessageIdArray":"[null]","ApplicationPropertiesArray":"[null]","EnqueuedTimeArray":"[null]","EnqueuedTimeUtcArray":"[null]"}`, plain},
		"other types":                    {`,"Metadata":{"MessageIdArray":"[{\"a\":[]}]","ApplicationPropertiesArray":"[[\"assistant\"]]","EnqueuedTimeArray":"[1]","EnqueuedTimeUtcArray":"[true]"}`, plain},
		"not JSON":                       {`,"Metadata":{"MessageIdArray":"[\"m\"","ApplicationPropertiesArray":"[{\"assistant\":\"bankx\"}]]","EnqueuedTimeArray":"\\x"` + date + `}`, dated},
		"nested too deep":                {`,"Metadata":{"MessageIdArray":"[\"m\",` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `]"` + date + `}`, dated},
		"longer than the batch":          {`,"Metadata":{"MessageIdArray":"[\"m\",\"n\",\"o\"]"}`, with(func(m *invocation.Message) { m.ID = "m" })},
		"real arrays":                    {`,"Metadata":{"MessageIdArray":["m"],"EnqueuedTimeUtcArray":["2026-03-01T10:00:00"]}`, with(func(m *invocation.Message) { m.ID, m.EnqueuedAt = "m", at })},
		"an id as long as Service Bus's": {`,"Metadata":{"MessageIdArray":"[\"` + strings.Repeat("ü", 128) + `\"]"}`, with(func(m *invocation.Message) { m.ID = strings.Repeat("ü", 128) })},
		"an id beyond the limit":         {`,"Metadata":{"MessageIdArray":"[\"` + strings.Repeat("m", 1025) + `\"]"` + date + `}`, dated},
		"an id that is not UTF-8":        {",\"Metadata\":{\"MessageIdArray\":\"[\\\"m\xff\\\"]\"}", with(func(m *invocation.Message) { m.ID = "m\uFFFD" })},
		"times without a zone are UTC":   {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"times with a zone":              {`,"Metadata":{"EnqueuedTimeArray":"[\"2026-03-01T12:00:00\u002B02:00\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"the readable one of two times":  {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"soon\"]","EnqueuedTimeArray":"[\"2026-03-01T10:00:00Z\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"times that are none":            {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"0001-01-01T00:00:00\"]","EnqueuedTimeArray":"[\"9999-12-31T23:59:59-14:00\"]"}`, plain},
		"year 1 in another zone":         {`,"Metadata":{"EnqueuedTimeArray":"[\"0001-01-01T00:00:00-01:00\"]"}`, plain},
		"the Utc one of two times":       {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00\"]","EnqueuedTimeArray":"[\"2026-03-01T10:00:07Z\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"a time of many digits":          {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00.` + strings.Repeat("0", 64) + `\"]"}`, plain},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, `{"Data":{"activities":"[\"YQ==\"]"}`+test.metadata+`}`)
			if diff := cmp.Diff([]invocation.Message{test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if zone := got[0].EnqueuedAt.Location(); zone != time.UTC {
				t.Errorf("the time is in zone %v", zone)
			}
		})
	}
}

func TestMetadataShorterThanTheBatch(t *testing.T) {
	got := decode(t, `{"Data":{"activities":"[\"YQ==\",\"Yg==\"]"},"Metadata":{"MessageIdArray":"[\"m\"]","EnqueuedTimeUtcArray":"[]"}}`)
	want := []invocation.Message{{Body: []byte("a"), ID: "m"}, {Body: []byte("b")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAssistantProperty(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, test := range map[string]struct{ properties, want string }{
		"absent":                         {`{}`, ""},
		"among others":                   {`{"retries":3,"assistant":"bankx","tags":["assistant"]}`, "bankx"},
		"in another spelling":            {`{"Assistant":"bankx"}`, "bankx"},
		"the exact name first":           {`{"ASSISTANT":"other","assistant":"bankx","Assistant":"third"}`, "bankx"},
		"the last of equal names":        {`{"assistant":"other","assistant":"bankx"}`, "bankx"},
		"the last of other spellings":    {`{"Assistant":"other","ASSISTANT":"bankx"}`, "bankx"},
		"null counts as absent":          {`{"Assistant":"bankx","assistant":null}`, "bankx"},
		"a property of a property":       {`{"x":{"assistant":"bankx"}}`, ""},
		"a number names no assistant":    {`{"assistant":7}`, "?"},
		"a list names no assistant":      {`{"assistant":["bankx"]}`, "?"},
		"a long name is cut, not lost":   {`{"assistant":"` + long + `"}`, long[:1024]},
		"a name that is not UTF-8":       {"{\"assistant\":\"bankx\xff\"}", "bankx\uFFFD"},
		"a name with spaces stays as is": {`{"assistant":" bankx "}`, " bankx "},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, `{"Data":{"activities":["YQ=="]},"Metadata":{"ApplicationPropertiesArray":[`+test.properties+`]}}`)
			if got[0].Assistant != test.want {
				t.Errorf("Assistant = %.50q, want %.50q", got[0].Assistant, test.want)
			}
		})
	}
}

// TestLongBodies: texts are decoded in parts of 16 KiB.
func TestLongBodies(t *testing.T) {
	full := strings.Repeat("QUJD", 4<<10)
	for name, test := range map[string]struct{ element, want string }{
		"one part":                 {full, strings.Repeat("ABC", 4<<10)},
		"a part and a bit":         {full + "QQ==", strings.Repeat("ABC", 4<<10) + "A"},
		"several parts":            {full + full + full, strings.Repeat("ABC", 12<<10)},
		"padding where parts meet": {full[4:] + "QQ==" + full, full[4:] + "QQ==" + full},
		"line breaks in one part":  {full[4:] + `\n\n\n\n` + full, full[4:] + "\n\n\n\n" + full},
		"wrong in the last part":   {full + full + "QQ=", full + full + "QQ="},
		"wrong in the first part":  {"-" + full[1:] + full, "-" + full[1:] + full},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, `{"Data":{"activities":["YQ==","`+test.element+`","YQ==","-","YQ=="]}}`)
			if string(got[1].Body) != test.want {
				t.Errorf("%d bytes %.20q…, want %d bytes %.20q…", len(got[1].Body), got[1].Body, len(test.want), test.want)
			}
			for _, i := range []int{0, 2, 4} {
				if string(got[i].Body) != "a" {
					t.Errorf("its batch mate %d is %q", i, got[i].Body)
				}
			}
		})
	}
}

func TestBodiesAreApart(t *testing.T) {
	messages := decode(t, `{"Data":{"activities":["YWE=","plain","YmI="]}}`)
	for _, message := range messages[:2] {
		_ = append(message.Body, "zzz"...)
	}
	if text, last := string(messages[1].Body), string(messages[2].Body); text != "plain" || last != "bb" {
		t.Errorf("appending to one body changed the next: %q, %q", text, last)
	}
}
