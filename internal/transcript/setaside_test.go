package transcript

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// quoted is text as a JSON string.
func quoted(text string) string {
	written, _ := json.Marshal(text)
	return string(written)
}

// quarantineMessage is what a program reads from the quarantine queue.
type quarantineMessage struct {
	Reason, Detail, MessageID, Assistant, EnqueuedTime string

	Body       *[]byte
	BodyGzip   []byte
	BodyBytes  int
	BodySha256 string
}

func marshalAside(t *testing.T, aside SetAside) (message quarantineMessage, text []byte) {
	t.Helper()
	text, err := json.Marshal([]SetAside{aside})
	if err != nil {
		t.Fatal(err)
	}
	text = text[1 : len(text)-1]
	if len(text) > 192<<10 {
		t.Errorf("the message has %d bytes, more than 192 KiB", len(text))
	}
	if err := json.Unmarshal(text, &message); err != nil {
		t.Fatal(err)
	}
	return message, text
}

func TestSetAsideIsTheQuarantineMessage(t *testing.T) {
	_, text := marshalAside(t, SetAside{Reason: NotJSON, Detail: "the message is empty", Message: Message{
		ID: "m1", Assistant: "bankx", Body: []byte("<&>"), EnqueuedAt: time.Date(2026, 11, 21, 13, 0, 0, 5000000, time.FixedZone("", 3600)),
	}})
	want := `{"reason":"not_json","detail":"the message is empty","messageId":"m1","assistant":"bankx","enqueuedTime":"2026-11-21T12:00:00.005Z","body":"PCY+"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	_, text = marshalAside(t, SetAside{Reason: NotJSON})
	if want := `{"reason":"not_json","detail":"","messageId":"","assistant":"","body":""}`; string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestALargeBodyIsGzippedAndALargerOneDescribed(t *testing.T) {
	noise := func(n int) []byte {
		random := make([]byte, n)
		_, _ = rand.Read(random)
		return random
	}
	tests := []struct {
		name string
		body []byte
		form string
	}{
		{"as it is", noise(maxBody), "body"},
		{"gzipped", []byte(strings.Repeat("hello ", maxBody/6+1)), "gzip"},
		{"gzipped 1 MiB", make([]byte, 1<<20), "gzip"},
		{"described", noise(maxBody + 1), "described"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, _ := marshalAside(t, SetAside{Reason: TooLarge, Message: Message{Body: test.body}})
			if got := formOf(&message); got != test.form {
				t.Fatalf("the body is in the form %s, want %s", got, test.form)
			}
			sum := sha256.Sum256(test.body)
			switch {
			case test.form == "body" && !bytes.Equal(*message.Body, test.body):
				t.Error("another body came out")
			case test.form == "gzip" && !bytes.Equal(inflate(t, message.BodyGzip), test.body):
				t.Error("another body came out of the gzip")
			case test.form == "described" && (message.BodyBytes != len(test.body) || message.BodySha256 != hex.EncodeToString(sum[:])):
				t.Errorf("another body is described: %d bytes, %s", message.BodyBytes, message.BodySha256)
			}
		})
	}
}

// formOf says in which form a body is there; "" where there are several or none.
func formOf(message *quarantineMessage) string {
	forms := map[string]bool{
		"body": message.Body != nil, "gzip": message.BodyGzip != nil, "described": message.BodyBytes != 0 && message.BodySha256 != "",
	}
	found := ""
	for form, present := range forms {
		if present && found != "" {
			return ""
		}
		if present {
			found = form
		}
	}
	return found
}

func TestAQuarantineMessageIsBoundedWhateverItsParts(t *testing.T) {
	noise := make([]byte, maxBody)
	_, _ = rand.Read(noise)
	for _, filler := range []string{"\x00", "<", "\u2028", "😀", "\xff", `"`, "話"} {
		long := strings.Repeat(filler, 5000)
		message, _ := marshalAside(t, SetAside{Reason: UnknownAssistant, Detail: long, Message: Message{ID: long, Assistant: long, Body: noise}})
		if message.Body == nil || len(message.MessageID) < maxDetail || len(message.Assistant) < maxDetail {
			t.Errorf("of %q too much was cut", filler)
		}
	}
}

func TestCredentialsDoNotReachTheQuarantine(t *testing.T) {
	const invoke = `{"type":"invoke","name":"signin/verifyState","value":{"state":"SECRET"}}`
	const shown = `{"type":"invoke","name":"signin/verifyState","value":{"redacted":true}}`
	tests := []struct{ name, body, want string }{
		{"no conversation", invoke, shown},
		{"with space and byte order mark", "\ufeff " + invoke + "\n", "\ufeff " + shown + "\n"},
		{"an element", `[` + invoke + `, 5]`, `[` + shown + `, 5]`},
		{"a transcript", `{"transcript":[{"a":` + invoke + `},` + invoke + `]}`, `{"transcript":[{"a":` + shown + `},` + shown + `]}`},
		{"inside a credential", `{"type":"event","name":"tokens/response","value":` + invoke + `}`, `{"type":"event","name":"tokens/response","value":{"redacted":true}}`},
		{"no credential", `{"type":"event","value":"kept"}`, `{"type":"event","value":"kept"}`},
		{"broken, no credential", `{"type":"event","value":"kept`, `{"type":"event","value":"kept`},
		{"broken but harmless", `{"text":"I cannot sign in / my tokens are gone"`, `{"text":"I cannot sign in / my tokens are gone"`},

		{"no type", `{"name":"tokens/response","value":"SECRET"}`, `{"name":"tokens/response","value":{"redacted":true}}`},
		{"of another type", `{"type":"message","name":"signin/verifyState","value":"SECRET"}`, `{"type":"message","name":"signin/verifyState","value":{"redacted":true}}`},
		{"only the name", `{"topic":"signin/verifyState"}`, `{"topic":"signin/verifyState"}`},

		{"in a string of an object", `{"payload":` + quoted(invoke) + `}`, ""},
		{"in a string of an array", `[1,` + quoted(invoke) + `]`, ""},
		{"cut off", invoke[:len(invoke)-1], ""},
		{"followed by something", invoke + "x", ""},
		{"escaped and broken", `{"name":"S\u0049gnin\/verifyState","value":"SECRET"`, ""},
		{"token response, broken", `{"name":"TOKENS/RESPONSE","value":"SECRET"`, ""},
		{"JSON within a string", quoted(invoke), ""},
		{"UTF-16", utf16Text(invoke), ""},
		{"too deep", strings.Repeat("[", 100) + invoke + strings.Repeat("]", 100), ""},
		{"far too deep", strings.Repeat("[", 20000) + invoke + strings.Repeat("]", 20000), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, text := marshalAside(t, SetAside{Reason: NotAnActivity, Detail: "d", Message: Message{Body: []byte(test.body)}})
			if test.want != "" {
				if message.Body == nil || string(*message.Body) != test.want || message.Detail != "d" {
					t.Errorf("got %s, want body %s", text, test.want)
				}
				return
			}
			if message.Body != nil || message.BodyGzip != nil || message.BodyBytes != len(test.body) || !strings.HasPrefix(message.Detail, "d; its body is withheld") {
				t.Errorf("got %s, want the body withheld", text)
			}
		})
	}
}

// A large message is looked through part by part: a name that lies across the
// edge of a part is found all the same.
func TestACredentialFarInsideIsFound(t *testing.T) {
	for before := 64<<10 - 40; before <= 64<<10; before += 3 {
		if _, ok := withoutCredentials([]byte(strings.Repeat("x", before) + `"signin/verifyState"` + strings.Repeat("x", 400))); ok {
			t.Errorf("after %d bytes a credential was missed", before)
		}
	}
}

func TestAGzippedBodyHoldsNoCredentialEither(t *testing.T) {
	body := `[{"type":"invoke","name":"signin/x","value":"SECRET"},` + strings.Repeat(`"filler",`, 50_000) + `5]`
	message, _ := marshalAside(t, SetAside{Message: Message{Body: []byte(body)}})
	if got := inflate(t, message.BodyGzip); string(got) != strings.Replace(body, `"SECRET"`, redactedValue, 1) {
		t.Errorf("the gzipped body begins %.100s", got)
	}
}

// utf16Text is text as UTF-16, low byte first.
func utf16Text(text string) string {
	var encoded []byte
	for _, unit := range slices.Concat([]uint16{0xFEFF}, utf16.Encode([]rune(text))) {
		encoded = append(encoded, byte(unit), byte(unit>>8))
	}
	return string(encoded)
}
