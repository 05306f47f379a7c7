package tablestore_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

const day = 24 * time.Hour

// world is an account behind a proxy, with an assistant of its own. The instance
// that things happen to goes through the proxy, the others past it.
type world struct {
	proxy         *tablestest.Proxy
	through, past string
	assistant     string
	bare          *aztables.ServiceClient
}

var assistants atomic.Int64

func newWorld(t *testing.T) *world {
	t.Helper()
	proxy, through, past := emulator.NewProxy(t)
	w := &world{proxy: proxy, through: through, past: past}
	w.turn()
	return w
}

// newWorldWithTables returns a world in which no request fails for want of a table.
func newWorldWithTables(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	mustPut(t, w.other(t), w.said("1", 0, "first"))
	w.erase(t, w.other(t))
	w.turn()
	return w
}

// turn goes on with another assistant, for whom nothing has happened yet.
func (w *world) turn() {
	w.assistant = fmt.Sprint("assistant", assistants.Add(1))
	w.proxy.FailWhen(nil)
}

// victim and other return new instances, which remember nothing.
func (w *world) victim(t *testing.T) *tablestore.Store {
	t.Helper()
	return open(t, w.through, tablestest.Impatient(t))
}

func (w *world) other(t *testing.T) *tablestore.Store {
	t.Helper()
	return open(t, w.past, tablestest.Impatient(t))
}

// said is an activity of conversation "conversation", minutes past noon.
func (w *world) said(id string, minutes int, user string) transcript.Record {
	return w.saidIn("conversation", id, minutes, user)
}

func (w *world) saidIn(conversation, id string, minutes int, user string) transcript.Record {
	at := noon().Add(time.Duration(minutes) * time.Minute)
	record := message(conversation, id, at, user+" says "+id)
	record.Assistant, record.Key = w.assistant, transcript.NewKey(w.assistant, conversation, id, at)
	record.FromID, record.User.ID = user, user
	return record
}

// told is an activity of the bot to a user, whom the columns of table messages do
// not name.
func (w *world) told(id string, minutes int, user string) transcript.Record {
	record := w.said(id, minutes, user)
	record.FromID, record.Role = "bot", "bot"
	return record
}

const nextDay, dayBefore = 24 * 60, -24 * 60 // minutes

// list reads the list page by page, with pages of limit.
func (w *world) list(t *testing.T, store *tablestore.Store, limit int) []string {
	t.Helper()
	var shown []string
	var mark transcript.Mark
	for range 1000 {
		page, err := store.Recent(t.Context(), w.assistant, transcript.Span{}, mark, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			shown = append(shown, item.ConversationID+": "+item.LastText)
		}
		if !page.More {
			return shown
		}
		mark = page.Next
	}
	t.Fatal("the list does not end")
	return nil
}

func (w *world) wantListed(t *testing.T, want ...string) {
	t.Helper()
	store := w.other(t)
	for _, limit := range []int{1, 10} {
		if got := w.list(t, store, limit); !slices.Equal(got, want) {
			t.Errorf("with pages of %d the list shows %q, want %q", limit, got, want)
		}
	}
}

// row is one of a table as it is there.
type row map[string]any

func (r row) text(column string) string {
	text, _ := r[column].(string)
	return text
}

// rows reads the assistant's rows of a table, past the store.
func (w *world) rows(t *testing.T, table string) []row {
	t.Helper()
	filter := fmt.Sprintf("PartitionKey ge '%s' and PartitionKey lt '%s.~'", w.assistant, w.assistant)
	var rows []row
	pager := w.table(t, table).NewListEntitiesPager(&aztables.ListEntitiesOptions{Filter: &filter})
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			if strings.Contains(err.Error(), string(aztables.TableNotFound)) {
				return nil
			}
			t.Fatal(err)
		}
		for _, entity := range page.Entities {
			var decoded row
			if err := json.Unmarshal(entity, &decoded); err != nil {
				t.Fatal(err)
			}
			rows = append(rows, decoded)
		}
	}
	return rows
}

func (w *world) table(t *testing.T, name string) *aztables.Client {
	t.Helper()
	if w.bare == nil {
		service, err := aztables.NewServiceClientFromConnectionString(w.past, bareOptions(t))
		if err != nil {
			t.Fatal(err)
		}
		w.bare = service
	}
	return w.bare.NewClient(name)
}

// wantTraceless expects that nothing of the conversation is in any table.
func (w *world) wantTraceless(t *testing.T, conversation string) {
	t.Helper()
	key := transcript.ConversationRow(conversation)
	for _, table := range []string{"messages", "conversations", "recent", "users", "erasures"} {
		for _, r := range w.rows(t, table) {
			parts := strings.FieldsFunc(r.text("PartitionKey")+"."+r.text("RowKey"), func(c rune) bool { return c == '.' || c == '~' })
			if slices.Contains(parts, key) || r.text("ConversationId") == conversation || r.text("ConversationKey") == key {
				t.Errorf("table %s still has %s / %s", table, r.text("PartitionKey"), r.text("RowKey"))
			}
		}
	}
}

// wantConsistent expects that the tables around the index say the same as the
// index: each row has one in table recent with the same columns, its users are
// in table users, and its day is. Rows of table recent that the index does not have are left
// only where a writer came to its end too soon.
func (w *world) wantConsistent(t *testing.T, leftovers bool) {
	t.Helper()
	recent := make(map[string]row)
	for _, r := range w.rows(t, "recent") {
		recent[r.text("PartitionKey")+"/"+r.text("RowKey")] = r
	}
	users := make(map[string]bool)
	for _, r := range w.rows(t, "users") {
		users[r.text("RowKey")] = true
	}
	for _, r := range w.rows(t, "conversations") {
		at, ok := transcript.RowTime(r.text("LastKey"))
		place := r.text("PartitionKey") + "/" + transcript.RecentRow(at, r.text("RowKey"))
		if diff := cmp.Diff(r.columns(), recent[place].columns()); !ok || diff != "" {
			t.Errorf("row %s of table recent (-index +recent):\n%s", place, diff)
		}
		delete(recent, place)
		key, day := r.text("RowKey"), strings.TrimPrefix(r.text("PartitionKey"), w.assistant+".")
		isDayThere := users["~"+key+"."+day+"."]
		for _, user := range r.users() {
			for _, row := range []string{user + "." + key + "." + day, "~" + key + "." + day + "." + user} {
				isDayThere = isDayThere || users[row]
				if !users[row] {
					t.Errorf("table users lacks %s", row)
				}
			}
		}
		if !isDayThere {
			t.Errorf("table users lacks day %s of %s", day, key)
		}
	}
	if len(recent) > 0 && !leftovers {
		t.Errorf("table recent has rows that the index has not: %v", recent)
	}
}

// columns are those that the tables conversations and recent have in common.
func (r row) columns() map[string]any {
	columns := make(map[string]any)
	for name, value := range r {
		switch name {
		case "RowKey", "Timestamp", "odata.etag", "ConversationKey":
		default:
			columns[name] = value
		}
	}
	return columns
}

func (r row) users() []string {
	if text := r.text("Users"); text != "" {
		var users []string
		_ = json.Unmarshal([]byte(text), &users)
		return users
	}
	if r.text("UserKey") == "" {
		return nil
	}
	return []string{transcript.UserPart(r.text("UserId"))}
}

// wantSeenOrGone expects that a conversation is found as its activities say: in
// the list and by its users, or not at all.
func (w *world) wantSeenOrGone(t *testing.T) {
	t.Helper()
	store := w.other(t)
	records := collect(t, store.Activities(t.Context(), w.assistant, "conversation"))
	if len(records) == 0 {
		w.wantListed(t)
		w.wantTraceless(t, "conversation")
		return
	}
	if got, want := w.list(t, store, 1), []string{"conversation: " + records[len(records)-1].Text}; !slices.Equal(got, want) {
		t.Errorf("the list shows %q, want %q", got, want)
	}
	w.wantConsistent(t, false)
	for _, record := range records {
		keys, err := store.UserConversations(t.Context(), w.assistant, record.FromID)
		if err != nil || !slices.Contains(keys, "conversation") {
			t.Errorf("%s, who said %q, has conversations %q: %v", record.FromID, record.Text, keys, err)
		}
	}
}

func (w *world) erase(t *testing.T, store *tablestore.Store) {
	t.Helper()
	if err := store.Erase(t.Context(), w.assistant, "conversation"); err != nil {
		t.Errorf("Erase: %v", err)
	}
}

// withheld passes a request on and does something before the answer goes back.
func withheld(rw http.ResponseWriter, r *http.Request, service http.Handler, do func()) {
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, r)
	do()
	maps.Copy(rw.Header(), answer.Header())
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
}

// changes matches requests that change rows, nth the nth of them from 0 on.
func changes(r tablestest.Request) bool { return r.Changes() }

func nth(n int) func(tablestest.Request) bool {
	seen := 0
	return func(r tablestest.Request) bool {
		if strings.HasSuffix(r.Path, "/Tables") {
			return false
		}
		seen++
		return seen == n+1
	}
}
