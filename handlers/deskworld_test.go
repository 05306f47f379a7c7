package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/handlers"
	"chatgate/internal/audit"
	"chatgate/internal/consultant"
	"chatgate/internal/desk"
	"chatgate/internal/standin/entra"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
)

const apiClient = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"

// offices are the tenants of three banks and the access tokens of their people and
// bots. Bank Z has no assistant here. They are the same for all tests, since keys take long to
// make.
type offices struct {
	url     string
	tenants map[string]*entra.Organization // by the bank's letter
	tokens  map[string]string              // by name, "reader of X"
	people  map[string]entra.Person
}

// rolesOf are the kinds of people in each tenant.
var rolesOf = map[string][]string{
	"reader": {"Desk.Read"}, "eraser": {"Desk.Erase"}, "both": {"Desk.Read", "Desk.Erase"}, "broker": {"Login.Broker"}, "none": nil,
}

var openOffices = sync.OnceValues(func() (*offices, error) {
	var directory *entra.Directory
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { directory.ServeHTTP(w, r) }))
	directory = entra.NewDirectory(&entra.DirectoryOptions{URL: server.URL})
	directory.AddApplication(entra.Application{
		ClientID: apiClient, Scopes: []string{"Desk.Access"}, Roles: []string{"Desk.Read", "Desk.Erase", "Login.Broker"},
	})
	o := &offices{url: server.URL, tenants: map[string]*entra.Organization{}, tokens: map[string]string{}, people: map[string]entra.Person{}}
	for _, bank := range []string{"X", "Y", "Z"} {
		tenant := directory.AddTenant("", "Bank "+bank, "bank"+strings.ToLower(bank)+".example")
		o.tenants[bank] = tenant
		for kind, roles := range rolesOf {
			name := kind + " of " + bank
			o.people[name] = tenant.AddPerson(entra.Person{Name: "canary " + name, Roles: roles})
			token, err := tenant.PersonToken(apiClient, o.people[name])
			if err != nil {
				return nil, err
			}
			o.tokens[name] = token.Reveal()
		}
		identity, err := tenant.IDToken(apiClient, o.people["both of "+bank])
		if err != nil {
			return nil, err
		}
		o.tokens["an ID token of "+bank] = identity.Reveal()
		expired, err := tenant.PersonToken(apiClient, o.people["both of "+bank], func(d *entra.Draft) {
			d.Claims["exp"] = time.Now().Add(-time.Hour).Unix()
			d.Claims["iat"], d.Claims["nbf"] = time.Now().Add(-2*time.Hour).Unix(), time.Now().Add(-2*time.Hour).Unix()
		})
		if err != nil {
			return nil, err
		}
		o.tokens["expired of "+bank] = expired.Reveal()
		if err := o.addBots(bank); err != nil {
			return nil, err
		}
	}
	return o, nil
})

// botOf is the client id of a bank's bot.
func botOf(bank string) string {
	return map[string]string{
		"X": "5c0a3f5e-1bf0-4dda-aec3-cb9272f09590", "Y": "5c0a3f5e-1bf0-4dda-aec3-cb9272f09591", "Z": "5c0a3f5e-1bf0-4dda-aec3-cb9272f09592",
	}[bank]
}

// addBots makes the tokens of a bank's bot, and others that are not quite that.
func (o *offices) addBots(bank string) error {
	tenant, broker := o.tenants[bank], []string{"Login.Broker"}
	other := botOf(map[string]string{"X": "Y", "Y": "X", "Z": "X"}[bank])
	public := func(d *entra.Draft) { d.Claims["azpacr"] = "0" }
	stale := func(d *entra.Draft) {
		d.Claims["exp"] = time.Now().Add(-time.Hour).Unix()
		d.Claims["iat"], d.Claims["nbf"] = time.Now().Add(-2*time.Hour).Unix(), time.Now().Add(-2*time.Hour).Unix()
	}
	elsewhere := func(d *entra.Draft) { d.Claims["aud"] = botOf(bank) }
	for kind, made := range map[string]struct {
		client  string
		granted []string
		changes []func(*entra.Draft)
	}{
		"bot":                        {botOf(bank), broker, nil},
		"bot without the role":       {botOf(bank), nil, nil},
		"bot with a desk's role":     {botOf(bank), []string{"Desk.Read", "Desk.Erase"}, nil},
		"another bot":                {"5c0a3f5e-1bf0-4dda-aec3-cb9272f0959f", broker, nil},
		"another tenant's bot":       {other, broker, nil},
		"bot that proves nothing":    {botOf(bank), broker, []func(*entra.Draft){public}},
		"bot with an old token":      {botOf(bank), broker, []func(*entra.Draft){stale}},
		"bot with a token elsewhere": {botOf(bank), broker, []func(*entra.Draft){elsewhere}},
	} {
		token, err := tenant.AppToken(apiClient, entra.Application{ClientID: made.client, Granted: made.granted}, made.changes...)
		if err != nil {
			return err
		}
		o.tokens[kind+" of "+bank] = token.Reveal()
	}
	graph, err := tenant.GraphToken(entra.Application{ClientID: apiClient}, o.people["broker of "+bank])
	if err != nil {
		return err
	}
	o.tokens["a Graph token of "+bank] = graph.Reveal()
	return nil
}

// deskStore is a real store that can be made to fail.
type deskStore struct {
	*filestore.Store

	mu       sync.Mutex
	failures map[string]error // by method; "Excerpt 2" is the second call
	calls    map[string]int
}

var errStore = errors.New("the canary store is away")

func (s *deskStore) fail(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures[method] = errStore
}

func (s *deskStore) called(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	if err := s.failures[fmt.Sprintf("%s %d", method, s.calls[method])]; err != nil {
		return err
	}
	return s.failures[method]
}

func (s *deskStore) Recent(ctx context.Context, assistant string, span transcript.Span, after transcript.Mark, limit int) (transcript.Listing, error) {
	if err := s.called("Recent"); err != nil {
		return transcript.Listing{}, err
	}
	return s.Store.Recent(ctx, assistant, span, after, limit)
}

func (s *deskStore) Excerpt(ctx context.Context, assistant, key string, part transcript.Part) (transcript.Excerpt, error) {
	if err := s.called("Excerpt"); err != nil {
		return transcript.Excerpt{}, err
	}
	return s.Store.Excerpt(ctx, assistant, key, part)
}

func (s *deskStore) Erase(ctx context.Context, assistant, key string) error {
	if err := s.called("Erase"); err != nil {
		return err
	}
	return s.Store.Erase(ctx, assistant, key)
}

// Append is that of a ledger beside the store's.
func (s *deskStore) Append(ctx context.Context, entry audit.Entry) error {
	if err := s.called("Append"); err != nil {
		return err
	}
	return s.Ledger().Append(ctx, entry)
}

// Page is that of a ledger beside the store's.
func (s *deskStore) Page(ctx context.Context, assistant, after string, limit int) (audit.Page, error) {
	if err := s.called("Page"); err != nil {
		return audit.Page{}, err
	}
	return s.Ledger().Page(ctx, assistant, after, limit)
}

// deskWorld is a running server with a service desk for Bank X and Bank Y, and a
// third assistant without consultants.
type deskWorld struct {
	*world
	*offices

	store *deskStore
}

func startDesk(t *testing.T) *deskWorld {
	t.Helper()
	o, err := openOffices()
	if err != nil {
		t.Fatal(err)
	}
	file, err := filestore.Open(filepath.Join(t.TempDir(), "store.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &deskWorld{offices: o, store: &deskStore{Store: file, failures: map[string]error{}, calls: map[string]int{}}}
	w.world = start(t, func(c *handlers.Config) { c.Desk = w.service(t, o.url) })
	return w
}

// service is a desk whose tokens are those of the given authority.
func (w *deskWorld) service(t *testing.T, authority string) *handlers.ServiceDesk {
	t.Helper()
	bankX, bankY := w.tenants["X"].ID(), w.tenants["Y"].ID()
	verifier, err := consultant.NewVerifier(consultant.Config{Authority: authority, Audience: apiClient, Tenants: []string{bankX, bankY}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	assistants := []desk.Assistant{{ID: "bankx", TenantID: bankX}, {ID: "banky", TenantID: bankY}, {ID: "silent"}}
	return &handlers.ServiceDesk{
		Desk:      desk.New(assistants, w.store, w.store, nil),
		Verifier:  verifier,
		Authority: authority, ClientID: apiClient, Scope: "api://" + apiClient + "/Desk.Access",
	}
}

// say stores an activity.
func (w *deskWorld) say(t *testing.T, assistant, conversation, id, at, text string, user ...string) string {
	t.Helper()
	activity := fmt.Sprintf(`{ "type":"message", "id":%q, "timestamp":%q, "channelId":"directline", "conversation":{"id":%s}, "from":{"id":%s,"name":"canary-name","role":"user"}, "text":%s }`,
		id, at, quote(conversation), quote(append(user, "dl_1")[0]), quote(text))
	w.sayAll(t, assistant, activity)
	return activity
}

// sayAll stores activities.
func (w *deskWorld) sayAll(t *testing.T, assistant string, activities ...string) {
	t.Helper()
	recorder := transcript.NewRecorder(w.store.Store, &transcript.RecorderOptions{Assistants: []string{"bankx", "banky", "silent"}})
	message := transcript.Message{ID: "m", Assistant: assistant, Body: []byte("[" + strings.Join(activities, ",") + "]")}
	result, err := recorder.Record(t.Context(), []transcript.Message{message})
	if err != nil || result.Stored != len(activities) {
		t.Fatalf("%+v, %v", result, err)
	}
}

// quote writes a JSON string without replacing anything that need not be.
func quote(text string) string {
	var encoded strings.Builder
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSpace(encoded.String())
}

// ask sends a request of a person, or of nobody where that is empty.
func (w *deskWorld) ask(t *testing.T, person, method, path string) (*http.Response, []byte) {
	t.Helper()
	request := w.request(t, method, "/api/desk/"+path, "")
	if person != "" {
		token, known := w.tokens[person]
		if !known {
			t.Fatalf("nobody is called %q", person)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	return send(t, request)
}

// get reads an answer that must be a success.
func (w *deskWorld) get(t *testing.T, person, path string, into any) *http.Response {
	t.Helper()
	response, body := w.ask(t, person, http.MethodGet, path)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, response.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("GET %s: %v\n%s", path, err, body)
	}
	return response
}

func (w *deskWorld) want(t *testing.T, person, method, path string, status int, code string) {
	t.Helper()
	response, body := w.ask(t, person, method, path)
	if response.StatusCode != status || code != "" && codeOf(t, body) != code {
		t.Errorf("%s %s %s: %d %s, want %d %s", person, method, path, response.StatusCode, body, status, code)
	}
}

// audited returns the entries of Bank X's audit, newest first.
func (w *deskWorld) audited(t *testing.T) []audit.Entry {
	t.Helper()
	page, err := w.store.Ledger().Page(t.Context(), "bankx", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

// page is the body of the list, of a conversation, and of the audit.
type page struct {
	Items      []map[string]any
	Activities []json.RawMessage
	Cursor     string
}
