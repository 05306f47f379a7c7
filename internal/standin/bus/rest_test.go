package bus_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"chatgate/internal/standin/bus"
)

// request is a send as a client makes it.
type request struct {
	method string
	path   string
	header map[string]string
	body   string
}

func do(t *testing.T, b *bus.Bus, r request) (status int, answer string) {
	t.Helper()
	server := httptest.NewServer(b.Handler())
	defer server.Close()
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.path == "" {
		r.path = "/" + queue + "/messages"
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, server.URL+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	response, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestRESTSend(t *testing.T) {
	b, q := open(t, bus.Options{})
	status, answer := do(t, b, request{
		path: "/Conversation-Activities/messages?timeout=60&api-version=2015-01",
		header: map[string]string{
			"Content-Type":     "application/json",
			"Authorization":    "SharedAccessSignature sr=x",
			"BrokerProperties": `{"MessageId":"m-1","CorrelationId":"c","Label":"l","To":"t","SequenceNumber":9}`,
			"Assistant":        `"demo"`,
			"Number":           "3",
			"Flag":             "true",
			"Plain":            "text",
			"Escaped":          `"a\"b"`,
			"X-Ms-Retrypolicy": "NoRetry",
		},
		body: `{"type":"message"}`,
	})
	if status != http.StatusCreated || answer != "" {
		t.Fatalf("answer: %d %s", status, answer)
	}
	got := receive(t, q, 1).Messages[0]
	if got.ID != "m-1" || got.CorrelationID != "c" || got.Subject != "l" || got.To != "t" || got.ContentType != "application/json" || string(got.Body) != `{"type":"message"}` {
		t.Errorf("message: %+v", got)
	}
	want := map[string]any{"assistant": "demo", "number": 3.0, "flag": true, "plain": "text", "escaped": `a"b`}
	if !reflect.DeepEqual(got.Properties, want) {
		t.Errorf("properties: %v, want %v", got.Properties, want)
	}
}

func TestRESTSendNamesTheNameless(t *testing.T) {
	b, q := open(t, bus.Options{})
	for range 2 {
		if status, answer := do(t, b, request{}); status != http.StatusCreated {
			t.Fatalf("answer: %d %s", status, answer)
		}
	}
	if sent := q.Peek(); sent[0].ID == "" || sent[0].ID == sent[1].ID {
		t.Errorf("ids %v", ids(sent))
	}
}

func TestRESTBatchSend(t *testing.T) {
	b, q := open(t, bus.Options{})
	status, answer := do(t, b, request{
		header: map[string]string{"Content-Type": "application/vnd.microsoft.servicebus.json", "Assistant": `"ignored"`},
		body: `[{"Body":"one","BrokerProperties":{"MessageId":"m-1"},"UserProperties":{"assistant":"demo"}},
			{"Body":"dHdv","IsBodyBase64":true}]`,
	})
	if status != http.StatusCreated {
		t.Fatalf("answer: %d %s", status, answer)
	}
	sent := q.Peek()
	if len(sent) != 2 || sent[0].ID != "m-1" || string(sent[0].Body) != "one" || sent[0].Properties["assistant"] != "demo" {
		t.Errorf("messages: %+v", sent)
	}
	if string(sent[1].Body) != "two" || len(sent[1].Properties) != 0 {
		t.Errorf("second message: %+v", sent[1])
	}
}

func TestRESTRefusals(t *testing.T) {
	batch := map[string]string{"Content-Type": "application/vnd.microsoft.servicebus.json"}
	broker := func(value string) map[string]string { return map[string]string{"BrokerProperties": value} }
	for name, test := range map[string]struct {
		request request
		status  int
		detail  string
	}{
		"unknown queue":         {request{path: "/other/messages"}, 404, "no such queue"},
		"no queue":              {request{path: "/messages"}, 404, ""},
		"not POST":              {request{method: http.MethodGet}, 405, ""},
		"too large":             {request{body: strings.Repeat("x", 1<<20)}, 403, "too large"},
		"too large by property": {request{body: strings.Repeat("x", 64<<10-2), header: map[string]string{"a": "bcd"}}, 403, "too large"},
		"broker no JSON":        {request{header: broker("{")}, 400, "BrokerProperties"},
		"broker null":           {request{header: broker("null")}, 400, "BrokerProperties"},
		"broker wrong type":     {request{header: broker(`{"MessageId":1}`)}, 400, "BrokerProperties"},
		"id too long":           {request{header: broker(`{"MessageId":"` + strings.Repeat("x", 129) + `"}`)}, 400, "128"},
		"scheduled":             {request{header: broker(`{"ScheduledEnqueueTimeUtc":"x"}`)}, 400, "not offered"},
		"batch no JSON":         {request{header: batch, body: "x"}, 400, "array"},
		"batch empty":           {request{header: batch, body: "[]"}, 400, "array"},
		"batch no body":         {request{header: batch, body: "[{}]"}, 400, "no Body"},
		"batch not base64":      {request{header: batch, body: `[{"Body":"!","IsBodyBase64":true}]`}, 400, "base64"},
		"batch nested property": {request{header: batch, body: `[{"Body":"","UserProperties":{"a":{}}}]`}, 400, "no string"},
		"batch bad id":          {request{header: batch, body: `[{"Body":"","BrokerProperties":{"MessageId":"` + strings.Repeat("x", 129) + `"}}]`}, 400, "message 0"},
	} {
		t.Run(name, func(t *testing.T) {
			b, q := open(t, bus.Options{MaxMessageBytes: 64 << 10})
			status, answer := do(t, b, test.request)
			if status != test.status || !strings.Contains(answer, test.detail) {
				t.Errorf("answer: %d %s, want %d with %q", status, answer, test.status, test.detail)
			}
			if q.Counts().Active != 0 {
				t.Error("a refused message was taken")
			}
		})
	}
}
