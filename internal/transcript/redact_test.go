package transcript

import (
	"bytes"
	"strings"
	"testing"
)

func TestCredentialsAreReplacedAndNothingElse(t *testing.T) {
	const rest = `,"id":"1","conversation":{"id":"c"}}`
	tests := []struct{ name, sent, stored string }{
		{"token response", `{"type":"event","name":"tokens/response","value":{"token":"SECRET"}`, `{"type":"event","name":"tokens/response","value":{"redacted":true}`},
		{"magic code", `{"value" : {"state":"SECRET"} ,"type":"invoke","name":"signin/verifyState"`, `{"value" : {"redacted":true} ,"type":"invoke","name":"signin/verifyState"`},
		{"token exchange", `{"type":"invoke","name":"signin/tokenExchange","value":"SECRET"`, `{"type":"invoke","name":"signin/tokenExchange","value":{"redacted":true}`},
		{"any sign-in", `{"type":"invoke","name":"signin/","value":["SECRET"]`, `{"type":"invoke","name":"signin/","value":{"redacted":true}`},
		{"letter case", `{"type":"Event","name":"Tokens/RESPONSE","value":"SECRET"`, `{"type":"Event","name":"Tokens/RESPONSE","value":{"redacted":true}`},
		{"letter case of an invoke", `{"type":"INVOKE","name":"SignIn/VerifyState","value":"SECRET"`, `{"type":"INVOKE","name":"SignIn/VerifyState","value":{"redacted":true}`},
		{"letters that only Unicode folds", `{"type":"invoke","name":"\u017fignin/x","value":"SECRET"`, `{"type":"invoke","name":"\u017fignin/x","value":{"redacted":true}`},
		{"escaped names and values", `{"\u0074ype":"\u0069nvoke","n\u0061me":"signin\/x","v\u0061lue":"SECRET"`, `{"\u0074ype":"\u0069nvoke","n\u0061me":"signin\/x","v\u0061lue":{"redacted":true}`},
		{"members in other letter case", `{"type":"invoke","NAME":"signin/x","Value":"SECRET"`, `{"type":"invoke","NAME":"signin/x","Value":{"redacted":true}`},
		{"several values", `{"value":"SECRET","type":"invoke","VALUE":"SECRET","name":"signin/x","value":{"a":"SECRET"}`, `{"value":{"redacted":true},"type":"invoke","VALUE":{"redacted":true},"name":"signin/x","value":{"redacted":true}`},
		{"a harmless name last", `{"type":"invoke","name":"signin/x","name":"harmless","value":"SECRET"`, `{"type":"invoke","name":"signin/x","name":"harmless","value":{"redacted":true}`},
		{"a harmless name first", `{"type":"invoke","name":"harmless","name":"signin/x","value":"SECRET"`, `{"type":"invoke","name":"harmless","name":"signin/x","value":{"redacted":true}`},
		{"a harmless type last", `{"type":"invoke","type":"message","name":"signin/x","value":"SECRET"`, `{"type":"invoke","type":"message","name":"signin/x","value":{"redacted":true}`},
		{"a harmless type last, of an event", `{"type":"event","type":"message","name":"tokens/response","value":"SECRET"`, `{"type":"event","type":"message","name":"tokens/response","value":{"redacted":true}`},
		{"a harmless name last, of an event", `{"type":"event","name":"tokens/response","name":"x","value":"SECRET"`, `{"type":"event","name":"tokens/response","name":"x","value":{"redacted":true}`},
		{"a type in other letter case", `{"type":"message","TYPE":"event","name":"tokens/response","value":"SECRET"`, `{"type":"message","TYPE":"event","name":"tokens/response","value":{"redacted":true}`},
		{"redacted already", `{"type":"invoke","name":"signin/x","value":{"redacted":true}`, `{"type":"invoke","name":"signin/x","value":{"redacted":true}`},
		{"no value", `{"type":"invoke","name":"signin/x"`, `{"type":"invoke","name":"signin/x"`},

		{"another event", `{"type":"event","name":"tokens/request","value":{"kept":1}`, ""},
		{"an event named as an invoke", `{"type":"event","name":"signin/x","value":{"kept":1}`, ""},
		{"an invoke named as an event", `{"type":"invoke","name":"tokens/response","value":{"kept":1}`, ""},
		{"an invoke of another family", `{"type":"invoke","name":"sign/x","value":{"kept":1}`, ""},
		{"an invoke named without a path", `{"type":"invoke","name":"signin","value":{"kept":1}`, ""},
		{"a message", `{"type":"message","name":"signin/x","value":{"kept":1}`, ""},
		{"a name further inside", `{"type":"invoke","channelData":{"name":"signin/x"},"value":{"kept":1}`, ""},
		{"a name that is no string", `{"type":"invoke","name":["signin/x"],"value":{"kept":1}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.stored
			if want == "" {
				want = test.sent
			}
			if got := string(recordOne(t, test.sent+rest).Activity); got != want+rest {
				t.Errorf("stored %s\n  want %s", got, want+rest)
			}
		})
	}
}

func TestRedactionLeavesTheMessageAsItIs(t *testing.T) {
	body := `{"type":"invoke","name":"signin/x","value":"SECRET","id":"1","conversation":{"id":"c"}}`
	message := Message{Body: []byte(body)}
	recordAll(t, message)
	if string(message.Body) != body {
		t.Error("the message was changed: it may be handed over again")
	}
}

func TestRedactedActivitiesAreMeasuredAfterwards(t *testing.T) {
	secret := strings.Repeat("SECRET", 20_000)
	record := recordOne(t, `{"type":"invoke","name":"signin/x","id":"1","conversation":{"id":"c"},"value":"`+secret+`"}`)
	if record.Compressed != nil || bytes.Contains(record.Activity, []byte("SECRET")) {
		t.Errorf("the activity of %d bytes was gzipped or holds the credential", len(record.Activity))
	}
}

// holdsCredential is the rule of redaction written down a second time, over
// what encoding/json makes of the activity.
func holdsCredential(names []string, values [][]byte) bool {
	has := func(member string, is func(string) bool) bool {
		for i, name := range names {
			if strings.EqualFold(name, member) && is(value(values[i]).text()) {
				return true
			}
		}
		return false
	}
	same := func(want string) func(string) bool {
		return func(got string) bool { return strings.EqualFold(got, want) }
	}
	signIn := func(got string) bool {
		slash := strings.Index(got, "/")
		return slash >= 0 && strings.EqualFold(got[:slash+1], "signin/")
	}
	return has("type", same("event")) && has("name", same("tokens/response")) || has("type", same("invoke")) && has("name", signIn)
}

func FuzzRedaction(f *testing.F) {
	f.Add([]byte(`{"type":"invoke","name":"signin/verifyState","value":{"state":"SECRET"},"conversation":{"id":"c"}}`))
	f.Add([]byte(`{"Value":"SECRET","type":"message","TYPE":"Event","n\u0061me":"tokens\/response","value":[1],"conversation":{"id":"c"}}`))
	f.Add([]byte(`{"type":"event","name":"tokens/response","conversation":{"id":"c"},"valu\u0065":"\ud800","vAlue":null}`))
	f.Add([]byte(`{"type":"message","name":"x","value":{"type":"invoke","name":"signin/x","value":1},"conversation":{"id":"c"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		text, fault := textOf(body)
		if fault != nil {
			return
		}
		found, problem := parseActivity(text)
		if problem != "" {
			return
		}
		names, values := decodedMembers(t, text)
		stored, storedValues := decodedMembers(t, found.json)
		if strings.Join(stored, "\x00") != strings.Join(names, "\x00") {
			t.Fatalf("%s was stored as %s: members changed", text, found.json)
		}
		secret := holdsCredential(names, values)
		for i, name := range names {
			want := values[i]
			if secret && strings.EqualFold(name, "value") {
				want = []byte(redactedValue)
			}
			if !bytes.Equal(storedValues[i], want) {
				t.Errorf("member %q of %s was stored as %s", name, text, storedValues[i])
			}
		}
		between := func(whole []byte, values [][]byte) int { return len(whole) - len(bytes.Join(values, nil)) }
		if between(text, values) != between(found.json, storedValues) || !secret && !bytes.Equal(found.json, text) {
			t.Errorf("%s was stored as %s", text, found.json)
		}
	})
}
