package handlers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func exportPath(conversation string) string {
	return "assistants/bankx/conversations/" + transcript.ConversationRow(conversation) + "?format=transcript"
}

func (w *deskWorld) export(t *testing.T, conversation string) (*http.Response, []byte) {
	t.Helper()
	return w.ask(t, "reader of X", http.MethodGet, exportPath(conversation))
}

// many stores more activities than are read from the store at once, each with
// the text.
func (w *deskWorld) many(t *testing.T, conversation, text string) []string {
	t.Helper()
	activities := make([]string, 600)
	for i := range activities {
		activities[i] = fmt.Sprintf(`{"type":"event","conversation":{"id":%q},"timestamp":"2026-11-21T21:%02d:%02dZ", "name":%s}`,
			conversation, i/60, i%60, quote(text))
	}
	w.sayAll(t, "bankx", activities...)
	return activities
}

func TestExport(t *testing.T) {
	w := startDesk(t)
	want := w.many(t, "c1", "\u2028 </script> ü")
	response, body := w.export(t, "c1")
	if response.StatusCode != 200 || string(body) != "[\n"+strings.Join(want, ",\n")+"\n]\n" {
		t.Fatalf("%d, %d bytes", response.StatusCode, len(body))
	}
	var activities []json.RawMessage
	if err := json.Unmarshal(body, &activities); err != nil || len(activities) != len(want) {
		t.Errorf("%d activities, %v", len(activities), err)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json; charset=utf-8", "Content-Disposition": `attachment; filename="c1.transcript"`,
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestNamesOfExportedFiles(t *testing.T) {
	w := startDesk(t)
	for id, want := range map[string]string{
		"7xKdS-eu_1":               "7xKdS-eu_1",
		`..\..\x.exe`:              "x-exe",
		"a\"; filename*=x\r\nX: y": "a---filename--x--X--y",
		"ü":                        "conversation",
		"a|0000001":                "a-0000001",
		strings.Repeat("ab", 300):  strings.Repeat("ab", 50),
	} {
		w.say(t, "bankx", id, "a", "2026-11-21T21:00:00Z", "")
		response, _ := w.export(t, id)
		if got := response.Header.Get("Content-Disposition"); got != `attachment; filename="`+want+`.transcript"` {
			t.Errorf("of %.30q: %s", id, got)
		}
	}
}

// What was sent so far must not look like the whole.
func TestAnExportThatFailsMidwayIsBrokenOff(t *testing.T) {
	w := startDesk(t)
	w.many(t, "c1", strings.Repeat("x", 1000))
	w.store.fail("Excerpt 2")
	request := w.request(t, http.MethodGet, "/api/desk/"+exportPath("c1"), "", "Authorization", "Bearer "+w.tokens["reader of X"])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) == 0 || json.Valid(body) {
		t.Errorf("%d bytes came, then %v; want some and then a broken connection", len(body), err)
	}
	for _, said := range []string{"store_unavailable", "canary store", `"action":"export","count":500`} {
		if !strings.Contains(w.log.String(), said) {
			t.Errorf("the log lacks %s: %s", said, w.log)
		}
	}
	if w.audited(t)[0].Action != "export" {
		t.Error("the export is not in the audit")
	}
}

// While nothing has been sent a failure is answered as any other.
func TestAnExportThatFailsBeforeItIsSentIsAnswered(t *testing.T) {
	w := startDesk(t)
	w.many(t, "c1", "")
	w.store.fail("Excerpt 2")
	response, body := w.export(t, "c1")
	if response.StatusCode != 503 || codeOf(t, body) != "store_unavailable" || response.Header.Get("Content-Disposition") != "" {
		t.Errorf("%d %.200s, Content-Disposition %q", response.StatusCode, body, response.Header.Get("Content-Disposition"))
	}
}

// connection remembers the bounds that were set on writing.
type connection struct {
	*httptest.ResponseRecorder

	deadlines []time.Time
}

func (c *connection) SetWriteDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

// A client that stalls is dropped; one that does not keeps its connection, which
// serves its next request without the bound.
func TestAnExportIsBoundedInTimeAndNothingAfterIt(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "c1", "a", "2026-11-21T21:00:00Z", "")
	request := w.request(t, http.MethodGet, "/api/desk/"+exportPath("c1"), "", "Authorization", "Bearer "+w.tokens["reader of X"])
	client := &connection{ResponseRecorder: httptest.NewRecorder()}
	w.handler.ServeHTTP(client, request)
	if client.Code != 200 || !client.Flushed {
		t.Errorf("%d %s, flushed: %t", client.Code, client.Body, client.Flushed)
	}
	if len(client.deadlines) != 2 || time.Until(client.deadlines[0]) > 4*time.Minute || !client.deadlines[1].IsZero() {
		t.Errorf("bounds on writing: %v, want one below functionTimeout and then none", client.deadlines)
	}
}
