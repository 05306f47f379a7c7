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
)

func TestRealConversationsAreKeptByteForByteAndInOrder(t *testing.T) {
	t.Parallel()
	conversations := transcripts(t)
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	var messages []bus.Message
	for name, activities := range conversations {
		for at, activity := range activities {
			messages = append(messages, message(fmt.Sprintf("%s-%d", name, at), activity.raw))
		}
	}
	i.deliver(t, messages...)
	i.nothingLost(t)

	rows, index := s.Tables.rows(t, "messages"), s.Tables.rows(t, "conversations")
	total := 0
	for name, activities := range conversations {
		want := kept(activities)
		total += len(want)
		got := conversation(t, rows, assistant, want[0].Conversation.ID)
		if diff := cmp.Diff(stored(t, want), got); diff != "" {
			t.Errorf("%s (-sent +stored):\n%s", name, diff)
		}
		checkIndex(t, index, want)
	}
	if len(rows) != total {
		t.Errorf("%d rows for %d activities", len(rows), total)
	}
	checkRows(t, rows)
}

// hostileIDs are ids that break keys, filters, paths or comparisons somewhere.
func hostileIDs() []string {
	long := strings.Repeat("x", 899)
	return []string{
		"a/b", `a\b`, "a'b", `a"b`, "a''b", "a#b", "a?b", "a%2Fb", "a%b", "a=2Fb", "a.b", "a~b", "a b", " a", "a ", "..", ".", "$batch",
		"a\x00b", "a\tb", "a\r\nb", "a\x7fb", "a\u0080b", "a\u2028b", "A", "a", "Ａ", "é", "e\u0301", "ß", "SS",
		long + "1", long + "2", strings.Repeat("長", 900), "会話一", "محادثة", "\u202eesrever\u202c", "👩‍👩‍👧‍👦", "🇩🇪", "\U0010FFFF", "\ufeffa", "null", "0",
		"1 or 1 eq 1", "') or (PartitionKey ne '", "<script>", "{{7*7}}", "%s%n",
	}
}

func TestHostileIDsStayApartAndComeBack(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	want := map[string][]string{}
	var messages []bus.Message
	for at, conversationID := range hostileIDs() {
		for _, activityID := range []string{conversationID, "plain"} {
			body := fmt.Sprintf(`{"type":"message","timestamp":"2026-03-01T10:00:00Z","conversation":{"id":%s},"id":%s,"from":{"id":%[1]s}}`,
				quoted(t, conversationID), quoted(t, activityID))
			want[conversationID] = append(want[conversationID], body)
			messages = append(messages, message(fmt.Sprintf("%d %s", at, activityID), body))
		}
	}
	i.deliver(t, messages...)
	i.nothingLost(t)

	rows := s.Tables.rows(t, "messages")
	if len(rows) != len(messages) {
		t.Errorf("%d rows for %d activities", len(rows), len(messages))
	}
	for id, bodies := range want {
		got := conversation(t, rows, assistant, id)
		slices.Sort(got)
		slices.Sort(bodies)
		if diff := cmp.Diff(bodies, got); diff != "" {
			t.Errorf("conversation %q (-sent +stored):\n%s", id, diff)
		}
	}
	checkRows(t, rows)
	if index := s.Tables.rows(t, "conversations"); len(index) != len(want) {
		t.Errorf("%d rows in table conversations for %d conversations", len(index), len(want))
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	encoded, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

// said is a message activity.
func said(conversationID, id, text string) string {
	return fmt.Sprintf(`{"type":"message","id":%q,"timestamp":"2026-03-01T10:00:00.000Z","conversation":{"id":%q},"from":{"id":"dl_user","role":"user"},"text":%q}`,
		id, conversationID, text)
}

func TestCredentialsInActivitiesAreNotStored(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	const secret = `{"connectionName":"aad","token":"canary-of-a-user"}`
	s.canaries.add("credential of a user", "canary-of-a-user")
	forms := []string{
		`{"type":"event","name":"tokens/response","conversation":{"id":"c"},"id":"1","value":%s,"text":"kept"}`,
		`{"value": %s ,"type":"Event","name":"Tokens/Response","conversation":{"id":"c"},"id":"2"}`,
		`{"type":"invoke","name":"signin/verifyState","conversation":{"id":"c"},"id":"3","value":%s}`,
		`{"type":"invoke","name":"signin/tokenExchange","conversation":{"id":"c"},"id":"4","value":%s}`,
		`{"type":"event","name":"tokens\/response","conversation":{"id":"c"},"id":"5","value":%s}`,
	}
	var want []string
	var messages []bus.Message
	for at, form := range forms {
		want = append(want, fmt.Sprintf(form, `{"redacted":true}`))
		messages = append(messages, message(fmt.Sprint(at), fmt.Sprintf(form, secret)))
	}
	harmless := `{"type":"event","name":"webchat/join","conversation":{"id":"c"},"id":"6","value":{"language":"de"}}`
	want = append(want, harmless)
	aside := "[" + fmt.Sprintf(forms[0], secret) + `,{"type":"message"}]`
	i.deliver(t, append(messages, message("harmless", harmless), message("aside", aside))...)

	got := conversation(t, s.Tables.rows(t, "messages"), assistant, "c")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +stored):\n%s", diff)
	}
	for _, set := range i.quarantined(t, 1) {
		if found := s.canaries.foundIn(set.body); len(found) > 0 {
			t.Errorf("the quarantine holds %v", found)
		}
	}
}

// Whose activities these are is said by an application property.
func TestEachAssistantHasItsOwnConversations(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	s.addAssistant("Shop", cloud.DirectLineSecret, s.DirectLine)
	i := s.startInstance(t)
	i.deliver(t,
		messageFor("bankx", "1", said("c", "1", "to the bank")),
		messageFor("BankX", "2", said("c", "2", "to the bank too")),
		messageFor("shop", "3", said("c", "1", "to the shop")),
		messageFor("", "4", said("c", "3", "to nobody")),
	)
	rows := s.Tables.rows(t, "messages")
	if diff := cmp.Diff([]string{said("c", "1", "to the bank"), said("c", "2", "to the bank too")}, conversation(t, rows, "bankx", "c")); diff != "" {
		t.Errorf("of the bank (-sent +stored):\n%s", diff)
	}
	if diff := cmp.Diff([]string{said("c", "1", "to the shop")}, conversation(t, rows, "shop", "c")); diff != "" {
		t.Errorf("of the shop (-sent +stored):\n%s", diff)
	}
	if set := i.quarantined(t, 1); set[0].Reason != "unknown_assistant" || set[0].MessageID != "4" {
		t.Errorf("set aside: %+v", set[0])
	}
	if index := s.Tables.rows(t, "conversations"); len(index) != 2 {
		t.Errorf("%d rows in table conversations, want one for each assistant", len(index))
	}
}

// With one assistant the property may be absent, as it is where a bot uses the
// REST interface without knowing of it.
func TestWithOneAssistantAMessageNeedNotNameIt(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	list := "\ufeff[" + said("c", "2", "二") + ",\n " + said("c", "3", "三") + "]"
	i.deliver(t, messageFor("", "1", said("c", "1", "一")), messageFor("", "2", list), messageFor("", "3", "[]"))
	i.nothingLost(t)
	want := []string{said("c", "1", "一"), said("c", "2", "二"), said("c", "3", "三")}
	if diff := cmp.Diff(want, conversation(t, s.Tables.rows(t, "messages"), assistant, "c")); diff != "" {
		t.Errorf("(-sent +stored):\n%s", diff)
	}
}
