package functionshost_test

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/functionshost"
)

var binaryBatches = map[string]string{persist + "/function.json": queueFunction("many", "binary", 3)}

func isEmpty(c bus.Counts) bool { return c.Idle() }

// bodies decodes the messages of a call to a many/binary function.
func bodies(t *testing.T, c call) []string {
	t.Helper()
	var envelope struct{ Data struct{ Activities string } }
	if err := json.Unmarshal(c.Body, &envelope); err != nil {
		t.Fatalf("%v: %s", err, c.Body)
	}
	var encoded [][]byte
	if err := json.Unmarshal([]byte(envelope.Data.Activities), &encoded); err != nil {
		t.Fatalf("%v: %s", err, envelope.Data.Activities)
	}
	var list []string
	for _, body := range encoded {
		list = append(list, string(body))
	}
	return list
}

func text(bodies ...string) []bus.Message {
	var messages []bus.Message
	for _, body := range bodies {
		messages = append(messages, bus.Message{ID: "id-" + body, Body: []byte(body)})
	}
	return messages
}

func TestAQueueInvokesItsFunctionBatchByBatch(t *testing.T) {
	hold := make(chan struct{})
	s := start(t, binaryBatches, func(call) order { <-hold; return result(`{"Logs":["stored"],"ReturnValue":{"stored":3}}`) })
	s.send(t, text("1", "2", "3", "4", "5")...)
	s.wait(t, func(c bus.Counts) bool { return c.Locked == 3 && c.Active == 2 }) // one batch at a time
	close(hold)
	s.wait(t, isEmpty)
	first, second := s.next(t), s.next(t)
	if first.Messages != 3 || second.Messages != 2 || first.Err != nil || first.Status != 200 || string(first.ReturnValue) != `{"stored":3}` || !slices.Equal(first.Logs, []string{"stored"}) {
		t.Errorf("observed: %+v %+v", first, second)
	}
	calls := s.leader.calls()
	if got := bodies(t, calls[0]); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("first batch: %q", got)
	}
	seen := calls[0]
	if seen.Method != "POST" || seen.URI != "/"+persist || seen.Header.Get("Content-Type") != "application/json; charset=utf-8" ||
		seen.Header.Get("X-Azure-Functions-InvocationId") != first.ID || seen.Header.Get("X-Azure-Functions-HostVersion") == "" ||
		!strings.HasPrefix(seen.Header.Get("User-Agent"), "Azure-Functions-Host/") {
		t.Errorf("seen: %+v", seen)
	}
	if first.RequestBytes != int64(len(seen.Body)) {
		t.Errorf("%d bytes observed, %d seen", first.RequestBytes, len(seen.Body))
	}
	if !s.log.has(entry{slog.LevelInfo, "stored", "function"}) {
		t.Error("the function's logs are lost")
	}
	if counts := s.in.Counts(); counts.Completed != 5 || s.Counts(persist).Succeeded != 2 {
		t.Errorf("counts: %+v %+v", counts, s.Counts(persist))
	}
}

func TestBodiesAreChunkedInAzureAndHaveALengthUnderCoreTools(t *testing.T) {
	for _, length := range []bool{false, true} {
		s := start(t, binaryBatches, func(call) order { return result("{}") }, func(o *functionshost.Options) { o.ContentLength = length })
		s.send(t, text("1")...)
		s.wait(t, isEmpty)
		seen := s.leader.calls()[0]
		if chunked := slices.Contains(seen.TransferEncoding, "chunked"); chunked == length || (seen.ContentLength > 0) != length {
			t.Errorf("ContentLength %t: transfer encoding %q, length %d", length, seen.TransferEncoding, seen.ContentLength)
		}
	}
}

// TestAnswers goes through what the host makes of answers.
func TestAnswers(t *testing.T) {
	asJSON := map[string]string{"Content-Type": "application/json; charset=utf-8"}
	for name, test := range map[string]struct {
		answer order
		err    string // "": success
	}{
		"an empty object":        {result(`{}`), ""},
		"201":                    {order{Status: 201, Header: asJSON, Body: `{}`}, ""},
		"text/json":              {order{Header: map[string]string{"Content-Type": "text/json"}, Body: `{}`}, ""},
		"names in any case":      {result(`{"outputs":{"quarantine":"x"},"returnvalue":1}`), ""},
		"all members null":       {result(`{"Outputs":null,"Logs":null,"ReturnValue":null}`), ""},
		"something after it":     {result(`{} garbage`), ""},
		"not JSON":               {result(`{`), "not the JSON"},
		"an array":               {result(`[]`), "not the JSON"},
		"a string":               {result(`"x"`), "not the JSON"},
		"logs that are objects":  {result(`{"Logs":[{}]}`), "Logs"},
		"another content type":   {order{Header: map[string]string{"Content-Type": "text/plain"}, Body: `{}`}, "content type"},
		"no content type":        {order{Header: map[string]string{"Content-Type": ""}, Body: `{}`}, "content type"},
		"500":                    {order{Status: 500, Header: asJSON, Body: `{"Outputs":{"quarantine":"x"},"Logs":["lost"]}`}, "answered 500"},
		"404":                    {order{Status: 404}, "answered 404"},
		"304":                    {order{Status: 304}, "answered 304"},
		"a redirect to nowhere":  {order{Status: 308, Header: map[string]string{"Location": "http://example.com/"}}, "answered 308"},
		"a crash":                {order{Exit: code(1)}, "EOF"},
		"an output too large":    {result(`{"Outputs":{"quarantine":"` + strings.Repeat("x-y", 100_000) + `"}}`), "too large"},
		"an unknown output only": {result(`{"Outputs":{"other":"x"}}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			once := make(chan order, 1)
			once <- test.answer
			s := start(t, binaryBatches, func(call) order {
				select {
				case first := <-once:
					return first
				default:
					return result("{}")
				}
			})
			s.send(t, text("1", "2")...)
			ended := s.next(t)
			s.wait(t, isEmpty)
			if test.err == "" {
				if ended.Err != nil || s.in.Counts().Delivered != 2 {
					t.Errorf("%v after %+v, want success at once", ended.Err, s.in.Counts())
				}
				return
			}
			if ended.Err == nil || !strings.Contains(ended.Err.Error(), test.err) {
				t.Errorf("%v, want %q", ended.Err, test.err)
			}
			if counts := s.in.Counts(); counts.Abandoned != 2 || counts.Completed != 2 || counts.Delivered != 4 {
				t.Errorf("counts: %+v, want the whole batch abandoned and delivered again", counts)
			}
			if out := s.out.Counts(); out.Sent != 0 || s.log.has(entry{slog.LevelInfo, "lost", "function"}) {
				t.Error("outputs or logs of a failed invocation came through")
			}
		})
	}
}

func TestEmptyAnswersHangUntilFunctionTimeoutAndThenTheHandlerIsKilled(t *testing.T) {
	for name, answer := range map[string]order{
		"nothing":      result(""),
		"204":          {Status: 204},
		"null":         result("null"),
		"chunked":      {Chunked: true, Header: map[string]string{"Content-Type": "application/json"}},
		"white space":  result(" \n"),
		"no type even": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const timeout = 2 * time.Second // of the invocation that follows as well
			once := make(chan order, 1)
			once <- answer
			s := start(t, binaryBatches, func(call) order {
				select {
				case first := <-once:
					return first
				default:
					return result("{}")
				}
			}, func(o *functionshost.Options) { o.FunctionTimeout = timeout })
			s.send(t, text("1")...)
			ended := s.next(t)
			if ended.Err == nil || !strings.Contains(ended.Err.Error(), "functionTimeout") || ended.Duration < timeout {
				t.Errorf("observed: %+v", ended)
			}
			s.wait(t, isEmpty)
			if s.Starts() != 2 || s.in.Counts().Abandoned != 1 {
				t.Errorf("%d starts, %+v", s.Starts(), s.in.Counts())
			}
		})
	}
}

// TestThePostFollowsRedirects: a mux that answers POST /PersistConversation with
// 301 gets a GET without the messages.
func TestThePostFollowsRedirects(t *testing.T) {
	s := start(t, binaryBatches, func(c call) order {
		if c.Method == "POST" {
			return order{Status: 301, Header: map[string]string{"Location": "/" + persist + "/"}}
		}
		return result("{}")
	})
	s.send(t, text("1")...)
	s.wait(t, isEmpty)
	calls := s.leader.calls()
	if len(calls) != 2 || calls[1].Method != "GET" || calls[1].URI != "/"+persist+"/" || len(calls[1].Body) != 0 {
		t.Errorf("calls: %+v", calls)
	}
}

func TestAFailingBatchEndsInTheDeadLettersAsAWhole(t *testing.T) {
	s := start(t, binaryBatches, func(call) order { return order{Status: 500} })
	s.send(t, text("poison", "mate")...)
	s.wait(t, func(c bus.Counts) bool { return c.DeadLettered == 2 })
	var counts []string
	for _, asked := range s.leader.calls() {
		var envelope struct {
			Metadata struct{ DeliveryCountArray string }
		}
		if err := json.Unmarshal(asked.Body, &envelope); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, envelope.Metadata.DeliveryCountArray)
	}
	if !slices.Equal(counts, []string{"[1,1]", "[2,2]", "[3,3]"}) {
		t.Errorf("delivery counts %q", counts)
	}
}

func TestOutputs(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte{0, 1, 0xff})
	for name, test := range map[string]struct {
		dataType string
		value    string
		want     []string
	}{
		"text":                     {"", `"plain text"`, []string{"plain text"}},
		"text that is base64":      {"", `"` + encoded + `"`, []string{"\x00\x01\xff"}},
		"a word that is base64":    {"", `"word"`, []string{"\xc2\x8a\xdd"}},
		"base64 with line breaks":  {"", `"AA\r\n H/"`, []string{"\x00\x01\xff"}},
		"base64 to a binary queue": {"binary", `"` + encoded + `"`, []string{encoded}},
		"an empty text":            {"", `""`, []string{""}},
		"null":                     {"", `null`, nil},
		"an object, indented":      {"", `{"b":"AAH/","a":[1,2.50]}`, []string{"{\n  \"b\": \"AAH/\",\n  \"a\": [\n    1,\n    2.5\n  ]\n}"}},
		"a number":                 {"", `12`, []string{"12"}},
		"an array":                 {"", `[{"a":1},"text","word",3]`, []string{"{\n  \"a\": 1\n}", "text", "word", "3"}},
		"an empty array":           {"", `[]`, nil},
		"text that holds an array": {"", `"[\"a\",\"b\"]"`, []string{"a", "b"}},
		"dates are rewritten":      {"", `{"at":"2026-03-01T10:00:00.120Z"}`, []string{"{\n  \"at\": \"2026-03-01T10:00:00.12Z\"\n}"}},
	} {
		t.Run(name, func(t *testing.T) {
			declared := queueFunction("many", "binary", 0)
			if test.dataType != "" {
				declared = strings.Replace(declared, `"direction":"out"`, `"direction":"out","dataType":"`+test.dataType+`"`, 1)
			}
			s := start(t, map[string]string{persist + "/function.json": declared}, func(call) order {
				return result(`{"Outputs":{"quarantine":` + test.value + `,"unknown":"x"}}`)
			})
			s.send(t, text("1")...)
			if ended := s.next(t); ended.Err != nil {
				t.Fatal(ended.Err)
			}
			var got []string
			for _, message := range s.out.Peek() {
				got = append(got, string(message.Body))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("messages %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheReturnValueCanBeAnOutput(t *testing.T) {
	declared := strings.Replace(queueFunction("many", "binary", 0), `"name":"quarantine"`, `"name":"$return"`, 1)
	s := start(t, map[string]string{persist + "/function.json": declared}, func(call) order {
		return result(`{"Outputs":{"$return":"no"},"ReturnValue":"re-turned"}`)
	})
	s.send(t, text("1")...)
	s.wait(t, isEmpty)
	if sent := s.out.Peek(); len(sent) != 1 || string(sent[0].Body) != "re-turned" {
		t.Errorf("sent: %+v", sent)
	}
}

// TestOnePoisonMessageFailsTheBindingOfABatch: many with no dataType parses each
// body before the handler is asked.
func TestOnePoisonMessageFailsTheBindingOfABatch(t *testing.T) {
	s := start(t, map[string]string{persist + "/function.json": queueFunction("many", "", 0)}, func(call) order { return result("{}") })
	s.send(t, text(`{"a":1}`, `not JSON`)...)
	s.wait(t, func(c bus.Counts) bool { return c.DeadLettered == 2 })
	if calls := s.leader.calls(); len(calls) != 0 {
		t.Errorf("the handler was asked: %+v", calls)
	}
}

func TestSingleMessagesComeOneByOne(t *testing.T) {
	s := start(t, map[string]string{persist + "/function.json": queueFunction("one", "binary", 0)}, func(call) order { return result("{}") })
	s.send(t, text("1", "2")...)
	s.wait(t, isEmpty)
	for i, asked := range s.leader.calls() {
		want := base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(i + 1)))
		if !regexp.MustCompile(`"activities":"` + want + `"`).Match(asked.Body) {
			t.Errorf("call %d: %s", i, asked.Body)
		}
	}
}

func TestADeadHandlerLeavesItsMessagesInTheQueue(t *testing.T) {
	s := start(t, binaryBatches, func(call) order { return order{Exit: code(0)} })
	s.send(t, text("1")...)
	if ended := s.next(t); ended.Err == nil {
		t.Error("no failure")
	}
	s.wait(t, func(c bus.Counts) bool { return c.Active == 1 && c.Delivered <= 2 })
}
