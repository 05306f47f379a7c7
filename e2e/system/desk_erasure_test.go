package system_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

// noon is the middle of a day on which nothing else happens.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// meeting is a conversation of three people over two days, sent as another
// delivery than any before: the bus drops what it has seen.
func meeting(id string) []bus.Message {
	delivery := rand.Text()
	var messages []bus.Message
	for day := range 2 {
		for number := range 3 {
			at := noon().AddDate(0, 0, day).Add(time.Duration(number) * time.Minute)
			activityID := fmt.Sprintf("%s-%d-%d", id, day, number)
			messages = append(messages, message(delivery+activityID, turn(id, activityID, fmt.Sprintf("dl_%s_%d", id, number), at, "said in "+id)))
		}
	}
	return messages
}

func TestWhatIsErasedIsInNoTable(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	spoken := i.deliverTranscripts(t)
	i.deliver(t, slices.Concat(meeting("meeting-1"), meeting("meeting-2"), meeting("meeting-3"))...)
	emil := i.eraser(t)

	one := emil.key(t, assistant, "meeting-1")
	for range 2 { // it is safe to repeat
		emil.erase(t, book(assistant, one))
		wantProblem(t, emil.ask(t, http.MethodGet, book(assistant, one)), http.StatusNotFound, "not_found")
	}
	two := emil.key(t, assistant, "meeting-2")
	for range 2 {
		emil.erase(t, "assistants/"+assistant+"/users/dl_meeting-2_1")
	}
	emil.erase(t, "assistants/"+assistant+"/users?userId="+url.QueryEscape("nobody/at all"))
	if found := s.Tables.holding(t, one, two, "dl_meeting-1_", "dl_meeting-2_"); len(found) > 0 {
		t.Errorf("still in %v", found)
	}
	var left []string
	for _, each := range emil.list(t, assistant, nil) {
		left = append(left, each.ConversationID)
	}
	if diff := cmp.Diff(append([]string{"meeting-3"}, newestFirst(spoken)...), left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	var erasures []audited
	for _, each := range s.audit(t) {
		if strings.HasPrefix(each.Action, "erase") {
			erasures = append(erasures, each)
		}
	}
	who := audited{TenantID: s.Desk.Tenant.ID(), ObjectID: s.Desk.Eraser.ObjectID}
	with := func(action, key, user string) audited {
		who.Action, who.ConversationKey, who.UserID = action, key, user
		return who
	}
	want := []audited{
		with("erase_conversation", one, ""), with("erase_conversation", one, ""),
		with("erase_user", "", "dl_meeting-2_1"), with("erase_user", "", "dl_meeting-2_1"), with("erase_user", "", "nobody/at all"),
	}
	if diff := cmp.Diff(want, erasures); diff != "" {
		t.Errorf("audited (-want +got):\n%s", diff)
	}
}

// Ids that break keys, filters, paths or comparisons somewhere are conversations'
// and users' too.
func TestHostileIDsAreReadAndErasedLikeOthers(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	ids := hostileIDs()
	var messages []bus.Message
	for at, id := range ids {
		messages = append(messages, message(fmt.Sprint(at), turn(id, "1", id, noon().Add(time.Duration(at)*time.Minute), "hello")))
	}
	i.deliver(t, messages...)
	i.nothingLost(t)
	emil := i.eraser(t)
	all := emil.list(t, assistant, url.Values{"limit": {"7"}})
	if len(all) != len(ids) {
		t.Fatalf("%d conversations are listed, want %d", len(all), len(ids))
	}
	for at, each := range all {
		id := ids[len(ids)-1-at]
		if each.ConversationID != id || each.UserID != id {
			t.Errorf("conversation %q of user %q is listed, want %q", each.ConversationID, each.UserID, id)
		}
		if got := emil.read(t, assistant, each.Key, 2); len(got) != 1 || !strings.Contains(got[0], quoted(t, id)) {
			t.Errorf("read of %q: %v", id, got)
		}
		path := book(assistant, each.Key)
		if at%2 == 1 {
			path = "assistants/" + assistant + "/users?userId=" + url.QueryEscape(id)
		}
		emil.erase(t, path)
		if left := emil.list(t, assistant, url.Values{"limit": {"200"}}); len(left) != len(all)-at-1 {
			t.Fatalf("%q erased, %d of %d conversations are left", id, len(left), len(all)-at)
		}
	}
	for _, table := range []string{"messages", "conversations", "recent", "users", "erasures"} {
		if left := s.Tables.rows(t, table); len(left) > 0 {
			t.Errorf("left in table %s: %v", table, left)
		}
	}
}

// The handler dies before or after each request of an erasure to the table
// service. The erasure made again, nothing is left.
func TestKilledWhileErasingARepeatLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	trap := &trap{next: s.Tables.service}
	s.Proxy.Handle(s.Tables.host, trap)
	i := s.startInstance(t)
	i.deliver(t, meeting("bystander")...)
	emil := i.eraser(t)
	killed := 0
	for request, done := 0, false; !done; request++ {
		for _, after := range []bool{false, true} {
			id := fmt.Sprintf("doomed-%d-%t", request, after)
			i.deliver(t, meeting(id)...)
			key := emil.key(t, assistant, id)
			path := book(assistant, key)
			if request%2 == 1 {
				path = "assistants/" + assistant + "/users/dl_" + id + "_0"
			}
			starts := i.Starts()
			trap.arm(request, after, i.KillHandler)
			_, _ = i.try(t.Context(), emil.deskRequest(http.MethodDelete, path))
			trap.arm(0, false, nil)
			emil.firm(t, http.MethodDelete, path, http.StatusNoContent)
			if found := s.Tables.holding(t, key, id); len(found) > 0 {
				t.Fatalf("killed at request %d (after it: %t), then made again: still in %v", request, after, found)
			}
			done = i.Starts() == starts
			killed += i.Starts() - starts
		}
	}
	t.Logf("killed %d times", killed)
	if killed < 12 {
		t.Errorf("the handler was killed only %d times", killed)
	}
	if left := emil.list(t, assistant, nil); len(left) != 1 || len(emil.read(t, assistant, left[0].Key, 100)) != 6 {
		t.Errorf("left: %+v", left)
	}
}

// One instance erases what another has written and remembers. What is said later
// is found, and what was erased stays away.
func TestWhatOneInstanceErasesTheOtherDoesNotBringBack(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	first, second := s.startInstance(t), s.startInstanceUnder(t, functionshost.Options{Bus: openBus(t, bus.Options{})})
	for round := range 3 {
		first.deliver(t, meeting("c")...)
		emil := second.eraser(t)
		key := emil.key(t, assistant, "c")
		emil.erase(t, book(assistant, key))
		if found := s.Tables.holding(t, key, "said in c"); len(found) > 0 {
			t.Fatalf("erased, and still in %v", found)
		}
		late := turn("c", fmt.Sprintf("late-%d", round), "dl_c_0", noon(), "said afterwards")
		first.deliver(t, message(fmt.Sprintf("late-%d", round), late))
		for _, i := range []*instance{first, second} {
			rita := i.reader(t)
			all := rita.list(t, assistant, nil)
			if len(all) != 1 || all[0].LastText != "said afterwards" {
				t.Fatalf("listed: %+v", all)
			}
			if diff := cmp.Diff([]string{late}, rita.read(t, assistant, key, 10)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		emil.erase(t, "assistants/"+assistant+"/users/dl_c_0")
		if found := s.Tables.holding(t, key, "said"); len(found) > 0 {
			t.Fatalf("the user was erased, and is still in %v", found)
		}
	}
}

// An erasure that was interrupted and that nobody repeats is finished by the
// timer.
func TestTheTimerFinishesAnErasureThatNobodyRepeats(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	trap := &trap{next: s.Tables.service}
	s.Proxy.Handle(s.Tables.host, trap)
	i := s.startInstanceUnder(t, functionshost.Options{Bus: s.Bus, FunctionKey: operatorKey})
	i.deliver(t, meeting("bystander")...)
	emil := i.eraser(t)
	for request := range 16 {
		id := fmt.Sprintf("doomed-%d", request)
		i.deliver(t, meeting(id)...)
		key := emil.key(t, assistant, id)
		trap.arm(request, true, i.KillHandler)
		_, _ = i.try(t.Context(), emil.deskRequest(http.MethodDelete, book(assistant, key)))
		trap.arm(0, false, nil)
		i.awaitHealth(t, http.StatusOK)
		if begun := s.Tables.rows(t, "erasures"); !slices.ContainsFunc(begun, func(r row) bool { return strings.Contains(r.text("RowKey"), key) }) {
			emil.erase(t, book(assistant, key)) // it had not begun, or had ended
			continue
		}
		i.purge(t)
		if found := s.Tables.holding(t, key, id); len(found) > 0 {
			t.Errorf("killed after request %d: the timer left it in %v", request, found)
		}
	}
	if left := emil.list(t, assistant, nil); len(left) != 1 || left[0].ConversationID != "bystander" {
		t.Errorf("left: %+v", left)
	}
}
