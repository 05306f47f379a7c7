package functionshost

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
)

// queueTrigger is a function with a trigger of the given kind.
func queueTrigger(cardinality, dataType string) *function {
	return &function{name: "Persist", trigger: binding{Type: typeServiceBusTrigger, Name: "activities", Cardinality: cardinality, DataType: dataType}}
}

var enqueued = time.Date(2026, 3, 1, 10, 0, 0, 120_000_000, time.UTC)

func message(body string) bus.Message {
	return bus.Message{ID: "m-1", Body: []byte(body), SequenceNumber: 42, DeliveryCount: 1, LockToken: "5b0e", EnqueuedAt: enqueued}
}

// parts splits an envelope into its two objects, values as they were written.
func parts(t *testing.T, f *function, messages ...bus.Message) (data, metadata map[string]json.RawMessage) {
	t.Helper()
	body, err := envelope(f, messages, enqueued, false)
	if err != nil {
		t.Fatal(err)
	}
	var split struct{ Data, Metadata map[string]json.RawMessage }
	if err := json.Unmarshal(body, &split); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return split.Data, split.Metadata
}

// TestServiceBusValues pins the table of how a body is written.
func TestServiceBusValues(t *testing.T) {
	const activity = `{"text":"a \"b\" ü"}`
	for name, test := range map[string]struct {
		cardinality, dataType string
		bodies                []string
		want                  string
	}{
		"one":         {"one", "", []string{activity}, `"\"{\\\"text\\\":\\\"a \\\\\\\"b\\\\\\\" ü\\\"}\""`},
		"one/string":  {"one", "string", []string{"plain"}, `"\"plain\""`},
		"one/default": {"", "", []string{"plain"}, `"\"plain\""`},
		"one/binary":  {"one", "binary", []string{"\x00\xff"}, `"AP8="`},
		"many":        {"many", "", []string{` { "b" : 1.50 , "a" : [ true , null ] } `, `"x"`}, `"[{\"b\":1.5,\"a\":[true,null]},\"x\"]"`},
		"many/string": {"many", "string", []string{`{"type":"message"}`, "plain"}, `"[\"{\\\"type\\\":\\\"message\\\"}\",\"plain\"]"`},
		"many/binary": {"many", "binary", []string{`{"a":1}`, "\x00\xff", ""}, `"[\"eyJhIjoxfQ==\",\"AP8=\",\"\"]"`},
		"no UTF-8":    {"many", "string", []string{"a\xffb"}, `"[\"a` + "\uFFFD" + `b\"]"`},
	} {
		var messages []bus.Message
		for _, body := range test.bodies {
			messages = append(messages, message(body))
		}
		data, _ := parts(t, queueTrigger(test.cardinality, test.dataType), messages...)
		if got := string(data["activities"]); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestMetadataOfABatch(t *testing.T) {
	first, second := message("{}"), message("{}")
	first.ContentType, first.Properties = "application/json", map[string]any{"assistant": "bankx"}
	second.ID, second.DeliveryCount, second.SequenceNumber, second.LockToken = "", 3, 43, "77c1"
	second.EnqueuedAt = enqueued.Truncate(time.Second)
	_, metadata := parts(t, queueTrigger("many", "binary"), first, second)
	for name, want := range map[string]string{
		"DeliveryCountArray":         `[1,3]`,
		"LockTokenArray":             `["5b0e","77c1"]`,
		"MessageIdArray":             `["m-1",null]`,
		"SequenceNumberArray":        `[42,43]`,
		"ContentTypeArray":           `["application/json",null]`,
		"EnqueuedTimeUtcArray":       `["2026-03-01T10:00:00.12","2026-03-01T10:00:00"]`,
		"EnqueuedTimeArray":          `["2026-03-01T10:00:00.12+00:00","2026-03-01T10:00:00+00:00"]`,
		"ApplicationPropertiesArray": `[{"assistant":"bankx"},{}]`,
		"DeadLetterSourceArray":      `[null,null]`,
	} {
		var text string
		if err := json.Unmarshal(metadata[name], &text); err != nil || text != want {
			t.Errorf("%s = %s, want text that holds %s", name, metadata[name], want)
		}
	}
	var system map[string]string
	if err := json.Unmarshal(metadata["sys"], &system); err != nil || system["MethodName"] != "Persist" || system["UtcNow"] != "2026-03-01T10:00:00Z" || system["RandGuid"] == "" {
		t.Errorf("sys must be an object: %s", metadata["sys"])
	}
	var client struct{ FullyQualifiedNamespace string }
	if err := json.Unmarshal(metadata["Client"], &client); err != nil || client.FullyQualifiedNamespace == "" {
		t.Errorf("Client must be an object: %s", metadata["Client"])
	}
}

func TestMetadataOfOneMessage(t *testing.T) {
	single := message("plain")
	single.Properties = map[string]any{"assistant": "bankx"}
	_, metadata := parts(t, queueTrigger("one", ""), single)
	for name, want := range map[string]string{
		"MessageId":             `"\"m-1\""`,
		"DeliveryCount":         `"1"`,
		"SequenceNumber":        `"42"`,
		"EnqueuedTimeUtc":       `"\"2026-03-01T10:00:00\""`,
		"ApplicationProperties": `{"assistant":"bankx"}`,
	} {
		if got := string(metadata[name]); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if value, there := metadata["ContentType"]; there {
		t.Errorf("ContentType = %s, but null is left out", value)
	}
}

// TestABodyForgesTheMetadataOfOneMessage: bound as text, each top-level property
// of a body overrides the metadata. Neither many nor binary has this hole.
func TestABodyForgesTheMetadataOfOneMessage(t *testing.T) {
	forged := message(`{"messageid":"forged","DeliveryCount":9,"applicationProperties":{"assistant":"other"},"sys":"x","list":[1],"none":null,"more":true}`)
	_, metadata := parts(t, queueTrigger("one", ""), forged)
	for name, want := range map[string]string{
		"MessageId": `"\"forged\""`, "DeliveryCount": `"\"9\""`, "ApplicationProperties": `{"assistant":"other"}`, "sys": `"\"x\""`, "more": `"\"true\""`,
	} {
		if got := string(metadata[name]); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	for _, name := range []string{"list", "none", "messageid"} {
		if value, there := metadata[name]; there {
			t.Errorf("%s = %s", name, value)
		}
	}
	for _, f := range []*function{queueTrigger("one", "binary"), queueTrigger("many", ""), queueTrigger("many", "string"), queueTrigger("many", "binary")} {
		_, metadata := parts(t, f, forged)
		if value := string(metadata["MessageId"]) + string(metadata["MessageIdArray"]); strings.Contains(value, "forged") {
			t.Errorf("%s/%s is forged: %s", f.trigger.Cardinality, f.trigger.DataType, value)
		}
	}
}

func TestTextIsEscapedAsDotNetDoes(t *testing.T) {
	for text, want := range map[string]string{
		`a"b\c/d`:                 `"a\"b\\c/d"`,
		"\b\t\n\f\r\x00\x1f":      `"\b\t\n\f\r\u0000\u001f"`,
		"<>&'+é😀\u007f":           `"<>&'+é😀` + "\u007f" + `"`,
		"\u0085\u2028\u2029":      `"\u0085\u2028\u2029"`,
		"\u0084\u0086\u2027":      "\"\u0084\u0086\u2027\"",
		"":                        `""`,
		"\xc2":                    "\"\xc2\"",
		"ends in a half \xe2\x80": "\"ends in a half \xe2\x80\"",
	} {
		if got := string(appendText(nil, text)); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestReparsedJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"at":"2026-03-01T10:00:00.1200000Z"}`:                        `{"at":"2026-03-01T10:00:00.12Z"}`,
		`["2026-03-01T12:00:00.5+02:00"]`:                              `["2026-03-01T10:00:00.5+00:00"]`,
		`["2026-03-01T10:00:00","2026-03-01"]`:                         `["2026-03-01T10:00:00","2026-03-01"]`,
		`["2026-13-01T10:00:00Z"]`:                                     `["2026-13-01T10:00:00Z"]`,
		`[1,-0,1.0,1e3,1.50,1E-7,123456789012345678901234567890,1e20]`: `[1,-0,1.0,1000.0,1.5,1E-07,123456789012345678901234567890,1E+20]`,
		`{"b":1,"a":{},"c":[]}`:                                        `{"b":1,"a":{},"c":[]}`,
		`"\u0041\/"`:                                                   `"A/"`,
	} {
		got, err := reparse([]byte(text))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "{", "x", "{} {}", `{"a"}`, `[1,]`} {
		if got, err := reparse([]byte(text)); err == nil {
			t.Errorf("%q: %s, want an error", text, got)
		}
	}
}

// FuzzEnvelope: whatever the bodies, the envelope is JSON, and many/binary gives
// back the exact bytes.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"type":"message"}`), []byte("plain"))
	f.Add([]byte{0, 0xff}, []byte(`{"messageid":1,"sys":{}}`))
	f.Add([]byte("\u2028\xe2\x80"), []byte(`["2026-03-01T10:00:00Z",1e400]`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		messages := []bus.Message{{Body: first, ID: string(first)}, {Body: second}}
		for _, cardinality := range []string{"one", "many"} {
			for _, dataType := range []string{"", "string", "binary"} {
				body, err := envelope(queueTrigger(cardinality, dataType), messages, enqueued, false)
				if err != nil {
					continue // a body that is not JSON, where it must be
				}
				var split struct{ Data map[string]string }
				if err := json.Unmarshal(body, &split); err != nil {
					t.Fatalf("%s/%s: %v: %s", cardinality, dataType, err, body)
				}
				if cardinality != "many" || dataType != "binary" {
					continue
				}
				var list []string
				if err := json.Unmarshal([]byte(split.Data["activities"]), &list); err != nil {
					t.Fatal(err)
				}
				for i, want := range [][]byte{first, second} {
					if got, err := base64.StdEncoding.DecodeString(list[i]); err != nil || string(got) != string(want) {
						t.Errorf("message %d: %q %v, want %q", i, got, err, want)
					}
				}
			}
		}
	})
}

// FuzzAnswer: no answer makes the host panic, and each output that it takes
// becomes messages.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"Outputs":{"out":[{"a":1},"word",null]},"Logs":["x",1,null],"ReturnValue":{"stored":1}}`))
	f.Add([]byte(`{"Outputs":{"out":"[1,2"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		given, err := parseAnswer(body)
		if err != nil {
			return
		}
		for name, value := range given.outputs {
			for _, dataType := range []string{"", "binary"} {
				if _, err := outputMessages(&binding{Name: name, DataType: dataType}, value); err != nil {
					t.Errorf("output %s: %v", value, err)
				}
			}
		}
	})
}
