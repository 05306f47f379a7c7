package system_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
)

// deliverTranscripts has the real conversations stored, and returns what of each
// is kept, by conversation id. Nothing that was said may get into the log.
func (i *instance) deliverTranscripts(t *testing.T) map[string][]sent {
	t.Helper()
	spoken := map[string][]sent{}
	var messages []bus.Message
	for name, activities := range transcripts(t) {
		for at, activity := range activities {
			messages = append(messages, message(fmt.Sprintf("%s-%d", name, at), activity.raw))
			if len(activity.Text) > 30 {
				i.system.canaries.add("message text", activity.Text)
			}
		}
		all := kept(activities)
		spoken[all[0].Conversation.ID] = all
	}
	i.deliver(t, messages...)
	i.nothingLost(t)
	return spoken
}

// newestFirst are the ids of conversations as the list must have them.
func newestFirst(spoken map[string][]sent) []string {
	last := func(id string) time.Time { return spoken[id][len(spoken[id])-1].Timestamp }
	return slices.SortedFunc(maps.Keys(spoken), func(a, b string) int { return last(b).Compare(last(a)) })
}

func TestConsultantsReadWhatWasSaidAndLeaveATrail(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	spoken := i.deliverTranscripts(t)
	rita := i.reader(t)

	all := rita.list(t, assistant, nil)
	checkList(t, all, spoken)
	for _, size := range []string{"1", "2", "3", "200"} {
		if diff := cmp.Diff(all, rita.list(t, assistant, url.Values{"limit": {size}})); diff != "" {
			t.Errorf("in pages of %s (-whole +paged):\n%s", size, diff)
		}
	}
	checkSpans(t, rita, all)
	for _, each := range all {
		want := stored(t, spoken[each.ConversationID])
		for _, size := range []int{1, 7, 500} {
			if diff := cmp.Diff(want, rita.read(t, assistant, each.Key, size)); diff != "" {
				t.Errorf("%s in pages of %d (-sent +read):\n%s", each.ConversationID, size, diff)
			}
		}
		checkExport(t, rita, each, want)
	}
	checkTrail(t, s, i, all)
}

// checkList holds the list to what was said: each conversation once.
func checkList(t *testing.T, all []listed, spoken map[string][]sent) {
	t.Helper()
	var ids []string
	for _, each := range all {
		ids = append(ids, each.ConversationID)
	}
	if diff := cmp.Diff(newestFirst(spoken), ids); diff != "" {
		t.Fatalf("the list (-want +got):\n%s", diff)
	}
	for _, each := range all {
		last := spoken[each.ConversationID][len(spoken[each.ConversationID])-1]
		if !each.LastActivityAt.Equal(last.Timestamp.Truncate(100*time.Nanosecond)) || each.ChannelID != last.ChannelID {
			t.Errorf("%+v, newest activity %+v", each, last)
		}
		if each.LastText != last.Text && len(last.Text) < 900 {
			t.Errorf("%s: lastText %q, want %q", each.ConversationID, each.LastText, last.Text)
		}
	}
}

// checkSpans asks for the time of each conversation alone.
func checkSpans(t *testing.T, who *consultant, all []listed) {
	t.Helper()
	for _, each := range all {
		from, to := each.LastActivityAt, each.LastActivityAt.Add(time.Second)
		got := who.list(t, assistant, url.Values{"from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}})
		if len(got) != 1 || got[0].ConversationID != each.ConversationID {
			t.Errorf("from %s to %s: %+v", from, to, got)
		}
	}
}

// checkExport downloads a conversation as a file, which must hold all of it.
func checkExport(t *testing.T, who *consultant, each listed, want []string) {
	t.Helper()
	var file []json.RawMessage
	got := who.get(t, book(assistant, each.Key)+"?format=transcript", &file)
	var activities []string
	for _, activity := range file {
		activities = append(activities, string(activity))
	}
	if diff := cmp.Diff(want, activities); diff != "" {
		t.Errorf("exported (-sent +file):\n%s", diff)
	}
	name := got.header.Get("Content-Disposition")
	if !strings.HasPrefix(name, "attachment; filename=") || !strings.HasSuffix(name, `.transcript"`) || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers of a download: %v", got.header)
	}
}

// checkTrail holds the audit to what the reader has done, and shows it to who may
// see it.
func checkTrail(t *testing.T, s *System, i *instance, all []listed) {
	t.Helper()
	counts := map[string]int{}
	keys := map[string]bool{}
	for _, each := range s.audit(t) {
		counts[each.Action]++
		if each.TenantID != s.Desk.Tenant.ID() || each.ObjectID != s.Desk.Reader.ObjectID {
			t.Errorf("somebody else: %+v", each)
		}
		if each.Action != "list" {
			keys[each.ConversationKey] = true
		}
	}
	if counts["export"] != len(all) || counts["list"] < len(all)+4 || counts["read"] < 3*len(all) || len(counts) != 3 {
		t.Errorf("audited: %v for %d conversations", counts, len(all))
	}
	if len(keys) != len(all) {
		t.Errorf("%d conversations are in the audit, %d were read", len(keys), len(all))
	}
	var shown struct {
		Items []struct{ Action, ObjectID string }
	}
	i.eraser(t).get(t, "assistants/"+assistant+"/audit?limit=10", &shown)
	if len(shown.Items) != 10 || shown.Items[0].Action != "export" || shown.Items[0].ObjectID != s.Desk.Reader.ObjectID {
		t.Errorf("the audit shown: %+v", shown)
	}
	wantProblem(t, i.reader(t).ask(t, http.MethodGet, "assistants/"+assistant+"/audit"), http.StatusForbidden, "role_missing")
}

// Two clients share an app. To each the other's assistant, conversations and
// users are as unknown as what does not exist.
func TestAnotherTenantSeesNothing(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	s.addAssistant("shop", cloud.DirectLineSecret, s.DirectLine)
	s.set("Assistants__shop__DeskTenantId=" + s.Desk.Other.ID())
	i := s.startInstance(t)
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	i.deliver(t,
		messageFor(assistant, "1", turn("c-bank", "1", "dl_same", at, "said to the bank alone, nobody else")),
		messageFor(assistant, "2", turn("c-both", "2", "dl_same", at, "said to the bank alone, as before it")),
		messageFor("shop", "3", turn("c-both", "2", "dl_same", at, "said to the shop and to nobody else")),
	)
	emil, otto := i.eraser(t), i.as(t, s.Desk.Other, s.Desk.Stranger)
	key := emil.key(t, assistant, "c-bank")
	before := len(s.audit(t))

	for id, who := range map[string]*consultant{assistant: otto, "shop": emil} {
		for _, each := range []struct{ method, path string }{
			{http.MethodGet, shelf("%s")}, {http.MethodGet, shelf("%s") + "?limit=0"}, {http.MethodGet, book("%s", key)}, {http.MethodGet, book("%s", key) + "?format=transcript"},
			{http.MethodGet, book("%s", "no-key")}, {http.MethodDelete, book("%s", key)}, {http.MethodDelete, "assistants/%s/users/dl_same"},
			{http.MethodDelete, "assistants/%s/users?userId=dl_same"}, {http.MethodGet, "assistants/%s/audit"},
		} {
			theirs := wantProblem(t, who.ask(t, each.method, fmt.Sprintf(each.path, id)), http.StatusNotFound, "unknown_assistant")
			unknown := wantProblem(t, who.ask(t, each.method, fmt.Sprintf(each.path, "nobody")), http.StatusNotFound, "unknown_assistant")
			if theirs.Detail != unknown.Detail || theirs.Title != unknown.Title {
				t.Errorf("%s %s: another's assistant is told from one that does not exist", each.method, each.path)
			}
		}
	}
	wantProblem(t, otto.ask(t, http.MethodGet, book("shop", key)), http.StatusNotFound, "not_found")
	otto.erase(t, book("shop", key))
	if after := s.audit(t); len(after) != before+1 {
		t.Errorf("%d rows in the audit, want %d: what is refused is no reading", len(after), before+1)
	}
	checkShops(t, emil, otto)
}

// checkShops sees to it that each tenant still has what is its own, and only
// that, also when it comes with the other's cursors.
func checkShops(t *testing.T, emil, otto *consultant) {
	t.Helper()
	for id, who := range map[string]*consultant{assistant: emil, "shop": otto} {
		var mine struct{ Items []struct{ ID string } }
		who.get(t, "assistants", &mine)
		if len(mine.Items) != 1 || mine.Items[0].ID != id {
			t.Errorf("assistants: %+v, want %s", mine, id)
		}
	}
	var page struct{ Cursor string }
	emil.get(t, shelf(assistant)+"?limit=1", &page)
	if page.Cursor == "" {
		t.Fatal("no cursor")
	}
	for _, each := range otto.list(t, "shop", url.Values{"cursor": {page.Cursor}}) {
		if each.ConversationID != "c-both" {
			t.Errorf("another's cursor led to %+v", each)
		}
	}
	otto.erase(t, "assistants/shop/users/dl_same")
	if left := otto.list(t, "shop", nil); len(left) != 0 {
		t.Errorf("the shop has %+v", left)
	}
	if left := emil.list(t, assistant, nil); len(left) != 2 {
		t.Errorf("the bank has %+v, want both of its conversations", left)
	}
	if got := emil.read(t, assistant, emil.key(t, assistant, "c-both"), 10); len(got) != 1 || !strings.Contains(got[0], "to the bank") {
		t.Errorf("read: %v", got)
	}
}

// Whoever embeds the page needs nothing but the configuration: from it to a
// conversation with code and PKCE, as MSAL does it.
func TestTheWholeWayFromTheConfigurationToAConversation(t *testing.T) {
	t.Parallel()
	const home = "https://chat.bankx.example/api/site/desk/"
	s := newSystemWithTables(t, cloud.Options{DirectLine: &directline.Options{}, DeskPages: []string{home}})
	i := s.startInstance(t)
	i.deliver(t, message("1", said("c", "1", "hello")))

	var config struct{ Authority, ClientID, Scope string }
	(&consultant{app: i.app}).get(t, "config", &config)
	if config.Authority != "https://login.microsoftonline.com" || config.ClientID != s.Desk.API.ClientID || config.Scope != "api://"+config.ClientID+"/Desk.Access" {
		t.Errorf("config: %+v", config)
	}
	token := s.signIn(t, config.Authority+"/organizations", home, url.Values{"client_id": {config.ClientID}, "scope": {config.Scope + " openid profile offline_access"}}, "rita@demobank.example")
	if all := i.with(token).list(t, assistant, nil); len(all) != 1 || all[0].ConversationID != "c" {
		t.Errorf("listed: %+v", all)
	}
	document := i.get(t, "/api/site/desk/")
	policy := document.header.Get("Content-Security-Policy")
	if document.status != http.StatusOK || !strings.Contains(policy, "connect-src 'self' "+config.Authority) || strings.Contains(policy, "unsafe") {
		t.Errorf("the page: %d, policy %q", document.status, policy)
	}
}
