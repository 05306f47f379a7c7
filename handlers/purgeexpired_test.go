package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/handlers"
	"chatgate/internal/retention"
)

// purger answers as told.
type purger struct {
	runs         int
	invocationID string
	report       retention.Report
	failure      error
}

func (p *purger) Run(_ context.Context, invocationID string) (retention.Report, error) {
	p.runs++
	p.invocationID = invocationID
	return p.report, p.failure
}

func startPurging(t *testing.T) (*world, *purger) {
	t.Helper()
	p := &purger{}
	return start(t, func(c *handlers.Config) { c.Purger = p }), p
}

// timerFires sends what the host does when a timer fires.
func (w *world) timerFires(t *testing.T, pastDue string) (*http.Response, []byte) {
	t.Helper()
	envelope := `{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":null,"IsPastDue":` + pastDue + `}},"Metadata":{"sys":{}}}`
	return send(t, w.request(t, http.MethodPost, "/PurgeExpired", envelope, "Content-Type", "application/json", "X-Azure-Functions-InvocationId", "0badc0de"))
}

// sweeper answers as told.
type sweeper struct {
	left    time.Duration
	removed int
	failure error
}

func (s *sweeper) Sweep(ctx context.Context) (int, error) {
	if deadline, ok := ctx.Deadline(); ok {
		s.left = time.Until(deadline)
	}
	return s.removed, s.failure
}

// What is left of logins goes first, and a failure of the one keeps nobody from
// the other.
func TestPurgeExpiredSweepsLoginsToo(t *testing.T) {
	for _, failure := range []error{nil, errors.New("the table of logins is away")} {
		p, swept := &purger{}, &sweeper{removed: 3, failure: failure}
		w := start(t, func(c *handlers.Config) { c.Purger, c.LoginSweeper = p, swept })
		response, body := w.timerFires(t, "false")
		if want := map[bool]int{true: 200, false: 500}[failure == nil]; response.StatusCode != want || p.runs != 1 {
			t.Errorf("%v: %d %s, %d runs", failure, response.StatusCode, body, p.runs)
		}
		if swept.left <= 0 || swept.left > 30*time.Second {
			t.Errorf("the sweeping has %s", swept.left)
		}
		if !strings.Contains(w.log.String(), `"logins":3`) || failure != nil && !strings.Contains(w.log.String(), failure.Error()) {
			t.Errorf("the log: %s", w.log)
		}
	}
}

func TestPurgeExpiredTellsWhatCameOfIt(t *testing.T) {
	w, p := startPurging(t)
	p.report = retention.Report{Examined: 7, Erased: 4, Finished: 1, Complete: true}
	response, body := w.timerFires(t, "true")
	want := `{"ReturnValue":{"examined":7,"erased":4,"finished":1,"failed":0,"complete":true,"dryRun":false}}`
	if response.StatusCode != 200 || string(body) != want {
		t.Errorf("%d %s, want %s", response.StatusCode, body, want)
	}
	for _, said := range []string{`"msg":"PurgeExpired"`, `"pastDue":true`, `"erased":4`, `"invocationId":"0badc0de"`} {
		if !strings.Contains(w.log.String(), said) {
			t.Errorf("the log lacks %s: %s", said, w.log)
		}
	}
	if p.runs != 1 || p.invocationID != "0badc0de" {
		t.Errorf("%d runs, for invocation %q", p.runs, p.invocationID)
	}
}

func TestAFailedPurgeIsAFailureThatTellsWhatWasDone(t *testing.T) {
	w, p := startPurging(t)
	p.report, p.failure = retention.Report{Erased: 3, Failed: 2}, errors.New("the tables are away")
	if response, body := w.timerFires(t, "false"); response.StatusCode != 500 || strings.Contains(string(body), "tables") {
		t.Errorf("%d %s, want 500 without the cause", response.StatusCode, body)
	}
	for _, said := range []string{`"level":"ERROR"`, "the tables are away", `"erased":3`, `"failed":2`} {
		if !strings.Contains(w.log.String(), said) {
			t.Errorf("the log lacks %s: %s", said, w.log)
		}
	}
}

func TestOnlyATimersEnvelopePurges(t *testing.T) {
	w, p := startPurging(t)
	for name, body := range map[string]string{
		"of a queue":      envelope(t, "one"),
		"none":            "",
		"another binding": `{"Data":{"other":{"IsPastDue":false}}}`,
	} {
		response, answer := send(t, w.request(t, http.MethodPost, "/PurgeExpired", body, "Content-Type", "application/json"))
		if response.StatusCode != 400 || codeOf(t, answer) != "bad_request" {
			t.Errorf("%s: %d %s", name, response.StatusCode, answer)
		}
	}
	if p.runs > 0 {
		t.Errorf("%d runs", p.runs)
	}
}

func TestOnlyTheHostReachesThePurge(t *testing.T) {
	w, p := startPurging(t)
	const body = `{"Data":{"timer":{}}}`
	for _, path := range []string{"/api/PurgeExpired", "/purgeexpired", "/PurgeExpired/", "//PurgeExpired", "/api/desk/../../PurgeExpired"} {
		response, answer := send(t, w.request(t, http.MethodPost, path, body, "Content-Type", "application/json"))
		if response.StatusCode != 404 || codeOf(t, answer) != "not_found" {
			t.Errorf("POST %s: %d %s", path, response.StatusCode, answer)
		}
	}
	for _, request := range []*http.Request{
		w.request(t, http.MethodGet, "/PurgeExpired", ""),
		w.request(t, http.MethodPost, "/PurgeExpired", body, "Content-Type", "text/plain"),
	} {
		if response, _ := send(t, request); response.StatusCode != 404 {
			t.Errorf("%s with %q: %d", request.Method, request.Header.Get("Content-Type"), response.StatusCode)
		}
	}
	if p.runs > 0 {
		t.Errorf("%d runs", p.runs)
	}
}

// What the timer is called is what the handler looks for; at the start of an
// instance nothing is purged, since instances come and go.
func TestTheTimerAsDeclared(t *testing.T) {
	text, err := os.ReadFile("../functions/PurgeExpired/function.json")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"bindings": []any{map[string]any{
		"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "0 17 * * * *", "useMonitor": true,
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
