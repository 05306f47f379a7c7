package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

func TestListAndRead(t *testing.T) {
	w := startDesk(t)
	first := w.say(t, "bankx", "c1", "a1", "2026-11-20T21:00:00Z", "good evening")
	second := w.say(t, "bankx", "c1", "a2", "2026-11-21T21:00:00.1234567Z", "<b> & \u2028 ü", "dl_1")
	w.say(t, "bankx", "c2", "a3", "2026-11-21T09:00:00Z", "good morning", "dl_2")
	w.say(t, "banky", "c1", "a4", "2026-11-21T22:00:00Z", "of another bank")
	key := transcript.ConversationRow("c1")
	var list page
	w.get(t, "reader of X", "assistants/bankx/conversations", &list)
	want := []map[string]any{
		{"key": key, "conversationId": "c1", "userId": "dl_1", "userName": "canary-name", "channelId": "directline",
			"lastActivityAt": "2026-11-21T21:00:00.1234567Z", "lastText": "<b> & \u2028 ü"},
		{"key": transcript.ConversationRow("c2"), "conversationId": "c2", "userId": "dl_2", "userName": "canary-name", "channelId": "directline",
			"lastActivityAt": "2026-11-21T09:00:00Z", "lastText": "good morning"},
	}
	if diff := cmp.Diff(want, list.Items); diff != "" || list.Cursor != "" {
		t.Errorf("cursor %q, items (-want +got):\n%s", list.Cursor, diff)
	}
	response, body := w.ask(t, "reader of X", http.MethodGet, "assistants/bankx/conversations/"+key)
	wantBody := `{"key":"` + key + `","conversationId":"c1","userId":"dl_1","userName":"canary-name","channelId":"directline",` +
		`"lastActivityAt":"2026-11-21T21:00:00.1234567Z","lastText":"\u003cb\u003e \u0026 \u2028 ü",` +
		`"activities":[` + first + `,` + second + `]}`
	if string(body) != wantBody {
		t.Errorf("%d %s\nwant %s", response.StatusCode, body, wantBody)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: %q", got)
	}
}

func TestPagesOfConversations(t *testing.T) {
	w := startDesk(t)
	for i := range 7 {
		w.say(t, "bankx", fmt.Sprintf("c%d", i), "a", fmt.Sprintf("2026-11-2%dT21:00:00Z", i), "")
	}
	ids, cursor := []any{}, ""
	for range 7 {
		var list page
		path := "assistants/bankx/conversations?limit=2"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		w.get(t, "reader of X", path, &list)
		for _, item := range list.Items {
			ids = append(ids, item["conversationId"])
		}
		if cursor = list.Cursor; cursor == "" {
			break
		}
	}
	if want := []any{"c6", "c5", "c4", "c3", "c2", "c1", "c0"}; !slices.Equal(ids, want) || cursor != "" {
		t.Errorf("pages hold %v, want %v", ids, want)
	}
}

func TestPagesOfActivities(t *testing.T) {
	w := startDesk(t)
	var want []string
	for i := range 7 {
		want = append(want, w.say(t, "bankx", "c1", fmt.Sprint(i), fmt.Sprintf("2026-11-21T21:00:0%dZ", i), ""))
	}
	var got []string
	cursor := ""
	for range 7 {
		var part page
		path := "assistants/bankx/conversations/" + transcript.ConversationRow("c1") + "?limit=3"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		w.get(t, "reader of X", path, &part)
		for _, activity := range part.Activities {
			got = append(got, string(activity))
		}
		if cursor = part.Cursor; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages hold %q, want %q", got, want)
	}
}

// A page stops before its activities exceed 4 MiB, but never before the first.
func TestPagesOfActivitiesAreBoundedInBytes(t *testing.T) {
	w := startDesk(t)
	for i := range 2 {
		w.say(t, "bankx", "c1", fmt.Sprint(i), fmt.Sprintf("2026-11-21T21:00:0%dZ", i), strings.Repeat("x", 2_200_000))
	}
	var part page
	w.get(t, "reader of X", "assistants/bankx/conversations/"+transcript.ConversationRow("c1"), &part)
	if len(part.Activities) != 1 || part.Cursor == "" {
		t.Errorf("a page with %d activities, cursor %q", len(part.Activities), part.Cursor)
	}
}

func TestSpans(t *testing.T) {
	w := startDesk(t)
	for conversation, at := range map[string]string{
		"d19": "2026-11-19T12:00:00Z", "d20early": "2026-11-20T00:00:00Z", "d20late": "2026-11-20T23:59:59.999Z", "d21": "2026-11-21T00:00:00Z",
	} {
		w.say(t, "bankx", conversation, "a", at, "")
	}
	for query, want := range map[string]string{
		"":                                        "d21 d20late d20early d19",
		"from=2026-11-20":                         "d21 d20late d20early",
		"to=2026-11-20":                           "d20late d20early d19",
		"from=2026-11-20&to=2026-11-20":           "d20late d20early",
		"to=2026-11-20T00:00:00Z":                 "d19",
		"to=2026-11-20T00:00:00.001Z":             "d20early d19",
		"from=2026-11-20T23:59:59.999Z":           "d21 d20late",
		"from=2026-11-21T01:00:00%2B01:00":        "d21",
		"to=2026-11-20T01:00:00%2B01:00":          "d19",
		"from=0000-01-01&to=9999-12-31":           "d21 d20late d20early d19",
		"from=0000-01-01T00:00:00%2B10:00":        "d21 d20late d20early d19",
		"to=9999-12-31T23:59:59-10:00":            "d21 d20late d20early d19",
		"from=2026-11-22":                         "",
		"to=2026-11-18&limit=1":                   "",
		"from=2026-11-20&to=2026-11-20&limit=200": "d20late d20early",
	} {
		var list page
		w.get(t, "reader of X", "assistants/bankx/conversations?"+query, &list)
		got := []string{}
		for _, item := range list.Items {
			got = append(got, item["conversationId"].(string))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", query, got, want)
		}
	}
}

// Every wrong query is refused by name, so that a misspelled bound is not taken
// for none.
func TestWrongQueries(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", "")
	list, read := "conversations", "conversations/"+transcript.ConversationRow("c1")
	for _, test := range []struct{ path, query, names string }{
		{list, "Limit=1", "Limit"}, {list, "form=2026-11-21", "form"}, {list, "code=x", "code"}, {list, "=1", `""`},
		{list, "limit=0", "limit"}, {list, "limit=201", "limit"}, {list, "limit=-1", "limit"}, {list, "limit=1.5", "limit"},
		{list, "limit=", "limit"}, {list, "limit", "limit"}, {list, "limit=%2B1", "limit"}, {list, "limit=0x1", "limit"},
		{list, "limit=99999999999999999999", "limit"}, {list, "limit=1&limit=1", "limit"}, {list, "limit=1&limit=2", "limit"},
		{list, "from=yesterday", "from"}, {list, "from=2026-11-31", "from"}, {list, "from=2026-1-1", "from"}, {list, "from=20261121", "from"},
		{list, "to=2026-11-21T21:00:00", "to"}, {list, "to=2026-11-21T21:00:00+01:00", "to"}, {list, "to=2026-11-21T21:00:00,5Z", "to"},
		{list, "to=2026-11-21T24:00:00Z", "to"}, {list, "from=12026-11-21", "from"}, {list, "from=", "from"},
		{list, "from=2026-11-21&to=2026-11-20", "from"}, {list, "from=2026-11-21T00:00:00Z&to=2026-11-21T00:00:00Z", "from"},
		{list, "cursor=", "cursor"}, {list, "cursor=x", "cursor"}, {list, "format=transcript", "format"},
		{list, "limit=%zz", "query"}, {list, "limit=1;x=2", "query"},
		{read, "limit=501", "limit"}, {read, "limit=0", "limit"}, {read, "from=2026-11-21", "from"}, {read, "cursor=x", "cursor"},
		{read, "format=pdf", "format"}, {read, "format=Transcript", "format"}, {read, "format=", "format"},
		{read, "format=transcript&limit=1", "format"}, {read, "format=transcript&cursor=eA", "format"}, {read, "format=transcript&format=transcript", "format"},
		{"audit", "limit=201", "limit"}, {"audit", "cursor=x", "cursor"}, {"audit", "from=2026-11-21", "from"},
	} {
		response, body := w.ask(t, "both of X", http.MethodGet, "assistants/bankx/"+test.path+"?"+test.query)
		var document struct{ Detail string }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 400 || codeOf(t, body) != "bad_request" || !strings.Contains(document.Detail, test.names) {
			t.Errorf("%s?%s: %d %s, want 400 that names %s", test.path, test.query, response.StatusCode, body, test.names)
		}
	}
	w.want(t, "", http.MethodGet, "config?x=1", 400, "bad_request")
	w.want(t, "both of X", http.MethodGet, "assistants?x=1", 400, "bad_request")
	if entries := w.audited(t); len(entries) > 0 {
		t.Errorf("the audit holds %v, though nothing was read", entries)
	}
}

// A cursor is good for the list that gave it. It holds no assistant, so that
// there is nothing to forge: what it may be used on is decided anew each time.
func TestForgedAndMixedCursors(t *testing.T) {
	w := startDesk(t)
	for _, assistant := range []string{"bankx", "banky"} {
		for i := range 3 {
			w.say(t, assistant, fmt.Sprintf("c%d", i), "a", fmt.Sprintf("2026-11-2%dT21:00:00Z", i), assistant)
		}
		w.say(t, assistant, "c2", "b", "2026-11-22T22:00:00Z", assistant)
	}
	read := "conversations/" + transcript.ConversationRow("c2")
	cursors := map[string]string{}
	for _, path := range []string{"conversations", read, "audit"} {
		var got page
		w.get(t, "both of X", "assistants/bankx/"+path+"?limit=1", &got)
		if got.Cursor == "" {
			t.Fatalf("%s gave no cursor", path)
		}
		cursors[path] = got.Cursor
	}
	encode := base64.RawURLEncoding.EncodeToString
	forged := map[string]string{
		"another's row":        encode([]byte("banky.79738878/x")),
		"of no kind":           encode([]byte("20261121T210000.000000000Z.a")),
		"a row that is none":   encode([]byte("activity/a' or PartitionKey ne '")),
		"an audit row of none": encode([]byte("audit/a' or PartitionKey ne '")),
		"empty":                encode([]byte("activity/")),
		"line ends":            cursors[read][:4] + "%0A" + cursors[read][4:],
		"padded":               cursors[read] + "%3D%3D",
		"too long":             strings.Repeat("A", 10_000),
	}
	for _, path := range []string{"conversations", read, "audit"} {
		for from, cursor := range cursors {
			status, code := 400, "bad_request"
			if from == path {
				status, code = 200, ""
			}
			w.want(t, "both of X", http.MethodGet, "assistants/bankx/"+path+"?cursor="+cursor, status, code)
		}
		for name, cursor := range forged {
			t.Logf("%s: %s", path, name)
			w.want(t, "both of X", http.MethodGet, "assistants/bankx/"+path+"?cursor="+cursor, 400, "bad_request")
		}
		// Bank Y's cursor shows Bank X nothing of Bank Y.
		var theirs page
		w.get(t, "both of Y", "assistants/banky/"+path+"?limit=1", &theirs)
		_, body := w.ask(t, "both of X", http.MethodGet, "assistants/bankx/"+path+"?cursor="+theirs.Cursor)
		if strings.Contains(string(body), "banky") || strings.Contains(string(body), w.tenants["Y"].ID()) {
			t.Errorf("%s with Bank Y's cursor shows Bank X: %s", path, body)
		}
	}
}

func TestConversationsThatAreNone(t *testing.T) {
	w := startDesk(t)
	w.say(t, "banky", "c1", "a1", "2026-11-21T21:00:00Z", "of another bank")
	var details []string
	for _, key := range []string{transcript.ConversationRow("c1"), "none", "~", "%2E%2E", "a%2Fb", "a%00b", "%F0%9F%98%80", strings.Repeat("a", 500), "a'%20or%20'1'='1"} {
		for _, query := range []string{"", "?format=transcript"} {
			response, body := w.ask(t, "reader of X", http.MethodGet, "assistants/bankx/conversations/"+key+query)
			var document struct{ Code, Detail string }
			if err := json.Unmarshal(body, &document); err != nil || response.StatusCode != 404 || document.Code != "not_found" {
				t.Errorf("%s: %d %s", key, response.StatusCode, body)
			}
			if details = append(details, document.Detail); document.Detail != details[0] {
				t.Errorf("%s is told from another that there is not: %s", key, document.Detail)
			}
		}
	}
}

func TestHostileIdsAreReadable(t *testing.T) {
	w := startDesk(t)
	for i, id := range []string{"a/b", "..", "a'b", "a%2Fb", "<script>", "\u202e\u0000", strings.Repeat("ü", 600), `"},{`} {
		activity := w.say(t, "bankx", id, fmt.Sprintf("a%d", i), "2026-11-21T21:00:00Z", "")
		var got page
		w.get(t, "reader of X", "assistants/bankx/conversations/"+transcript.ConversationRow(id), &got)
		if len(got.Activities) != 1 || string(got.Activities[0]) != activity {
			t.Errorf("conversation %.20q: %s", id, got.Activities)
		}
	}
	var list page
	w.get(t, "reader of X", "assistants/bankx/conversations", &list)
	if len(list.Items) != 8 {
		t.Errorf("%d conversations", len(list.Items))
	}
}

func TestTheListCutsLongTexts(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", strings.Repeat("ü", 1001))
	var list page
	w.get(t, "reader of X", "assistants/bankx/conversations", &list)
	if got := list.Items[0]["lastText"].(string); got != strings.Repeat("ü", 999)+"…" {
		t.Errorf("lastText has %d bytes", len(got))
	}
}

// Each reading and each erasure leaves exactly one entry.
func TestDeskAudit(t *testing.T) {
	w := startDesk(t)
	w.say(t, "bankx", "c1", "a1", "2026-11-21T21:00:00Z", "")
	w.say(t, "bankx", "c1", "a2", "2026-11-21T21:00:01Z", "")
	key := transcript.ConversationRow("c1")
	reader, eraser := w.people["reader of X"].ObjectID, w.people["eraser of X"].ObjectID
	type done struct {
		who    string
		entry  audit.Entry
		method string
		path   string
	}
	var want []audit.Entry
	for _, d := range []done{
		{reader, audit.Entry{Action: audit.List, Count: 1}, http.MethodGet, "conversations"},
		{reader, audit.Entry{Action: audit.Read, ConversationKey: key, Count: 2}, http.MethodGet, "conversations/" + key},
		{reader, audit.Entry{Action: audit.Export, ConversationKey: key}, http.MethodGet, "conversations/" + key + "?format=transcript"},
		{eraser, audit.Entry{Action: audit.EraseUser, UserID: "a/user", Count: 0}, http.MethodDelete, "users?userId=a%2Fuser"},
		{eraser, audit.Entry{Action: audit.EraseUser, UserID: "dl_1", Count: 1}, http.MethodDelete, "users/dl_1"},
		{eraser, audit.Entry{Action: audit.EraseConversation, ConversationKey: key, Count: 1}, http.MethodDelete, "conversations/" + key},
		{eraser, audit.Entry{Action: audit.ReadAudit, Count: 6}, http.MethodGet, "audit"},
	} {
		person := map[string]string{reader: "reader of X", eraser: "eraser of X"}[d.who]
		request := w.request(t, d.method, "/api/desk/assistants/bankx/"+d.path, "", "Authorization", "Bearer "+w.tokens[person],
			"X-Azure-Functions-InvocationId", "6f9619ff-8b86-d011-b42d-00cf4fc964ff")
		if response, body := send(t, request); response.StatusCode/100 != 2 {
			t.Fatalf("%s %s: %d %s", d.method, d.path, response.StatusCode, body)
		}
		d.entry.Assistant, d.entry.TenantID, d.entry.ObjectID = "bankx", w.tenants["X"].ID(), d.who
		d.entry.InvocationID = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"
		want = append([]audit.Entry{d.entry}, want...)
	}
	got := w.audited(t)
	for i := range got {
		if got[i].At.IsZero() {
			t.Error("an entry without a time")
		}
		got[i].At = audit.Entry{}.At
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	var first, second page
	w.get(t, "eraser of X", "assistants/bankx/audit?limit=5", &first)
	if first.Items[0]["action"] != "read_audit" || first.Items[0]["count"] != 6.0 || first.Items[0]["objectId"] != eraser {
		t.Errorf("the newest entry is %v", first.Items[0])
	}
	w.get(t, "eraser of X", "assistants/bankx/audit?limit=5&cursor="+first.Cursor, &second)
	if len(first.Items) != 5 || len(second.Items) != 2 || second.Items[1]["action"] != "list" || second.Cursor != "" {
		t.Errorf("pages of %d and %d, %v", len(first.Items), len(second.Items), second.Items)
	}
}
