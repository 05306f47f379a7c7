package system_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

// sent is what these tests read of an activity.
type sent struct {
	Type         string    `json:"type"`
	ID           string    `json:"id"`
	Timestamp    time.Time `json:"timestamp"`
	Text         string    `json:"text"`
	ChannelID    string    `json:"channelId"`
	ReplyToID    string    `json:"replyToId"`
	From         party     `json:"from"`
	Conversation party     `json:"conversation"`

	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`

	raw string
}

type party struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// transcript reads a real conversation; the test is skipped where it is absent.
func transcripts(t *testing.T) map[string][]sent {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "..", "shared", "data", "transcripts", "*.transcript"))
	if err != nil || len(paths) == 0 {
		t.Skip("there are no transcripts in ../shared/data/transcripts")
	}
	found := map[string][]sent{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var raw []json.RawMessage
		if err := json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &raw); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, each := range raw {
			activity := sent{raw: string(each)}
			if err := json.Unmarshal(each, &activity); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			found[filepath.Base(path)] = append(found[filepath.Base(path)], activity)
		}
	}
	return found
}

// kept are the activities that are stored, in the order of time.
func kept(activities []sent) []sent {
	kept := slices.DeleteFunc(slices.Clone(activities), func(a sent) bool {
		return a.Type == "typing" || a.Type == "trace"
	})
	slices.SortStableFunc(kept, func(a, b sent) int { return a.Timestamp.Compare(b.Timestamp) })
	return kept
}

// stored are the activities as they must be stored: as sent, except for the value
// of an event tokens/response, a real one of which is among the transcripts.
func stored(t *testing.T, activities []sent) []string {
	t.Helper()
	list := make([]string, len(activities))
	for i, each := range activities {
		list[i] = each.raw
		if each.Name == "tokens/response" {
			list[i] = strings.Replace(each.raw, string(each.Value), `{"redacted":true}`, 1)
		}
	}
	return list
}

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

// checkIndex holds table conversations to one row for each day of a conversation,
// with the newest activity of that day.
func checkIndex(t *testing.T, index []row, activities []sent) {
	t.Helper()
	newest := map[string]sent{}
	for _, each := range activities {
		newest[each.Timestamp.UTC().Format(time.DateOnly)] = each
	}
	id := activities[0].Conversation.ID
	found := 0
	for _, r := range index {
		if r.text("ConversationId") != id {
			continue
		}
		found++
		at := timeOf(t, r, "LastActivityAt")
		want, known := newest[at.Format(time.DateOnly)]
		switch {
		case !known || !want.Timestamp.Truncate(100*time.Nanosecond).Equal(at):
			t.Errorf("conversation %s: LastActivityAt %s, newest activities %v", id, at, newest)
		case r.text("LastText") != want.Text && len(want.Text) < 30_000:
			t.Errorf("conversation %s: LastText %q, want %q", id, r.text("LastText"), want.Text)
		}
	}
	if found != len(newest) {
		t.Errorf("conversation %s has %d rows in table conversations for %d days", id, found, len(newest))
	}
}

func timeOf(t *testing.T, r row, column string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.text(column))
	if err != nil {
		t.Errorf("column %s of row %s: %v", column, r.text("RowKey"), err)
	}
	return at.UTC()
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9._~=-]{1,500}$`)

// checkRows compares the columns of table messages with the activity beside them.
func checkRows(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		if !keyForm.MatchString(r.text("PartitionKey")) || !keyForm.MatchString(r.text("RowKey")) {
			t.Errorf("keys %q, %q", r.text("PartitionKey"), r.text("RowKey"))
		}
		var a sent
		if err := json.Unmarshal([]byte(r.activity(t)), &a); err != nil {
			t.Errorf("row %s: %v", r.text("RowKey"), err)
			continue
		}
		want := map[string]string{
			"Assistant": assistant, "ConversationId": a.Conversation.ID, "ActivityId": a.ID, "Type": a.Type, "Role": a.From.Role,
			"FromId": a.From.ID, "FromName": a.From.Name, "Text": a.Text, "ChannelId": a.ChannelID, "ReplyToId": a.ReplyToID,
		}
		for column, value := range want {
			if got := r.text(column); got != value {
				t.Errorf("row %s: column %s is %.100q, want %.100q", r.text("RowKey"), column, got, value)
			}
		}
		if at := timeOf(t, r, "SentAt"); !at.Equal(a.Timestamp.Truncate(100 * time.Nanosecond)) {
			t.Errorf("row %s: SentAt %s, want %s", r.text("RowKey"), at, a.Timestamp)
		}
	}
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

// quarantineMessage is the contract's message for the quarantine queue.
type quarantineMessage struct {
	Reason       string  `json:"reason"`
	Detail       string  `json:"detail"`
	MessageID    string  `json:"messageId"`
	Assistant    string  `json:"assistant"`
	EnqueuedTime string  `json:"enqueuedTime"`
	Body         *string `json:"body"`
	BodyGzip     string  `json:"bodyGzip"`
	BodyBytes    int     `json:"bodyBytes"`
	BodySha256   string  `json:"bodySha256"`

	// body is the body as far as it can be read back.
	body string
	size int
}

// quarantined returns what was set aside, which must be so many messages.
func (i *instance) quarantined(t *testing.T, count int) []quarantineMessage {
	t.Helper()
	waiting := i.queue(t, cloud.QuarantineQueue).Peek()
	if len(waiting) != count {
		t.Fatalf("%d messages were set aside, want %d", len(waiting), count)
	}
	list := make([]quarantineMessage, count)
	for at, each := range waiting {
		if err := json.Unmarshal(each.Body, &list[at]); err != nil {
			t.Fatalf("set aside as %.200s: %v", each.Body, err)
		}
		list[at].size = len(each.Body)
		list[at].body = list[at].open(t)
	}
	return list
}

func (q *quarantineMessage) open(t *testing.T) string {
	t.Helper()
	switch {
	case q.Body != nil:
		text, err := base64.StdEncoding.DecodeString(*q.Body)
		if err != nil {
			t.Errorf("body of %s: %v", q.MessageID, err)
		}
		return string(text)
	case q.BodyGzip != "":
		return row{"ActivityGzip0": q.BodyGzip}.activity(t)
	default:
		return ""
	}
}
