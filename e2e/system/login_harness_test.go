package system_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/entra"
)

// loginSystem is a System whose bank is listened to: what it hands out must be
// found nowhere else, and all that reaches it is known.
type loginSystem struct {
	*System

	sealingKey string

	mu      sync.Mutex
	plain   canaries // what only the bank and the handler may know
	secrets []string
	paths   []string
	within  func(*http.Request) // runs while the bank serves a call; may be nil
}

// newLoginSystem starts what a login needs. Handlers are started afterwards.
func newLoginSystem(t *testing.T) *loginSystem {
	t.Helper()
	s := &loginSystem{System: newSystemWithTables(t, cloud.Options{}), sealingKey: cloud.NewKey()}
	s.set("LOG_LEVEL=debug")
	s.Vault.Set(cloud.SealingKey, s.sealingKey)
	s.guardKey("sealing key", s.sealingKey)
	s.rotateBankKey()
	bank := s.BankHandler()
	s.Proxy.Handle(cloud.BankHost, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.overhear(w, r, bank) }))
	return s
}

// guardKey makes a key something that nobody may ever read, in base64 or as it is.
func (s *loginSystem) guardKey(what, key string) {
	s.guard(what, key)
	if raw, err := base64.StdEncoding.DecodeString(key); err == nil {
		s.guard(what, string(raw))
	}
}

func (s *loginSystem) guard(what, text string) {
	s.plain.add(what, text)
	s.canaries.add(what, text)
}

// rotateBankKey gives the Login API another key; the old one is refused at once.
func (s *loginSystem) rotateBankKey() {
	key := cloud.NewKey()
	s.Vault.Set(cloud.BankKey, key)
	s.Bank.SetKeys(redacted.New(key))
	s.guardKey("key of the Login API", key)
}

// bankSecret is how the bank's own stand-in spells tokens of every kind.
var bankSecret = regexp.MustCompile(`bank-(token|refresh|polling)-([A-Z0-9]{26})`)

// overhear lets the bank answer, and notes what it was sent and what it hands out.
func (s *loginSystem) overhear(w http.ResponseWriter, r *http.Request, bank http.Handler) {
	s.mu.Lock()
	within := s.within
	s.paths = append(s.paths, r.URL.EscapedPath())
	s.mu.Unlock()
	if within != nil {
		within(r)
	}
	answer := httptest.NewRecorder()
	bank.ServeHTTP(answer, r)
	for _, found := range bankSecret.FindAllStringSubmatch(answer.Body.String(), -1) {
		s.guard("bank's "+found[1], found[2])
		s.mu.Lock()
		s.secrets = append(s.secrets, found[2])
		s.mu.Unlock()
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// handedOut are all tokens of the bank, without what each kind begins with.
func (s *loginSystem) handedOut() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.secrets)
}

// reached are the paths of all calls that came to the bank's host.
func (s *loginSystem) reached() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

// meanwhile sets what happens while the bank serves a call.
func (s *loginSystem) meanwhile(within func(*http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.within = within
}

// botToken is what Entra ID gives the assistant's bot.
func (s *loginSystem) botToken(t *testing.T, changes ...func(*entra.Draft)) string {
	t.Helper()
	token, err := s.Desk.Tenant.AppToken(s.Desk.API.ClientID, s.Desk.Bot, changes...)
	if err != nil {
		t.Fatal(err)
	}
	s.guard("bot's access token", token.Reveal())
	return token.Reveal()
}

// bot is the assistant's bot in one conversation. It may move to another instance.
type bot struct {
	*app

	system       *loginSystem
	bearer       string
	conversation string

	login    string    // the sealed handle
	token    string    // the sealed token
	pollNext time.Time // not before then
	answers  []answer
}

func (s *loginSystem) newBot(t *testing.T, at *app, conversation string) *bot {
	t.Helper()
	return &bot{app: at, system: s, bearer: s.botToken(t), conversation: conversation}
}

// loginRequest is a call of the broker.
func (b *bot) loginRequest(action string, members map[string]string) request {
	body := map[string]string{"conversationId": b.conversation}
	for name, value := range members {
		body[name] = value
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings are always JSON
	}
	return request{
		path: "/api/login/" + assistant + "/" + action, body: string(encoded),
		header: map[string]string{"Origin": "", "Authorization": "Bearer " + b.bearer, "Content-Type": "application/json"},
	}
}

func (b *bot) backendRequest(method, path string) request {
	return request{method: method, path: "/api/backend/" + assistant + "/" + path, header: map[string]string{
		"Origin": "", "Authorization": "Bearer " + b.bearer, "X-Login-Token": b.token, "X-Conversation-Id": b.conversation,
	}}
}

func (b *bot) ask(t *testing.T, r request) answer {
	t.Helper()
	got := b.call(t, r)
	b.answers = append(b.answers, got)
	return got
}

// saidOfLogin is an answer of the broker.
type saidOfLogin struct {
	Login       string
	BindingCode string
	SignInLink  string
	ExpiresIn   int `json:"expires_in"`
	Interval    int
	Status      string
	Token       string
}

// must makes a call that succeeds.
func (b *bot) must(t *testing.T, r request, status int) saidOfLogin {
	t.Helper()
	got := b.ask(t, r)
	if got.status != status {
		t.Fatalf("%s answered %d %s, want %d", r.path, got.status, got.body, status)
	}
	return b.read(t, got)
}

func (b *bot) read(t *testing.T, got answer) (said saidOfLogin) {
	t.Helper()
	if caching := got.header.Get("Cache-Control"); caching != "no-store" {
		t.Errorf("Cache-Control %q", caching)
	}
	if got.body == "" {
		return said
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil {
		t.Fatalf("reading %s: %v", got.body, err)
	}
	b.system.canaries.add("sealed login", said.Login)
	b.system.canaries.add("sealed token", said.Token)
	return said
}

const loginHint = "cleo"

func (b *bot) start(t *testing.T) saidOfLogin {
	t.Helper()
	started := b.must(t, b.loginRequest("start", map[string]string{"userId": "dl_user", "hint": loginHint, "provider": "loginapi"}), http.StatusCreated)
	if started.Login == "" || started.BindingCode == "" || started.ExpiresIn < 1 || started.Interval < 1 {
		t.Fatalf("started: %+v", started)
	}
	b.login = started.Login
	b.pollNext = time.Now().Add(time.Duration(started.Interval) * time.Second)
	return started
}

func (b *bot) pollRequest() request {
	return b.loginRequest("poll", map[string]string{"userId": "dl_user", "login": b.login})
}

// turn ends when the contract lets a bot poll.
func (b *bot) turn(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(time.Until(b.pollNext)):
	case <-t.Context().Done():
		t.Fatal("the test ended")
	}
}

// poll polls in its turn.
func (b *bot) poll(t *testing.T, status string) saidOfLogin {
	t.Helper()
	b.turn(t)
	said := b.must(t, b.pollRequest(), http.StatusOK)
	b.pollNext = time.Now().Add(time.Duration(said.Interval) * time.Second)
	if said.Status != status || (said.Token != "") != (status == "approved") {
		t.Fatalf("the login is %q (a token: %t), want %q", said.Status, said.Token != "", status)
	}
	if said.Token != "" {
		b.token = said.Token
	}
	return said
}

// decide presses a button on the user's phone, for the prompt with the code.
func (s *loginSystem) decide(t *testing.T, code string, accept bool) {
	t.Helper()
	for _, each := range s.Bank.Prompts() {
		if each.BindingCode == code {
			if err := s.Bank.Decide(each.ID, accept); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("the phone shows no prompt with the code %s", code)
}

// logIn is a whole login.
func (b *bot) logIn(t *testing.T) {
	t.Helper()
	b.system.decide(t, b.start(t).BindingCode, true)
	b.poll(t, "approved")
}

func (b *bot) balance(t *testing.T) {
	t.Helper()
	got := b.ask(t, b.backendRequest(http.MethodGet, "balance"))
	if got.status != http.StatusOK || !strings.Contains(got.body, `"balance":"7.50"`) {
		t.Fatalf("the balance: %d %s", got.status, got.body)
	}
}

func (b *bot) tokenRequest(action string) request {
	return b.loginRequest(action, map[string]string{"token": b.token})
}

func (b *bot) refresh(t *testing.T) {
	t.Helper()
	before := b.token
	b.token = b.must(t, b.tokenRequest("refresh"), http.StatusOK).Token
	if b.token == "" || b.token == before {
		t.Fatal("the refresh gave no new token")
	}
}

func (b *bot) signOut(t *testing.T) {
	t.Helper()
	b.must(t, b.tokenRequest("signout"), http.StatusNoContent)
}

// keyVersion is the version of the key that something is sealed with.
func keyVersion(t *testing.T, sealed string) string {
	t.Helper()
	head, _, _ := strings.Cut(sealed, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(head)
	var header struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(decoded, &header)
	}
	if err != nil || header.Kid == "" {
		t.Fatalf("what is sealed names no key: %v", err)
	}
	return header.Kid
}

// checkSecrecy looks for what nobody may read in tables and answers; the logs are
// looked at whenever a handler ends.
func (s *loginSystem) checkSecrecy(t *testing.T, bots ...*bot) {
	t.Helper()
	if len(s.handedOut()) == 0 {
		t.Error("the bank handed nothing out")
	}
	if found := s.canaries.foundIn(s.Tables.dump(t)); len(found) > 0 {
		t.Errorf("the tables hold %v", found)
	}
	for _, b := range bots {
		for _, got := range b.answers {
			if found := s.plain.foundIn(got.body + headerText(got.header)); len(found) > 0 {
				t.Errorf("an answer of status %d holds %v", got.status, found)
			}
		}
	}
}
