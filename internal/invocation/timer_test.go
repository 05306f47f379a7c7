package invocation_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/invocation"
)

// timerExample is what the host sends when a timer fires (functions-host: the
// invocation of a function).
const timerExample = `{"Data":{"timer":{"Schedule":{"AdjustForDST":true},` +
	`"ScheduleStatus":{"Last":"2026-03-01T02:17:00.0032834+00:00","Next":"2026-03-02T02:17:00+00:00","LastUpdated":"2026-03-01T02:17:00.0032834+00:00"},` +
	`"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"PurgeExpired","UtcNow":"2026-03-02T02:17:00Z","RandGuid":"5b0e8b3c"}}}`

func TestTimer(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want invocation.Timer
	}{
		"as the host writes it": {timerExample, invocation.Timer{}},
		"a run that is made up for": {
			strings.Replace(timerExample, `"IsPastDue":false`, `"IsPastDue":true`, 1), invocation.Timer{PastDue: true},
		},
		"a string that holds the object": {
			`{"Metadata":{},"Data":{"timer":"{\"IsPastDue\":true,\"ScheduleStatus\":{\"Next\":\"2026-03-02T02:17:00Z\"}}"}}`,
			invocation.Timer{PastDue: true},
		},
		// ScheduleStatus may be null, first-run dates are year 1 (functions-host).
		"no status": {`{"Data":{"timer":{"ScheduleStatus":null,"IsPastDue":false}}}`, invocation.Timer{}},
		"it has never fired": {
			`{"Data":{"timer":{"ScheduleStatus":{"Last":"0001-01-01T00:00:00","Next":"2026-03-02T02:17:00"},"IsPastDue":true}}}`, invocation.Timer{PastDue: true},
		},
		"a flag within the status":   {`{"Data":{"timer":{"ScheduleStatus":{"IsPastDue":true}}}}`, invocation.Timer{}},
		"a status that is text":      {`{"Data":{"timer":{"ScheduleStatus":"x","IsPastDue":true}}}`, invocation.Timer{PastDue: true}},
		"a flag of another type":     {`{"Data":{"timer":{"IsPastDue":"true"}}}`, invocation.Timer{}},
		"other bindings, other Data": {`{"Data":{"other":[1],"timer":{}},"x":[{}]}`, invocation.Timer{}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, reader := range []io.Reader{strings.NewReader(test.body), iotest.OneByteReader(strings.NewReader(test.body))} {
				got, err := invocation.DecodeTimer(reader, "timer")
				if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			}
		})
	}
}

func TestMalformedTimer(t *testing.T) {
	for name, test := range map[string]malformed{
		"empty":                  {"", "expected an object with the member Data, found the end"},
		"null":                   {"null", "expected an object with the member Data, found 'n'"},
		"no Data":                {"{}", "expected an object Data.timer, found no such member"},
		"Data is null":           {`{"Data":null}`, "expected an object Data.timer"},
		"another binding":        {`{"Data":{"activities":"[]"}}`, "expected an object Data.timer"},
		"another letter case":    {`{"Data":{"Timer":{}}}`, "expected an object Data.timer"},
		"two timers":             {`{"Data":{"timer":{},"timer":{}}}`, "expected one Data.timer, found another one"},
		"no object":              {`{"Data":{"timer":[]}}`, "expected an object, or a string that holds one, found '['"},
		"null for an object":     {`{"Data":{"timer":null}}`, "expected an object, or a string that holds one, found 'n'"},
		"text that is no object": {`{"Data":{"timer":"soon"}}`, "Data.timer is malformed at byte 0"},
		"more behind the object": {`{"Data":{"timer":"{} {}"}}`, "expected nothing more, found '{'"},
		"trailing data":          {timerExample + "{}", "expected nothing more, found '{'"},
		"cut":                    {timerExample[:len(timerExample)/2], "found the end"},
		"a misspelt flag":        {`{"Data":{"timer":{"IsPastDue":tru}}}`, "expected true, found 't'"},
		"nested too deep":        {`{"Data":{"timer":{"x":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}}`, "at most 100 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := invocation.DecodeTimer(strings.NewReader(test.body), "timer")
			var malformed *invocation.MalformedError
			if !errors.As(err, &malformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if got != (invocation.Timer{}) {
				t.Errorf("%+v beside an error", got)
			}
		})
	}
}

func TestATimersEnvelopeIsBounded(t *testing.T) {
	fits := timerExample + strings.Repeat(" ", invocation.MaxTimerBody-len(timerExample))
	if _, err := invocation.DecodeTimer(strings.NewReader(fits), "timer"); err != nil {
		t.Errorf("of the largest size: %v", err)
	}
	var large *invocation.TooLargeError
	_, err := invocation.DecodeTimer(strings.NewReader(fits+" "), "timer")
	if !errors.As(err, &large) || large.Limit != invocation.MaxTimerBody || large.Unit != "bytes" {
		t.Errorf("beyond it: %v", err)
	}
}

func TestAFailureToReadATimersEnvelopeIsToldAsThat(t *testing.T) {
	broken := errors.New("the connection broke")
	for _, n := range []int{0, 1, len(timerExample) / 2, len(timerExample)} {
		reader := io.MultiReader(strings.NewReader(timerExample[:n]), iotest.ErrReader(broken))
		if _, err := invocation.DecodeTimer(reader, "timer"); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// FuzzDecodeTimer: what is accepted is JSON, and read as encoding/json reads it.
func FuzzDecodeTimer(f *testing.F) {
	f.Add([]byte(timerExample))
	f.Add([]byte(`{"Data":{"timer":"{\"IsPastDue\":true}"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := invocation.DecodeTimer(bytes.NewReader(body), "timer")
		inPieces, errInPieces := invocation.DecodeTimer(iotest.OneByteReader(bytes.NewReader(body)), "timer")
		if got != inPieces || (err == nil) != (errInPieces == nil) {
			t.Errorf("read byte by byte: %+v %v instead of %+v %v", inPieces, errInPieces, got, err)
		}
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Error("this is not JSON")
		}
		if want, ok := naivePastDue(body); ok && got.PastDue != want {
			t.Errorf("PastDue is %t, want %t", got.PastDue, want)
		}
	})
}

// naivePastDue reads IsPastDue by encoding/json; ok is false where it is not
// where it should be.
func naivePastDue(body []byte) (pastDue, ok bool) {
	var envelope map[string]any
	if json.Unmarshal(body, &envelope) != nil {
		return false, false
	}
	data, _ := envelope["Data"].(map[string]any)
	if text, isText := data["timer"].(string); isText {
		var info map[string]any
		_ = json.Unmarshal([]byte(text), &info)
		data["timer"] = info
	}
	info, _ := data["timer"].(map[string]any)
	if info == nil {
		return false, false
	}
	pastDue, _ = info["IsPastDue"].(bool)
	return pastDue, true
}
