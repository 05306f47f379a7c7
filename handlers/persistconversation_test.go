package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// envelope is what the host sends for a trigger with cardinality many and
// dataType binary: arrays are strings that hold JSON.
func envelope(t *testing.T, bodies ...string) string {
	t.Helper()
	encoded := make([]string, len(bodies))
	ids := make([]string, len(bodies))
	for i, body := range bodies {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(body))
		ids[i] = "m-" + string(rune('1'+i))
	}
	text := func(value any) string {
		inner, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(inner)
	}
	return text(map[string]any{
		"Data": map[string]string{"activities": text(encoded)},
		"Metadata": map[string]any{
			"MessageIdArray":             text(ids),
			"EnqueuedTimeUtcArray":       `["2026-03-01T10:00:00.123"]`,
			"ApplicationPropertiesArray": `[{"assistant":"bankx"}]`,
		},
	})
}

func (w *world) invoke(t *testing.T, body string) (*http.Response, []byte) {
	t.Helper()
	return send(t, w.request(t, http.MethodPost, "/PersistConversation", body,
		"Content-Type", "application/json; charset=utf-8", "X-Azure-Functions-InvocationId", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"))
}

func TestPersistConversation(t *testing.T) {
	w := start(t, nil)
	w.recorder.result = transcript.Result{Stored: 1, Skipped: 2}
	response, body := w.invoke(t, envelope(t, "one", "two"))
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	if want := `{"ReturnValue":{"quarantined":0,"skipped":2,"stored":1}}`; string(body) != want {
		t.Errorf("answer %s, want %s: no Outputs when nothing was set aside", body, want)
	}
	first := w.recorder.received[0]
	if string(first.Body) != "one" || first.ID != "m-1" || first.Assistant != "bankx" ||
		!first.EnqueuedAt.Equal(time.Date(2026, 3, 1, 10, 0, 0, 123e6, time.UTC)) {
		t.Errorf("the recorder got %+v", first)
	}
	if second := w.recorder.received[1]; string(second.Body) != "two" || second.ID != "m-2" || second.Assistant != "" || !second.EnqueuedAt.IsZero() {
		t.Errorf("missing metadata became %+v", second)
	}
}

func TestWhatIsSetAsideLeavesByTheOutputBinding(t *testing.T) {
	w := start(t, nil)
	w.recorder.result = transcript.Result{SetAside: []transcript.SetAside{
		{Reason: transcript.NotJSON, Detail: "it is not JSON", Message: transcript.Message{ID: "m-1", Body: []byte("canary")}},
	}}
	_, body := w.invoke(t, envelope(t, "canary"))
	var answer struct {
		Outputs struct {
			Quarantine []struct {
				Reason, MessageID string
				Body              []byte
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Outputs.Quarantine) != 1 || answer.Outputs.Quarantine[0].Reason != "not_json" || string(answer.Outputs.Quarantine[0].Body) != "canary" {
		t.Errorf("answer %s", body)
	}
	if !strings.Contains(w.log.String(), `"reasons":{"not_json":1}`) || strings.Contains(w.log.String(), "canary") {
		t.Errorf("log %s", w.log)
	}
}

func TestAFailingStoreBringsTheBatchAgain(t *testing.T) {
	w := start(t, nil)
	w.recorder.failure = errors.New("503")
	if response, body := w.invoke(t, envelope(t, "one")); response.StatusCode != 500 {
		t.Errorf("%d %s, want 500", response.StatusCode, body)
	}
	if _, body := send(t, w.request(t, http.MethodGet, "/api/Health", "")); !strings.Contains(string(body), "conversation_store") {
		t.Errorf("health does not name the store: %s", body)
	}
	w.recorder.failure = nil
	w.invoke(t, envelope(t, "garbage")) // nothing of it goes to the store
	if _, body := send(t, w.request(t, http.MethodGet, "/api/Health", "")); !strings.Contains(string(body), "conversation_store") {
		t.Errorf("a batch without activities heals the store: %s", body)
	}
	w.recorder.result.Stored = 1
	w.invoke(t, envelope(t, "one"))
	if _, body := send(t, w.request(t, http.MethodGet, "/api/Health", "")); strings.Contains(string(body), "conversation_store") {
		t.Errorf("health still names the store: %s", body)
	}
}

func TestAnEnvelopeThatIsNoneFails(t *testing.T) {
	w := start(t, nil)
	for _, body := range []string{"", "null", "[]", `{"Data":{}}`, `{"Data":{"other":"[]"}}`, `{"Data":{"activities":"[1]"`} {
		if response, answer := w.invoke(t, body); response.StatusCode/100 == 2 {
			t.Errorf("%s is answered %d %s", body, response.StatusCode, answer)
		}
	}
	if len(w.recorder.received) > 0 {
		t.Errorf("the recorder got %v", w.recorder.received)
	}
}

// Only what the host itself sends reaches the trigger (functions-host: an
// outsider can reach it if any route matches its path).
func TestTriggersAreReachedOnlyAsTheHostDoes(t *testing.T) {
	w := start(t, nil)
	for name, request := range map[string]*http.Request{
		"GET":            w.request(t, http.MethodGet, "/PersistConversation", "", "Content-Type", "application/json"),
		"not JSON":       w.request(t, http.MethodPost, "/PersistConversation", envelope(t, "one"), "Content-Type", "text/plain"),
		"no media type":  w.request(t, http.MethodPost, "/PersistConversation", envelope(t, "one")),
		"under the API":  w.request(t, http.MethodPost, "/api/PersistConversation", envelope(t, "one"), "Content-Type", "application/json"),
		"trailing slash": w.request(t, http.MethodPost, "/PersistConversation/", envelope(t, "one"), "Content-Type", "application/json"),
	} {
		if response, body := send(t, request); response.StatusCode != 404 || codeOf(t, body) != "not_found" {
			t.Errorf("%s: %d %s, want the same 404 as for what is not there", name, response.StatusCode, body)
		}
	}
}
