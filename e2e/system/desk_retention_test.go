package system_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

const (
	purge       = "PurgeExpired"
	operatorKey = "the-operator's-key"
)

// purge fires the timer, waits until the function has run, and returns how that
// went.
func (i *instance) purge(t *testing.T) functionshost.Invocation {
	t.Helper()
	runs := func() (ended []functionshost.Invocation) {
		for _, each := range i.ended() {
			if each.Function == purge {
				ended = append(ended, each)
			}
		}
		return ended
	}
	before := len(runs())
	got := i.call(t, request{path: "/admin/functions/" + purge, body: `{"input":""}`, header: map[string]string{
		"Content-Type": "application/json", "X-Functions-Key": operatorKey, "Origin": "",
	}})
	if got.status != http.StatusAccepted {
		t.Fatalf("firing the timer: %d %s", got.status, got.body)
	}
	poll(t, "the timer's run to end", func() bool { return len(runs()) > before })
	return runs()[before]
}

// fresh is a conversation of this moment.
func fresh(id string) bus.Message {
	return message(id, turn(id, id, "dl_"+id, time.Now(), "said just now"))
}

// aged is a conversation that ended so many days ago, after two days.
func aged(id string, days int) []bus.Message {
	var messages []bus.Message
	for day := range 2 {
		at := time.Now().AddDate(0, 0, -days-day)
		activityID := fmt.Sprintf("%s-%d", id, day)
		messages = append(messages, message(activityID, turn(id, activityID, "dl_"+id, at, "said long ago")))
	}
	return messages
}

func (s *System) startRetaining(t *testing.T, settings ...string) *instance {
	t.Helper()
	s.set("RetentionDays=30")
	s.set(settings...)
	return s.startInstanceUnder(t, functionshost.Options{Bus: s.Bus, FunctionKey: operatorKey})
}

func TestWhatIsPastTheRetentionGoes(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startRetaining(t)
	i.deliverTranscripts(t)
	i.deliver(t, append(aged("expired", 32), fresh("fresh"))...)
	i.deliver(t, append(aged("almost", 28), aged("resumed", 40)...)...)
	i.deliver(t, message("again", turn("resumed", "again", "dl_resumed", time.Now().AddDate(0, 0, -1), "said yesterday")))
	if ran := i.purge(t); ran.Status != http.StatusOK {
		t.Fatalf("the run: %+v", ran)
	}
	rita := i.reader(t)
	var left []string
	for _, each := range rita.list(t, assistant, nil) {
		left = append(left, each.ConversationID)
	}
	if got := strings.Join(left, " "); got != "fresh resumed almost" {
		t.Errorf("left: %s", got)
	}
	if got := rita.read(t, assistant, rita.key(t, assistant, "resumed"), 10); len(got) != 3 {
		t.Errorf("%d activities are left of a conversation that goes on, want all 3", len(got))
	}
	if found := s.Tables.holding(t, "dl_expired", "said long ago\"expired"); len(found) > 0 {
		t.Errorf("still in %v", found)
	}
	if entries := s.audit(t); len(entries) == 0 || entries[0].Action != "purge" || entries[0].ObjectID != "" {
		t.Errorf("audited: %+v", entries)
	}
}

func TestADryRunErasesNothing(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startRetaining(t, "RetentionDryRun=true")
	i.deliver(t, append(aged("expired", 32), fresh("fresh"))...)
	if ran := i.purge(t); ran.Status != http.StatusOK {
		t.Fatalf("the run: %+v", ran)
	}
	if left := i.reader(t).list(t, assistant, nil); len(left) != 2 {
		t.Errorf("left: %+v", left)
	}
}

// The handler dies again and again while it purges. Runs that follow finish the
// work, and touch nothing that is not past the retention.
func TestKilledWhilePurgingLaterRunsFinish(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	trap := &trap{next: s.Tables.service}
	s.Proxy.Handle(s.Tables.host, trap)
	i := s.startRetaining(t)
	var messages []bus.Message
	for number := range 12 {
		messages = append(messages, aged(fmt.Sprintf("expired%d", number), 31+number)...)
	}
	i.deliver(t, append(messages, fresh("fresh"))...)
	failed := 0
	for run := range 10 {
		trap.arm(3+7*run, run%2 == 0, i.KillHandler)
		if ran := i.purge(t); ran.Err != nil {
			failed++
		}
	}
	trap.arm(0, false, nil)
	if failed < 3 {
		t.Errorf("only %d runs were killed", failed)
	}
	poll(t, "the handler to be back", func() bool { return i.purge(t).Status == http.StatusOK })
	if found := s.Tables.holding(t, "expired", "said long ago"); len(found) > 0 {
		t.Errorf("still in %v", found)
	}
	if left := i.reader(t).list(t, assistant, nil); len(left) != 1 || left[0].ConversationID != "fresh" {
		t.Errorf("left: %+v", left)
	}
}

// What erases by itself is set off by the host's schedule and by operators.
func TestAnOutsiderCannotFireTheTimer(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startRetaining(t)
	i.deliver(t, aged("expired", 32)...)
	for _, target := range []string{
		"/PurgeExpired", "/purgeexpired", "/api/PurgeExpired", "/api/desk/../../PurgeExpired", "/api/desk/%2e%2e/%2e%2e/PurgeExpired",
		"/api/desk/..%2f..%2fPurgeExpired", `/api/desk/..\..\PurgeExpired`, "/api/desk//PurgeExpired", "/admin/functions/PurgeExpired",
		"/admin/functions/PurgeExpired?code=guessed", "/api/admin/functions/PurgeExpired", "/runtime/webhooks/PurgeExpired",
	} {
		for _, header := range []string{"", "X-Functions-Key: guessed\r\n", "X-Original-URL: /PurgeExpired\r\n"} {
			if status := i.raw(t, target, header, `{"input":""}`); status/100 == 2 {
				t.Errorf("POST %s answered %d", target, status)
			}
		}
	}
	if counts := i.Counts(purge); counts.Succeeded+counts.Failed > 0 {
		t.Errorf("invocations: %+v", counts)
	}
	if left := i.reader(t).list(t, assistant, nil); len(left) != 1 {
		t.Errorf("left: %+v", left)
	}
	if ran := i.purge(t); ran.Status != http.StatusOK {
		t.Errorf("fired by an operator: %+v", ran)
	}
}
