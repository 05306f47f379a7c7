package directline_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/directline"
	"chatgate/internal/testclock"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// signingKey is made once: making a key is the slow part of a new site.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// prefix is where the tests mount the site.
const prefix = "/v3/directline"

// fakeBot notes what it receives, and answers or fails as told.
type fakeBot struct {
	mu       sync.Mutex
	received []map[string]any
	answer   func(ctx context.Context, activity map[string]any) error
}

func (b *fakeBot) Receive(ctx context.Context, raw json.RawMessage) error {
	var activity map[string]any
	if err := json.Unmarshal(raw, &activity); err != nil {
		return err
	}
	b.mu.Lock()
	b.received = append(b.received, activity)
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		return answer(ctx, activity)
	}
	return nil
}

func (b *fakeBot) Received(kind string) []map[string]any {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.received), func(a map[string]any) bool { return kind != "" && a["type"] != kind })
}

// site is a running stand-in whose every answer is checked against the swagger.
type site struct {
	*directline.Server
	t     *testing.T
	bot   *fakeBot
	clock *testclock.Clock
	url   string
	seen  *conformance
}

func newSite(t *testing.T, options *directline.Options) *site {
	t.Helper()
	if options == nil {
		options = &directline.Options{}
	}
	made := &site{t: t, bot: &fakeBot{}, clock: testclock.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))}
	options.Now = made.clock.Now
	if options.SigningKey == nil {
		options.SigningKey = signingKey()
	}
	server, err := directline.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server.Connect(made.bot)
	made.Server = server
	made.seen = newConformance(t, server)
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, made.seen))
	listening := httptest.NewServer(mux)
	t.Cleanup(listening.Close)
	t.Cleanup(server.Close)
	made.url = listening.URL + prefix
	return made
}

// call is one request.
type call struct {
	method string // GET without a body, POST with one or for a POST path
	path   string
	auth   string // secret or token
	body   any    // string and []byte as they are, else JSON
	header http.Header
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// errorCode is error.code of the answer.
func (a answer) errorCode() string {
	detail, _ := a.body["error"].(map[string]any)
	code, _ := detail["code"].(string)
	return code
}

func (a answer) activities() []map[string]any {
	var found []map[string]any
	list, _ := a.body["activities"].([]any)
	for _, each := range list {
		activity, _ := each.(map[string]any)
		found = append(found, activity)
	}
	return found
}

func (s *site) do(c call) answer {
	s.t.Helper()
	got, err := s.try(c)
	if err != nil {
		s.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	return got
}

func (s *site) try(c call) (answer, error) {
	s.t.Helper()
	var body io.Reader = http.NoBody
	switch given := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(given)
	case []byte:
		body = bytes.NewReader(given)
	default:
		encoded, err := json.Marshal(given)
		if err != nil {
			s.t.Fatal(err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), c.method, s.url+c.path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if c.header != nil {
		request.Header = c.header.Clone()
	}
	if c.auth != "" {
		request.Header.Set("Authorization", "Bearer "+c.auth)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	got := answer{status: response.StatusCode, header: response.Header, raw: raw}
	_ = json.Unmarshal(raw, &got.body) // not every answer is an object
	return got, err
}

func (s *site) get(path, auth string) answer {
	s.t.Helper()
	return s.do(call{method: http.MethodGet, path: path, auth: auth})
}

func (s *site) post(path, auth string, body any) answer {
	s.t.Helper()
	return s.do(call{method: http.MethodPost, path: path, auth: auth, body: body})
}

func (s *site) secret() string {
	return s.Secret(directline.Key1).Reveal()
}

// generate mints a token for a user, who may be nobody.
func (s *site) generate(user string, origins ...string) (token, conversation string) {
	s.t.Helper()
	got := s.post("/tokens/generate", s.secret(), map[string]any{"user": map[string]any{"id": user}, "trustedOrigins": origins})
	if got.status != http.StatusOK {
		s.t.Fatalf("generate = %d %s", got.status, got.raw)
	}
	return got.text("token"), got.text("conversationId")
}

// start begins a conversation of a user.
func (s *site) start(user string) (token, conversation, streamURL string) {
	s.t.Helper()
	token, conversation = s.generate(user)
	got := s.post("/conversations", token, nil)
	if got.status != http.StatusCreated {
		s.t.Fatalf("start = %d %s", got.status, got.raw)
	}
	return got.text("token"), conversation, got.text("streamUrl")
}

// say posts a message of a user.
func (s *site) say(conversation, token, text string) string {
	s.t.Helper()
	got := s.post("/conversations/"+conversation+"/activities", token,
		map[string]any{"type": "message", "from": map[string]any{"id": "ada"}, "text": text})
	if got.status != http.StatusOK {
		s.t.Fatalf("posting %q = %d %s", text, got.status, got.raw)
	}
	return got.text("id")
}

// saying is an activity in short.
func saying(activity map[string]any) string {
	if text, ok := activity["text"].(string); ok {
		return text
	}
	kind, _ := activity["type"].(string)
	return kind
}

func secretOf(text string) redacted.Text {
	return redacted.New(text)
}
