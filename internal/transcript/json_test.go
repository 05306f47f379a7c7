package transcript

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// decodedMembers are the members of an object as encoding/json sees them, which
// is independent of the scanner under test.
func decodedMembers(t *testing.T, object []byte) (names []string, values [][]byte) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		text, _ := name.(string)
		names, values = append(names, text), append(values, raw)
	}
	return names, values
}

func TestMembersAreThoseOfTheObject(t *testing.T) {
	objects := []string{
		`{}`, "{ \t\r\n}", `{"a":1}`, ` {"a" : 1 , "b":[{"c":"}"}], "a":"\"]" }`,
		`{"":"","\"":"\\","\\":"\\\"","\u0061":-1.5e+10}`, `{"a":{"b":{"c":[]}},"d":true,"e":false,"f":null}`, "{\n\"a\":\n[\n1\n,\n2\n]\n}",
	}
	for _, text := range objects {
		object := trimSpace([]byte(text))
		names, values := decodedMembers(t, object)
		position := 0
		for m := range object.members() {
			if m.name.text() != names[position] || !bytes.Equal(m.value, values[position]) || !bytes.Equal(object[m.start:m.end], m.value) {
				t.Errorf("%s: member %d is %s: %s at %d", text, position, m.name, m.value, m.start)
			}
			position++
		}
		if position != len(names) {
			t.Errorf("%s: %d members, want %d", text, position, len(names))
		}
	}
}

func TestWhatIsNoContainerHasNothingInIt(t *testing.T) {
	for _, text := range []string{``, `null`, `5`, `"{}"`, `[1]`, `[]`} {
		for m := range value(text).members() {
			t.Errorf("%s has member %s", text, m.name)
		}
	}
	for _, text := range []string{``, `null`, `5`, `"[]"`, `{"a":1}`, `{}`, `[]`, `[ ]`} {
		for e := range value(text).elements() {
			t.Errorf("%s has element %s", text, e.value)
		}
	}
}

func TestIterationStopsWhenTheConsumerDoes(t *testing.T) {
	seen := 0
	for range value(`{"a":1,"b":2}`).members() {
		seen++
		break
	}
	for range value(`[1,2]`).elements() {
		seen++
		break
	}
	if seen != 2 {
		t.Errorf("saw %d, want one each", seen)
	}
}

func TestStringContent(t *testing.T) {
	tests := []struct{ written, text, identity string }{
		{`""`, "", ""},
		{`"plain"`, "plain", "plain"},
		{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t", "\"\\/\b\f\n\r\t"},
		{`"a\u0041\u00e9\u4E00z"`, "aAé一z", "aAé一z"},
		{`"\ud83d\ude00"`, "😀", "😀"},
		{`"\uD83D\uDE00!"`, "😀!", "😀!"},
		{`"\ufffd"`, "\ufffd", "\ufffd"},
		{`"\ud800"`, "\ufffd", "\xed\xa0\x80"},
		{`"\udfff"`, "\ufffd", "\xed\xbf\xbf"},
		{`"\ud83dx"`, "\ufffdx", "\xed\xa0\xbdx"},
		{`"\ud83d\ud83d\ude00"`, "\ufffd😀", "\xed\xa0\xbd😀"},
		{`"\ude00\ud83d"`, "\ufffd\ufffd", "\xed\xb8\x80\xed\xa0\xbd"},
		{`"\ud83d\n"`, "\ufffd\n", "\xed\xa0\xbd\n"},
		{`5`, "", ""}, {`null`, "", ""}, {`["x"]`, "", ""}, {`{"x":"y"}`, "", ""}, {``, "", ""},
	}
	for _, test := range tests {
		if got := value(test.written).text(); got != test.text {
			t.Errorf("text of %s is %q, want %q", test.written, got, test.text)
		}
		if got := value(test.written).identity(); got != test.identity {
			t.Errorf("identity of %s is %q, want %q", test.written, got, test.identity)
		}
	}
}

func TestDepthCountsNestingOutsideStrings(t *testing.T) {
	tests := map[string]int{
		``: 0, `5`: 0, `"[[["`: 0, `{}`: 1, `{"a":[{}]}`: 3, `[[],[[]],{"[":"{"}]`: 3, `"\"[[`: 0, `[[[`: 3, `]]][`: 0, `["\\"][`: 1,
	}
	for text, want := range tests {
		if got := depth([]byte(text)); got != want {
			t.Errorf("depth of %s is %d, want %d", text, got, want)
		}
	}
	if got := depth([]byte(strings.Repeat("[", 1e6))); got != 1e6 {
		t.Errorf("depth is %d, want a million", got)
	}
}
