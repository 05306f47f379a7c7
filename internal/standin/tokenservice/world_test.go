package tokenservice_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"

	"chatgate/internal/login"
	"chatgate/internal/secretly"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/tokenservice"
	"chatgate/internal/testclock"
	client "chatgate/internal/tokenservice"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	shop       = "https://shop.example"
	directLine = "https://directline.botframework.com/v3/directline"
	user       = "dl_ada"
)

// tenant is made once: making a key is the slow part.
var tenant = sync.OnceValue(func() *entra.Tenant {
	made, err := entra.NewTenant(nil)
	if err != nil {
		panic(err)
	}
	return made
})

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// identity is the bot's.
type identity struct{ audience string }

func (i identity) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	audience := i.audience
	if audience == "" {
		audience = strings.TrimSuffix(options.Scopes[0], "/.default")
	}
	token, expires, err := tenant().Token(audience)
	return azcore.AccessToken{Token: token.Reveal(), ExpiresOn: expires}, err
}

// listener is the bot: it keeps the events that it gets.
type listener struct {
	mu     sync.Mutex
	events []map[string]any
	fail   error
}

func (l *listener) Receive(_ context.Context, raw json.RawMessage) error {
	var activity map[string]any
	if err := json.Unmarshal(raw, &activity); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if activity["type"] == "event" {
		l.events = append(l.events, activity)
	}
	return l.fail
}

// world is Azure Bot Service with a conversation, and Chatgate's own client of
// the Token Service.
type world struct {
	*tokenservice.Service

	t            *testing.T
	clock        *testclock.Clock
	bot          *listener
	site         *directline.Server
	server       *httptest.Server
	client       *client.Client
	token        string // of Direct Line
	conversation string
}

func open(t *testing.T, options tokenservice.Options) *world {
	t.Helper()
	w := &world{t: t, clock: testclock.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)), bot: &listener{}}
	var err error
	if w.site, err = directline.New(&directline.Options{SigningKey: signingKey()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.site.Close)
	w.site.Connect(w.bot)
	options.Now = w.clock.Now
	w.Service = tokenservice.New(tenant(), w.site, &options)
	mux := http.NewServeMux()
	mux.Handle("/v3/directline/", http.StripPrefix("/v3/directline", w.site))
	mux.Handle("/", w.Service)
	w.server = httptest.NewServer(mux)
	t.Cleanup(w.server.Close)
	w.client = w.clientOf("")
	w.converse()
	return w
}

func (w *world) clientOf(audience string) *client.Client {
	w.t.Helper()
	made, err := client.New(client.Options{
		URL: w.server.URL, BotID: "a-bot", Connections: []string{"bank", "other"}, Credential: identity{audience}, Now: w.clock.Now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// converse starts a conversation of a user with trusted origins.
func (w *world) converse() {
	w.t.Helper()
	browser := w.browser()
	var answer struct{ Token, ConversationID string }
	browser.json("POST", directLine+"/tokens/generate", w.site.Secret(directline.Key1).Reveal(),
		`{"user":{"id":"`+user+`"},"trustedOrigins":["`+shop+`"]}`, &answer)
	w.token, w.conversation = answer.Token, answer.ConversationID
	browser.json("POST", directLine+"/conversations", w.token, "", &answer)
}

func (w *world) binding() login.Binding {
	return login.Binding{Assistant: "demo", ConversationID: w.conversation, UserID: user}
}

// link asks for a sign-in link as Chatgate does.
func (w *world) link() login.Begun {
	w.t.Helper()
	begun, err := w.client.Start(w.t.Context(), login.StartRequest{Binding: w.binding(), Connection: "bank"})
	if err != nil {
		w.t.Fatal(err)
	}
	return begun
}

func (w *world) poll(code string) login.Outcome {
	w.t.Helper()
	outcome, err := w.client.Poll(w.t.Context(), login.PollRequest{
		Binding: w.binding(), Connection: "bank", Polling: secretly.Bytes("directline"), Code: code})
	if err != nil {
		w.t.Fatal(err)
	}
	return outcome
}

// call makes a call as a bot, and returns the status and the JSON.
func (w *world) call(method, path string, query url.Values) (int, any) {
	w.t.Helper()
	token, _, err := tenant().Token(tokenservice.Audience)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, answer
}

// visitor is somebody's browser: it keeps cookies by the rules of browsers, and
// finds Azure's names here.
type visitor struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return &visitor{w, &http.Client{
		Jar: jar, Transport: rerouted{transport, w.server.Listener.Addr().String()},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type rerouted struct {
	transport http.RoundTripper
	address   string
}

func (r rerouted) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := request.Clone(request.Context())
	sent.Host = request.URL.Host
	sent.URL.Scheme, sent.URL.Host = "http", r.address
	response, err := r.transport.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	response.Request = request
	return response, nil
}

func (v *visitor) do(method, address string, header http.Header, body string) (*http.Response, string) {
	v.w.t.Helper()
	request, err := http.NewRequestWithContext(v.w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		v.w.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		v.w.t.Fatal(err)
	}
	return response, string(text)
}

func (v *visitor) json(method, address, token, body string, into any) {
	v.w.t.Helper()
	response, text := v.do(method, address, http.Header{"Authorization": {"Bearer " + token}, "Origin": {shop}}, body)
	if err := json.Unmarshal([]byte(text), into); err != nil || response.StatusCode >= 300 {
		v.w.t.Fatalf("%s: %d %s", address, response.StatusCode, text)
	}
}

// session is what a page does before it opens a link.
func (v *visitor) session() string {
	v.w.t.Helper()
	var answer struct{ SessionID string }
	v.json("GET", directLine+"/session/getsessionid", v.w.token, "", &answer)
	return answer.SessionID
}

// signIn opens a link, picks an account, and returns what comes after.
func (v *visitor) signIn(link, account string) (*http.Response, string) {
	v.w.t.Helper()
	response, page := v.do("GET", link, nil, "")
	if response.StatusCode != http.StatusOK {
		return response, page
	}
	form := url.Values{"account": {account}}
	for _, field := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(field[1], strings.ReplaceAll(field[2], "&amp;", "&"))
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(page)
	to, err := response.Request.URL.Parse(action[1])
	if err != nil {
		v.w.t.Fatal(err)
	}
	return v.do("POST", to.String(), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://" + to.Host}, "Sec-Fetch-Site": {"same-origin"},
	}, form.Encode())
}

// codeOn is the code that a page shows.
func codeOn(page string) string {
	found := regexp.MustCompile(`>(\d{6})<`).FindStringSubmatch(page)
	if found == nil {
		return ""
	}
	return found[1]
}
