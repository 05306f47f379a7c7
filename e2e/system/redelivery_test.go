package system_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

// The bus delivers at least once, and in any order. None of that may show in the
// tables.
func TestRedeliveryLeavesWhatOneCleanDeliveryLeaves(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{DeliveryCount: 100})
	i := s.startInstance(t)
	const nameless = `{"type":"message","conversation":{"id":%q},"text":"neither id nor time"}`
	for name, fault := range map[string]functionshost.Fault{
		"nothing":                  {},
		"the answer is lost":       functionshost.DropAnswer(),
		"the lock is lost":         functionshost.LoseLock(),
		"each message comes twice": functionshost.Duplicate(),
		"in reverse":               functionshost.Reverse(),
		"the request is cut":       functionshost.CutBody(0),
		"the handler is killed":    functionshost.KillHandler(nil),
	} {
		i.Inject(persist, fault)
		first, untold := said(name, "1", "first"), fmt.Sprintf(nameless, name)
		long := said("long "+name, "1", strings.Repeat("long ", 20_000))
		i.deliver(t,
			message("first "+name, first),
			message("resent "+name, first),
			message("untold "+name, untold),
			message("list "+name, "["+untold+","+untold+"]"),
			message("long "+name, long),
			message("bad "+name, "not JSON"),
		)
		rows := s.Tables.rows(t, "messages")
		if diff := cmp.Diff([]string{first, untold, untold, untold}, conversation(t, rows, assistant, name)); diff != "" {
			t.Errorf("%s (-sent +stored):\n%s", name, diff)
		}
		if got := conversation(t, rows, assistant, "long "+name); len(got) != 1 || got[0] != long {
			t.Errorf("%s: the long activity was stored %d times, or not as sent", name, len(got))
		}
		if !i.setAside(t, "bad "+name) {
			t.Errorf("%s: the bad message was not set aside", name)
		}
	}
	if index := s.Tables.rows(t, "conversations"); len(index) != 3*7 { // "long" on one day, the others on two
		t.Errorf("%d rows in table conversations, want 21", len(index))
	}
	if dead := i.queue(t, cloud.ActivityQueue).DeadLetters(); len(dead) > 0 {
		t.Errorf("%d dead letters", len(dead))
	}
}

func (i *instance) setAside(t *testing.T, messageID string) bool {
	t.Helper()
	return slices.ContainsFunc(i.queue(t, cloud.QuarantineQueue).Peek(), func(m bus.Message) bool {
		var set quarantineMessage
		return json.Unmarshal(m.Body, &set) == nil && set.MessageID == messageID
	})
}

// Metadata can be missing (functions-host: invocation of a non-HTTP function).
// Then the body itself tells activities without an id apart, and their time is
// the beginning of 1970, never the clock: a redelivery must arrive at the same
// rows.
func TestWithoutMetadataRedeliveryStillLeavesTheSameRows(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	untold := `{"type":"message","conversation":{"id":"c"},"text":"neither id nor time"}`
	for delivery := range 2 {
		i.Inject(persist, functionshost.WithoutMetadata())
		i.deliver(t, message(fmt.Sprint(delivery), untold), message(fmt.Sprint(delivery, " told"), said("c", "1", "told")))
	}
	i.nothingLost(t)
	rows := s.Tables.rows(t, "messages")
	if diff := cmp.Diff([]string{untold, said("c", "1", "told")}, conversation(t, rows, assistant, "c")); diff != "" {
		t.Fatalf("(-sent +stored):\n%s", diff)
	}
	if at := rows[0].text("SentAt"); !strings.HasPrefix(at, "1970-01-01T00:00:00") {
		t.Errorf("SentAt %s", at)
	}
}

// Hosts before 2025 buffer and forward requests, and Core Tools send invocations
// with a length: the app must not notice.
func TestOlderHostsAndCoreToolsWillDo(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstanceUnder(t, functionshost.Options{Bus: s.Bus, Forwarding: true, ContentLength: true})
	first := i.newcomer(t)
	if again := i.issue(t, first.Visitor); again.UserID != first.UserID {
		t.Errorf("%s became %s", first.UserID, again.UserID)
	}
	i.refresh(t, first.Token)
	i.deliver(t, message("1", said("c", "1", "hello")), message("2", "not JSON"))
	if got := conversation(t, s.Tables.rows(t, "messages"), assistant, "c"); len(got) != 1 {
		t.Errorf("%d activities stored, want 1", len(got))
	}
	i.quarantined(t, 1)
}
