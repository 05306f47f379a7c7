package functionshost_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/functionshost"
)

const purge = "PurgeExpired"

// timerFunction is the script root of a function with a timer.
func timerFunction(schedule string) map[string]string {
	return map[string]string{
		purge + "/function.json":   `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"` + schedule + `","useMonitor":true}]}`,
		persist + "/function.json": queueFunction("many", "binary", 3),
		"Ask/function.json":        httpFunction("Ask"),
	}
}

// onDay stops the host's clock at half past two on a day of March.
func onDay(day int) func(*functionshost.Options) {
	return func(o *functionshost.Options) {
		o.Now = func() time.Time { return time.Date(2026, 3, day, 2, 30, 0, 123456789, time.UTC) }
	}
}

// development lets everybody on the machine use the management API.
func development(o *functionshost.Options) {
	o.Env = append(o.Env, "AZURE_FUNCTIONS_ENVIRONMENT=Development")
}

func TestATimerInvokesItsFunction(t *testing.T) {
	files := timerFunction("0 17 2 * * *")
	files[purge+"/function.json"] = strings.Replace(files[purge+"/function.json"], `"useMonitor"`, `"runOnStartup":true,"useMonitor"`, 1)
	s := start(t, files, func(call) order { return result(`{"Logs":["purged"],"ReturnValue":{"erased":3}}`) }, onDay(1))
	ended := s.next(t)
	if ended.Function != purge || ended.Err != nil || string(ended.ReturnValue) != `{"erased":3}` || ended.Messages != 0 {
		t.Errorf("observed: %+v", ended)
	}
	if !s.log.has(entry{slog.LevelInfo, "purged", "function"}) {
		t.Error("the function's logs are lost")
	}
	seen := s.leader.calls()[0]
	if seen.Method != "POST" || seen.URI != "/"+purge || seen.Header.Get("Content-Type") != "application/json; charset=utf-8" ||
		seen.Header.Get("X-Azure-Functions-InvocationId") != ended.ID || seen.TransferEncoding == nil {
		t.Errorf("seen: %+v", seen)
	}
	// functions-host: the invocation of a function; first-run dates are year 1.
	want := `^\{"Data":\{"timer":\{"Schedule":\{"AdjustForDST":true\},"ScheduleStatus":\{"Last":"0001-01-01T00:00:00",` +
		`"Next":"2026-03-02T02:17:00\+00:00","LastUpdated":"2026-03-01T02:30:00\.1234567\+00:00"\},"IsPastDue":false\}\},` +
		`"Metadata":\{"sys":\{"MethodName":"PurgeExpired","UtcNow":"2026-03-01T02:30:00Z","RandGuid":"[0-9a-f-]{36}"\}\}\}$`
	if !regexp.MustCompile(want).Match(seen.Body) {
		t.Errorf("the envelope is\n%s\nand not\n%s", seen.Body, want)
	}
}

func TestARunThatFailsIsNotRepeated(t *testing.T) {
	answers := make(chan order, 2)
	answers <- order{Status: 500}
	answers <- result("{}")
	s := start(t, timerFunction("00:00:00.2"), func(call) order { return <-answers })
	failed, next := s.next(t), s.next(t)
	if failed.Err == nil || !strings.Contains(failed.Err.Error(), "answered 500") || next.Err != nil {
		t.Errorf("%v, then %v", failed.Err, next.Err)
	}
	// Half of the schedule, since the start of the first run is written down late
	// where the machine is busy.
	if gap := next.Started.Sub(failed.Started); gap < 100*time.Millisecond {
		t.Errorf("the next run came after %s, not with the schedule", gap)
	}
	if !s.log.has(entry{slog.LevelError, "An invocation failed.", "host"}) {
		t.Error("the failure is not logged")
	}
	answers <- order{Status: 500} // for a run that may be under way
}

func TestATimersHandlerMayDieOnTheWay(t *testing.T) {
	s := start(t, timerFunction("0 0 0 1 1 *"), func(call) order { return result("{}") }, development)
	for name, fault := range map[string]functionshost.Fault{
		"killed":        functionshost.KillHandler(nil),
		"a lost answer": functionshost.DropAnswer(),
		"a cut body":    functionshost.CutBody(0),
	} {
		s.Inject(purge, fault)
		if status := s.fire(t, purge); status != http.StatusAccepted {
			t.Fatalf("%s: %d", name, status)
		}
		if ended := s.next(t); ended.Err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s.fire(t, purge)
	if ended := s.next(t); ended.Err != nil {
		t.Errorf("afterwards: %v", ended.Err)
	}
	if counts := s.Counts(purge); counts.Failed != 3 || counts.Succeeded != 1 {
		t.Errorf("counts: %+v", counts)
	}
}

// fire asks the management API to run a function and returns the status.
func (s *system) fire(t *testing.T, function string) int {
	t.Helper()
	const body = `{"input":""}`
	response, _ := s.do(t, request{
		method: http.MethodPost, path: "/admin/functions/" + function, body: strings.NewReader(body), length: int64(len(body)),
		header: http.Header{"Content-Type": {"application/json"}},
	})
	return response.StatusCode
}

func TestTheManagementAPIFiresATimerNow(t *testing.T) {
	hold := make(chan struct{})
	s := start(t, timerFunction("0 0 0 1 1 *"), func(call) order { <-hold; return result("{}") }, development)
	// The answer comes before the function has run, and runs do not wait for each
	// other.
	for range 2 {
		if status := s.fire(t, strings.ToLower(purge)); status != http.StatusAccepted {
			t.Fatalf("%d, want 202", status)
		}
	}
	for range 2 {
		hold <- struct{}{}
		if ended := s.next(t); ended.Function != purge || ended.Err != nil {
			t.Errorf("observed: %+v", ended)
		}
	}
	var sent struct {
		Data struct {
			Timer struct {
				ScheduleStatus struct{ Next time.Time }
				IsPastDue      bool
			}
		}
	}
	if err := json.Unmarshal(s.leader.calls()[0].Body, &sent); err != nil {
		t.Fatal(err)
	}
	if next := sent.Data.Timer.ScheduleStatus.Next; next.YearDay() != 1 || next.Year() < 2026 || sent.Data.Timer.IsPastDue {
		t.Errorf("sent: %+v", sent)
	}
}

func TestTheManagementAPIRefuses(t *testing.T) {
	withKey := func(o *functionshost.Options) { o.FunctionKey = "key" }
	json := http.Header{"Content-Type": {"application/json"}}
	const good = `{"input":""}`
	for name, test := range map[string]struct {
		adjust func(*functionshost.Options)
		method string
		path   string
		header http.Header
		body   string
		want   int
	}{
		"without a key":            {withKey, "POST", "/admin/functions/" + purge, json, good, 401},
		"where there is none":      {func(*functionshost.Options) {}, "POST", "/admin/functions/" + purge, json, good, 401},
		"with another key":         {withKey, "POST", "/admin/functions/" + purge + "?code=other", json, good, 401},
		"with the key":             {withKey, "POST", "/admin/functions/" + purge + "?code=key", json, good, 202},
		"a function of a queue":    {development, "POST", "/admin/functions/" + persist, json, good, 501},
		"a function without key":   {withKey, "POST", "/admin/functions/" + persist, json, good, 401},
		"no function":              {development, "POST", "/admin/functions/None", json, good, 404},
		"another method":           {development, "GET", "/admin/functions/" + purge, json, "", 404},
		"a part of it":             {development, "POST", "/admin/functions/" + purge + "/status", json, good, 404},
		"something else":           {development, "POST", "/admin/host/synctriggers", json, good, 404},
		"a form of another origin": {development, "POST", "/admin/functions/" + purge, http.Header{"Content-Type": {"text/plain"}}, good, 415},
		"no type":                  {development, "POST", "/admin/functions/" + purge, nil, good, 415},
		"null":                     {development, "POST", "/admin/functions/" + purge, json, "null", 400},
		"no JSON":                  {development, "POST", "/admin/functions/" + purge, json, "{", 400},
		"too much":                 {development, "POST", "/admin/functions/" + purge, json, `{"input":"` + strings.Repeat("x", 1<<20) + `"}`, 400},
		"a preflight":              {development, "OPTIONS", "/admin/functions/" + purge, nil, "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, timerFunction("0 0 0 1 1 *"), func(call) order { return result("{}") }, test.adjust)
			response, _ := s.do(t, request{method: test.method, path: test.path, header: test.header, body: strings.NewReader(test.body), length: int64(len(test.body))})
			if response.StatusCode != test.want {
				t.Errorf("%d, want %d", response.StatusCode, test.want)
			}
			if test.want == 202 {
				s.next(t)
				return
			}
			if calls := s.leader.calls(); len(calls) > 0 {
				t.Errorf("the handler was called: %+v", calls)
			}
		})
	}
}

// What the end of the host cuts off was not made.
func TestARunThatTheHostsEndCutsOffIsNotRemembered(t *testing.T) {
	folder, called := t.TempDir(), make(chan struct{})
	files := timerFunction("0 17 2 * * *")
	files[purge+"/function.json"] = strings.Replace(files[purge+"/function.json"], `"useMonitor"`, `"runOnStartup":true,"useMonitor"`, 1)
	s := start(t, files, func(call) order { close(called); <-t.Context().Done(); return order{} }, onDay(1), func(o *functionshost.Options) { o.Timers = folder })
	select {
	case <-called:
	case <-within(t).Done():
		t.Fatal("the function was not invoked")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(filepath.Join(folder, purge+".json"))
	if err != nil || !strings.Contains(string(status), `"Last":"0001-01-01T00:00:00"`) {
		t.Errorf("%v %s", err, status)
	}
}

func TestWhatAHostMissedIsMadeUpForByTheNext(t *testing.T) {
	folder := t.TempDir()
	hostOn := func(day int, schedule string) *system {
		remember := func(o *functionshost.Options) { o.Timers = folder }
		return start(t, timerFunction(schedule), func(call) order { return result("{}") }, onDay(day), remember)
	}
	for day, schedule := range []string{"0 17 2 * * *", "0 10 2 * * *"} {
		s := hostOn(1+day, schedule)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if calls := s.leader.calls(); len(calls) > 0 {
			t.Errorf("day %d, a new schedule: it was past due: %s", 1+day, calls[0].Body)
		}
	}
	s := hostOn(3, "0 10 2 * * *")
	s.next(t)
	if body := string(s.leader.calls()[0].Body); !strings.Contains(body, `"IsPastDue":true`) {
		t.Errorf("not past due: %s", body)
	}
}
