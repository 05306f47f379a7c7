package system_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/entra"
)

// consultant is the service desk as one person sees it.
type consultant struct {
	app   *app
	token string
}

// as is somebody of a tenant at the service desk. The changes make their token
// another than Entra ID gives them.
func (a *app) as(t *testing.T, tenant *entra.Organization, person entra.Person, changes ...func(*entra.Draft)) *consultant {
	t.Helper()
	token, err := tenant.PersonToken(a.system.Desk.API.ClientID, person, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return a.with(token.Reveal())
}

// with is whoever has the token, which must be found nowhere from now on.
func (a *app) with(token string) *consultant {
	a.system.canaries.add("access token", token)
	return &consultant{app: a, token: token}
}

func (a *app) reader(t *testing.T) *consultant {
	t.Helper()
	return a.as(t, a.system.Desk.Tenant, a.system.Desk.Reader)
}

func (a *app) eraser(t *testing.T) *consultant {
	t.Helper()
	return a.as(t, a.system.Desk.Tenant, a.system.Desk.Eraser)
}

// deskRequest is what the page sends. Requests of the same origin name none.
func (c *consultant) deskRequest(method, path string) request {
	header := map[string]string{"Origin": "", "Authorization": "Bearer " + c.token}
	if c.token == "" {
		header["Authorization"] = ""
	}
	return request{method: method, path: "/api/desk/" + path, header: header}
}

// ask makes a request that must be answered, with whatever status.
func (c *consultant) ask(t *testing.T, method, path string) answer {
	t.Helper()
	return c.app.call(t, c.deskRequest(method, path))
}

// get reads something that must be there.
func (c *consultant) get(t *testing.T, path string, into any) answer {
	t.Helper()
	got := c.ask(t, http.MethodGet, path)
	if got.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, got.status, got.body)
	}
	if err := json.Unmarshal([]byte(got.body), into); err != nil {
		t.Fatalf("GET %s: %v: %s", path, err, got.body)
	}
	return got
}

// erase erases something; that it is not there is a success too.
func (c *consultant) erase(t *testing.T, path string) {
	t.Helper()
	if got := c.ask(t, http.MethodDelete, path); got.status != http.StatusNoContent || got.body != "" {
		t.Fatalf("DELETE %s: %d %s", path, got.status, got.body)
	}
}

// shelf is the path of an assistant's conversations.
func shelf(assistant string) string { return "assistants/" + assistant + "/conversations" }

func book(assistant, key string) string { return shelf(assistant) + "/" + key }

// listed is a conversation as the list has it.
type listed struct {
	Key            string    `json:"key"`
	ConversationID string    `json:"conversationId"`
	UserID         string    `json:"userId"`
	UserName       string    `json:"userName"`
	ChannelID      string    `json:"channelId"`
	LastActivityAt time.Time `json:"lastActivityAt"`
	LastText       string    `json:"lastText"`
}

// list reads an assistant's list page by page. A page may be short, but the last
// one has no cursor.
func (c *consultant) list(t *testing.T, assistant string, query url.Values) (all []listed) {
	t.Helper()
	query = cloneQuery(query)
	for range 1000 {
		var page struct {
			Items  []listed
			Cursor string
		}
		c.get(t, shelf(assistant)+"?"+query.Encode(), &page)
		all = append(all, page.Items...)
		if page.Cursor == "" {
			return all
		}
		query.Set("cursor", page.Cursor)
	}
	t.Fatal("the list has no end")
	return nil
}

func cloneQuery(from url.Values) url.Values {
	clone := url.Values{}
	for name, values := range from {
		clone[name] = slices.Clone(values)
	}
	return clone
}

// key finds a conversation in the list.
func (c *consultant) key(t *testing.T, assistant, conversationID string) string {
	t.Helper()
	all := c.list(t, assistant, nil)
	at := slices.IndexFunc(all, func(each listed) bool { return each.ConversationID == conversationID })
	if at < 0 {
		t.Fatalf("conversation %s is not among the %d that are listed", conversationID, len(all))
	}
	return all[at].Key
}

// read reads a conversation's activities in pages of so many.
func (c *consultant) read(t *testing.T, assistant, key string, limit int) (activities []string) {
	t.Helper()
	query := url.Values{"limit": {fmt.Sprint(limit)}}
	for range 1000 {
		var page struct {
			Activities []json.RawMessage
			Cursor     string
		}
		c.get(t, book(assistant, key)+"?"+query.Encode(), &page)
		if len(page.Activities) > limit || len(page.Activities) == 0 {
			t.Fatalf("a page of %d activities, asked for were %d", len(page.Activities), limit)
		}
		for _, each := range page.Activities {
			activities = append(activities, string(each))
		}
		if page.Cursor == "" {
			return activities
		}
		query.Set("cursor", page.Cursor)
	}
	t.Fatal("the conversation has no end")
	return nil
}

// audited is a row of table audit.
type audited struct{ Action, ConversationKey, UserID, TenantID, ObjectID string }

// audit returns table audit, oldest first.
func (s *System) audit(t *testing.T) []audited {
	t.Helper()
	rows := s.Tables.rows(t, "audit")
	slices.SortFunc(rows, func(a, b row) int { return timeOf(t, a, "At").Compare(timeOf(t, b, "At")) })
	var entries []audited
	for _, each := range rows {
		entries = append(entries, audited{
			each.text("Action"), each.text("ConversationKey"), each.text("UserId"), each.text("TenantId"), each.text("ObjectId"),
		})
	}
	return entries
}

// holding names the tables, but for the audit, in which a text is found. The
// audit keeps what was erased, by its key.
func (s *tables) holding(t *testing.T, texts ...string) (found []string) {
	t.Helper()
	pager := s.client.NewListTablesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatalf("listing tables: %v", err)
		}
		for _, table := range page.Tables {
			if *table.Name == "audit" {
				continue
			}
			for _, r := range s.rows(t, *table.Name) {
				if text := fmt.Sprint(r); slices.ContainsFunc(texts, func(wanted string) bool { return strings.Contains(text, wanted) }) {
					found = append(found, fmt.Sprintf("%s (%s, %s)", *table.Name, r.text("PartitionKey"), r.text("RowKey")))
				}
			}
		}
	}
	return found
}

// turn is an activity of a made-up conversation, said at a time by a user.
func turn(conversationID, id, userID string, at time.Time, text string) string {
	encoded, err := json.Marshal(map[string]any{
		"type": "message", "id": id, "timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"), "channelId": "directline",
		"conversation": map[string]string{"id": conversationID}, "from": map[string]string{"id": userID, "role": "user"}, "text": text,
	})
	if err != nil {
		panic(err) // text is always JSON
	}
	return string(encoded)
}

// firm tries until the answer is the one that there must be at last: the handler
// may be dying, or have just been born.
func (c *consultant) firm(t *testing.T, method, path string, status int) {
	t.Helper()
	poll(t, fmt.Sprintf("%s %s to answer %d", method, path, status), func() bool {
		got, err := c.app.try(context.WithoutCancel(t.Context()), c.deskRequest(method, path))
		return err == nil && got.status == status
	})
}
