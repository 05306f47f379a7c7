package invocation_test

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"chatgate/internal/invocation"
)

// setAside stands for what goes to an output binding.
type setAside struct {
	Body []byte `json:"body"`
}

func objects[T any](t *testing.T, values ...T) []invocation.Object {
	t.Helper()
	encoded, err := invocation.Objects(values)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestResultIsAlwaysAnObject(t *testing.T) {
	type outputs = map[string][]invocation.Object
	for name, test := range map[string]struct {
		result invocation.Result
		want   string
	}{
		"nothing (the host hangs on an empty body and on null)": {invocation.Result{}, `{}`},
		"outputs without objects are absent":                    {invocation.Result{Outputs: outputs{"quarantine": {}, "other": nil}}, `{}`},
		"a return value":                                        {invocation.Result{ReturnValue: map[string]int{"stored": 2}}, `{"ReturnValue":{"stored":2}}`},
		"a return value as it is, not for HTML":                 {invocation.Result{ReturnValue: "<one> & two"}, `{"ReturnValue":"<one> & two"}`},
		"a return value that is false":                          {invocation.Result{ReturnValue: false}, `{"ReturnValue":false}`},
		"an output": {
			invocation.Result{Outputs: outputs{"quarantine": objects(t, setAside{[]byte("a")})}},
			`{"Outputs":{"quarantine":[{"body":"YQ=="}]}}`,
		},
		"all of it": {
			invocation.Result{
				Outputs: outputs{
					"quarantine": objects(t, setAside{[]byte("a")}, setAside{[]byte("b")}),
					"empty":      {},
					"another":    {invocation.Object{}},
				},
				ReturnValue: "r",
			},
			`{"ReturnValue":"r","Outputs":{"another":[{}],"quarantine":[{"body":"YQ=="},{"body":"Yg=="}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, contentType, body := answer(t, test.result)
			if status != http.StatusOK || contentType != "application/json" {
				t.Errorf("status %d, Content-Type %q; the host wants 200 and application/json", status, contentType)
			}
			if body != test.want || !json.Valid([]byte(body)) {
				t.Errorf("body\n%s, want\n%s", body, test.want)
			}
		})
	}
}

// answer sends result over HTTP.
func answer(t *testing.T, result invocation.Result) (status int, contentType, body string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := result.Write(w); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), string(content)
}

// TestOutputsAreObjects: the host would decode a string such as "test", which
// is base64 too.
func TestOutputsAreObjects(t *testing.T) {
	for name, value := range map[string]any{
		"a string":    "test",
		"a number":    1,
		"null":        nil,
		"a nil map":   map[string]int(nil),
		"an array":    []setAside{{}},
		"no JSON":     math.NaN(),
		"a raw value": json.RawMessage(` "{}"`),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := invocation.NewObject(value); err == nil {
				t.Error("NewObject accepts it")
			}
			if _, err := invocation.Objects([]any{setAside{}, value}); err == nil {
				t.Error("Objects accepts it")
			}
		})
	}
}

func TestObjectsKeepTheirText(t *testing.T) {
	object := objects(t, map[string]string{"text": "<b>&\u2028"})
	_, _, body := answer(t, invocation.Result{Outputs: map[string][]invocation.Object{"o": object}})
	if want := `{"Outputs":{"o":[{"text":"<b>&\u2028"}]}}`; body != want {
		t.Errorf("%s, want %s", body, want)
	}
}

// TestNothingIsWrittenBeforeAnError: the caller can still answer 500, on which
// the host delivers the batch again.
func TestNothingIsWrittenBeforeAnError(t *testing.T) {
	recorder := httptest.NewRecorder()
	result := invocation.Result{ReturnValue: math.Inf(1)}
	if err := result.Write(recorder); err == nil {
		t.Error("Write encodes infinity")
	}
	if recorder.Body.Len() > 0 || len(recorder.Header()) > 0 {
		t.Errorf("written before the error: %v %s", recorder.Header(), recorder.Body)
	}
}

type brokenWriter struct {
	*httptest.ResponseRecorder
}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteReportsABrokenConnection(t *testing.T) {
	err := invocation.Result{}.Write(brokenWriter{httptest.NewRecorder()})
	if !errors.Is(err, errBroken) {
		t.Errorf("%v, want %v", err, errBroken)
	}
}
