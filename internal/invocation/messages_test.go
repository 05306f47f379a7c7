package invocation_test

import (
	"errors"
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
			Body:          []byte(`{"type":"message"}`),
			ID:            "m-1",
			EnqueuedAt:    time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC),
			Assistant:     "bankx",
			DeliveryCount: 1,
		},
		{Body: []byte("plain"), ID: "m-2", DeliveryCount: 3},
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
		"the last of equal Data counts":       `{"Data":{"activities":"[\"Yg==\",\"Yw==\"]"},"Metadata":{"MessageIdArray":"[\"m\"]"},` + data + `}`,
		"the last of equal bindings counts":   `{"Data":{"activities":"[\"Yg==\",\"Yw==\"]","activities":"[\"YQ==\"]"},"Metadata":{"MessageIdArray":"[\"m\"]"}}`,
		"the last of equal Metadata counts":   `{` + data + `,"Metadata":{"DeliveryCountArray":"[7]","MessageIdArray":"[\"n\"]"},"Metadata":{"MessageIdArray":"[\"m\"]"}}`,
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
	counted := with(func(m *invocation.Message) { m.DeliveryCount = 7 })
	const count = `,"DeliveryCountArray":"[7]"`
	for name, test := range map[string]struct {
		metadata string
		want     invocation.Message
	}{
		"absent":                         {``, plain},
		"null":                           {`,"Metadata":null`, plain},
		"no object":                      {`,"Metadata":["MessageIdArray"]`, plain},
		"empty":                          {`,"Metadata":{}`, plain},
		"arrays that are null":           {`,"Metadata":{"MessageIdArray":null,"EnqueuedTimeArray":null` + count + `}`, counted},
		"strings that hold null":         {`,"Metadata":{"MessageIdArray":"null","ApplicationPropertiesArray":"null"` + count + `}`, counted},
		"empty strings":                  {`,"Metadata":{"MessageIdArray":"","EnqueuedTimeUtcArray":""` + count + `}`, counted},
		"empty arrays":                   {`,"Metadata":{"MessageIdArray":"[]","ApplicationPropertiesArray":[]` + count + `}`, counted},
		"nulls":                          {`,"Metadata":{"MessageIdArray":"[null]","ApplicationPropertiesArray":"[null]","EnqueuedTimeArray":"[null]","EnqueuedTimeUtcArray":"[null]","DeliveryCountArray":"[null]"}`, plain},
		"other types":                    {`,"Metadata":{"MessageIdArray":"[{\"a\":[]}]","ApplicationPropertiesArray":"[[\"assistant\"]]","EnqueuedTimeArray":"[1]","EnqueuedTimeUtcArray":"[true]","DeliveryCountArray":"[\"7\"]"}`, plain},
		"not JSON":                       {`,"Metadata":{"MessageIdArray":"[\"m\"","ApplicationPropertiesArray":"[{\"assistant\":\"bankx\"}]]","EnqueuedTimeUtcArray":"\\x"` + count + `}`, counted},
		"nested too deep":                {`,"Metadata":{"MessageIdArray":"[\"m\",` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `]"` + count + `}`, counted},
		"longer than the batch":          {`,"Metadata":{"DeliveryCountArray":"[7,8,9]"}`, counted},
		"real arrays":                    {`,"Metadata":{"MessageIdArray":["m"],"DeliveryCountArray":[7]}`, with(func(m *invocation.Message) { m.ID, m.DeliveryCount = "m", 7 })},
		"an id as long as Service Bus's": {`,"Metadata":{"MessageIdArray":"[\"` + strings.Repeat("ü", 128) + `\"]"}`, with(func(m *invocation.Message) { m.ID = strings.Repeat("ü", 128) })},
		"an id beyond the limit":         {`,"Metadata":{"MessageIdArray":"[\"` + strings.Repeat("m", 1025) + `\"]"` + count + `}`, counted},
		"an id that is not UTF-8":        {",\"Metadata\":{\"MessageIdArray\":\"[\\\"m\xff\\\"]\"}", with(func(m *invocation.Message) { m.ID = "m\uFFFD" })},
		"times without a zone are UTC":   {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"times with a zone":              {`,"Metadata":{"EnqueuedTimeArray":"[\"2026-03-01T12:00:00\u002B02:00\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"the readable one of two times":  {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"soon\"]","EnqueuedTimeArray":"[\"2026-03-01T10:00:00Z\"]"}`, with(func(m *invocation.Message) { m.EnqueuedAt = at })},
		"times that are none":            {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"0001-01-01T00:00:00\"]","EnqueuedTimeArray":"[\"9999-12-31T23:59:59-14:00\"]"}`, plain},
		"a time of many digits":          {`,"Metadata":{"EnqueuedTimeUtcArray":"[\"2026-03-01T10:00:00.` + strings.Repeat("0", 64) + `\"]"}`, plain},
		"counts that are none":           {`,"Metadata":{"DeliveryCountArray":"[1.5]"}`, plain},
		"a negative count":               {`,"Metadata":{"DeliveryCountArray":"[-7]"}`, plain},
		"a count beyond an int":          {`,"Metadata":{"DeliveryCountArray":"[` + strings.Repeat("9", 100) + `]"}`, plain},
	} {
		t.Run(name, func(t *testing.T) {
			got := decode(t, `{"Data":{"activities":"[\"YQ==\"]"}`+test.metadata+`}`)
			if diff := cmp.Diff([]invocation.Message{test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMetadataShorterThanTheBatch(t *testing.T) {
	got := decode(t, `{"Data":{"activities":"[\"YQ==\",\"Yg==\"]"},"Metadata":{"MessageIdArray":"[\"m\"]","DeliveryCountArray":"[]"}}`)
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

func TestBodiesAreApart(t *testing.T) {
	messages := decode(t, `{"Data":{"activities":["YWE=","YmI="]}}`)
	_ = append(messages[0].Body, "zz"...)
	if got := string(messages[1].Body); got != "bb" {
		t.Errorf("appending to one body changed the next to %q", got)
	}
}

func TestMalformed(t *testing.T) {
	const declared = "(function.json: cardinality many, dataType binary)"
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for name, test := range map[string]struct{ body, want string }{
		"empty":                       {"", "the envelope is malformed at byte 0: expected an object with the members Data and Metadata, found the end"},
		"null":                        {"null", "expected an object with the members Data and Metadata, found 'n'"},
		"an array":                    {"[]", "expected an object with the members Data and Metadata, found '['"},
		"no Data":                     {"{}", "expected Data.activities, a string that holds an array of base64 strings " + declared + ", found no such member"},
		"Data is null":                {`{"Data":null}`, "expected Data.activities"},
		"Data is a string":            {`{"Data":"activities"}`, "expected Data.activities"},
		"another binding":             {`{"Data":{"message":"[]"}}`, "expected Data.activities"},
		"another letter case":         {`{"data":{"activities":"[]"}}`, "expected Data.activities"},
		"the last Data has none":      {`{"Data":{"activities":"[]"},"Data":{}}`, "expected Data.activities"},
		"declared cardinality one":    {`{"Data":{"activities":"eyJ0eXBlIjoibWVzc2FnZSJ9"}}`, "Data.activities is malformed at byte 0: expected an array " + declared + ", found 'e'"},
		"declared without dataType":   {`{"Data":{"activities":"[{\"type\":\"message\"}]"}}`, "Data.activities is malformed at byte 1: expected a base64 string or null " + declared + ", found '{'"},
		"numbers for messages":        {`{"Data":{"activities":[1]}}`, "expected a base64 string or null " + declared + ", found '1'"},
		"activities is null":          {`{"Data":{"activities":null}}`, "expected an array " + declared + ", found 'n'"},
		"activities holds null":       {`{"Data":{"activities":"null"}}`, "expected an array " + declared + ", found 'n'"},
		"activities is empty":         {`{"Data":{"activities":""}}`, "expected an array " + declared + ", found the end"},
		"more behind the array":       {`{"Data":{"activities":"[] []"}}`, "Data.activities is malformed at byte 3: expected nothing more, found '['"},
		"the array is cut":            {`{"Data":{"activities":"[\"YQ==\""}}`, "expected a comma or a closing bracket, found the end"},
		"an element is cut":           {`{"Data":{"activities":"[\"YQ==]"}}`, "expected the end of a string, found the end"},
		"a comma too many":            {`{"Data":{"activities":"[\"YQ==\",]"}}`, "expected a base64 string or null " + declared + ", found ']'"},
		"a comma missing":             {`{"Data":{"activities":"[\"YQ==\" \"YQ==\"]"}}`, "expected a comma or a closing bracket, found '\"'"},
		"a misspelt null":             {`{"Data":{"activities":"[nul]"}}`, "expected null, found 'n'"},
		"a line break in an element":  {`{"Data":{"activities":"[\"YQ==\n\"]"}}`, `expected a string without control characters, found '\n'`},
		"a line break in a string":    {"{\"Data\":{\"activities\":\"[\n]\"}}", `expected a string without control characters, found '\n'`},
		"an unknown escape":           {`{"Data":{"activities":"[\x5d"}}`, "expected an escape sequence, found 'x'"},
		"an escape cut":               {`{"\`, "expected an escape sequence, found the end"},
		"digits that are none":        {`{"\u00g0":1}`, "expected four hexadecimal digits, found '0'"},
		"trailing data":               {hostExample + "\n{}", "expected nothing more, found '{'"},
		"trailing zero byte":          {hostExample + "\x00", `expected nothing more, found '\x00'`},
		"a byte order mark":           {"\uFEFF" + hostExample, "expected an object with the members Data and Metadata"},
		"a name without a value":      {`{"Data"}`, "expected a colon, found '}'"},
		"a name without quotes":       {`{Data:{}}`, "expected a string, found 'D'"},
		"a comma before the end":      {`{"Data":{},}`, "expected a string, found '}'"},
		"brackets that do not match":  {`{"Data":{]}`, "expected a string, found ']'"},
		"a leading zero":              {`{"x":01}`, "expected a comma or a closing bracket, found '1'"},
		"a number that ends too soon": {`{"x":-}`, "expected a value, found '}'"},
		"a fraction without digits":   {`{"x":1.}`, "expected a digit, found '}'"},
		"an exponent without digits":  {`{"x":1e+}`, "expected a digit, found '}'"},
		"a misspelt word":             {`{"x":trUe}`, "expected true, found 't'"},
		"nested too deep":             {`{"x":` + deep + `}`, "expected values nested at most 100 levels deep, found '['"},
		"a real array that is wrong":  {`{"Data":{"activities":"[]"},"Metadata":{"MessageIdArray":["m"}}`, "expected a comma or a closing bracket, found '}'"},
		"a wrong array cut off":       {`{"Data":{"activities":"[]"},"Metadata":{"MessageIdArray":"[[`, "expected the end of a string, found the end"},
	} {
		t.Run(name, func(t *testing.T) {
			messages, err := invocation.DecodeMessages(strings.NewReader(test.body), "activities")
			if err == nil {
				t.Fatalf("no error, but %d messages", len(messages))
			}
			var malformed *invocation.MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("%v is no *MalformedError", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is\n%v\nand does not say\n%s", err, test.want)
			}
			if messages != nil {
				t.Error("messages beside an error")
			}
		})
	}
}

// TestErrorsDoNotQuote: what a visitor wrote must not reach the log by way of
// an error.
func TestErrorsDoNotQuote(t *testing.T) {
	const canary = "canary-5f1c"
	for _, body := range []string{
		`{"` + canary + `":` + canary,
		`{"Data":{"` + canary + `":"` + canary + `"}}`,
		`{"Data":{"activities":"` + canary + `"}}`,
		`{"Data":{"activities":"[\"` + canary + `\", ` + canary + `]"}}`,
		hostExample + canary,
	} {
		_, err := invocation.DecodeMessages(strings.NewReader(body), "activities")
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("DecodeMessages(%s): %v", body, err)
		}
	}
}
