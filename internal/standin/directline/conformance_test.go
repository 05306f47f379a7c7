package directline_test

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/standin/directline"
)

// conformance passes calls on and checks each answer against the swagger.
type conformance struct {
	t       *testing.T
	site    http.Handler
	swagger *swagger

	mu   sync.Mutex
	off  bool
	seen map[string]map[int]bool
}

func newConformance(t *testing.T, site http.Handler) *conformance {
	t.Helper()
	return &conformance{t: t, site: site, swagger: loadSwagger(t), seen: map[string]map[int]bool{}}
}

// stop is for tests of answers that are wrong on purpose.
func (c *conformance) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
}

func (c *conformance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isStream := strings.HasSuffix(r.URL.Path, "/stream") // needs the connection itself
	c.mu.Lock()
	off := c.off || isStream || r.Method == http.MethodOptions
	c.mu.Unlock()
	if off {
		c.site.ServeHTTP(w, r)
		return
	}
	copied := &recorder{ResponseWriter: w, status: http.StatusOK}
	c.site.ServeHTTP(copied, r)
	operation, err := c.swagger.checkAnswer(r.Method, prefix+r.URL.Path, copied.status, copied.body.Bytes())
	if err != nil {
		c.t.Errorf("%s %s answered %d %s: %v", r.Method, r.URL.Path, copied.status, copied.body.Bytes(), err)
	}
	c.note(operation, copied.status)
}

func (c *conformance) note(operation string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[operation] == nil {
		c.seen[operation] = map[int]bool{}
	}
	c.seen[operation][status] = true
}

// checkFrame checks a frame of a stream.
func (c *conformance) checkFrame(frame []byte) {
	c.t.Helper()
	if err := c.swagger.checkJSON(schema{Ref: "#/definitions/ActivitySet"}, frame); err != nil {
		c.t.Errorf("frame %s: %v", frame, err)
	}
}

// recorder copies an answer.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// TestEveryAnswerFitsTheSwagger drives each operation into each answer that it
// has; the check itself is in the harness and covers all other tests too.
func TestEveryAnswerFitsTheSwagger(t *testing.T) {
	site := newSite(t, nil)
	const origin = "https://shop.example"
	token, conversation := site.generate("dl_ada", origin)
	other, _ := site.generate("dl_eve")
	site.post("/conversations", token, nil)
	operations := map[string]call{
		"Tokens_GenerateTokenForNewConversation": {method: "POST", path: "/tokens/generate", auth: site.secret()},
		"Tokens_RefreshToken":                    {method: "POST", path: "/tokens/refresh", auth: token},
		"Conversations_StartConversation":        {method: "POST", path: "/conversations", auth: token},
		"Conversations_ReconnectToConversation":  {method: "GET", path: "/conversations/" + conversation, auth: token},
		"Conversations_GetActivities":            {method: "GET", path: "/conversations/" + conversation + "/activities", auth: token},
		"Conversations_PostActivity": {method: "POST", path: "/conversations/" + conversation + "/activities", auth: token,
			body: map[string]any{"type": "message", "text": "hi", "channelData": map[string]any{"clientActivityID": "1"}}},
		"Conversations_Upload": {method: "POST", path: "/conversations/" + conversation + "/upload?userId=ada", auth: token,
			body: "picture", header: http.Header{"Content-Type": {"image/png"}}},
		"Session_GetSessionId": {method: "GET", path: "/session/getsessionid", auth: token, header: http.Header{"Origin": {origin}}},
	}
	for name, good := range operations {
		bad := good
		bad.body, bad.path = "{", strings.Replace(good.path, "?", "?watermark=x&", 1)
		if good.method == "GET" {
			bad.path += "?watermark=x"
		}
		stranger, foreign, lost := good, good, good
		stranger.auth, foreign.auth = "", other
		lost.auth, lost.path = site.secret(), strings.Replace(good.path, conversation, "lost", 1)
		for _, variant := range []call{good, bad, stranger, foreign, lost} {
			site.do(variant)
		}
		lift := site.Fail(directline.Any, 1, directline.Throttle(time.Second))
		site.do(good)
		lift()
		site.Fail(directline.Any, 1, directline.Refuse(http.StatusInternalServerError, "ServiceError", "Service error"))
		site.do(good)
		if site.seen.seen[name] == nil {
			t.Errorf("%s was not seen", name)
		}
	}
	want := map[string][]int{
		"Tokens_GenerateTokenForNewConversation": {200, 400, 401, 403, 429, 500},
		"Tokens_RefreshToken":                    {200, 401, 429, 500},
		"Conversations_StartConversation":        {200, 201, 400, 401, 429, 500},
		"Conversations_ReconnectToConversation":  {200, 400, 401, 403, 404, 429, 500},
		"Conversations_GetActivities":            {200, 400, 401, 403, 404, 429, 500},
		"Conversations_PostActivity":             {200, 400, 401, 403, 404, 429, 500},
		"Conversations_Upload":                   {200, 401, 403, 404, 429, 500},
		"Session_GetSessionId":                   {200, 401, 403, 429, 500},
	}
	for name, statuses := range want {
		for _, status := range statuses {
			if !site.seen.seen[name][status] {
				t.Errorf("%s never answered %d here, only %v", name, status, slices.Sorted(maps.Keys(site.seen.seen[name])))
			}
		}
	}
}

// TestTheCheckItselfRefuses keeps the check from passing everything.
func TestTheCheckItselfRefuses(t *testing.T) {
	described := loadSwagger(t)
	const activities = "/v3/directline/conversations/c/activities"
	for name, wrong := range map[string]struct {
		method, path string
		status       int
		body         string
	}{
		"undeclared status":   {"GET", activities, 502, `{"error":{"code":"a","message":"b"}}`},
		"not JSON":            {"GET", activities, 200, `<html>`},
		"no activities":       {"GET", activities, 200, `{"watermark":"1"}`},
		"activities null":     {"GET", activities, 200, `{"activities":null,"watermark":"1"}`},
		"watermark a number":  {"GET", activities, 200, `{"activities":[],"watermark":1}`},
		"activity without id": {"GET", activities, 200, `{"activities":[{"type":"message"}],"watermark":"1"}`},
		"bad time":            {"GET", activities, 200, `{"activities":[{"type":"m","id":"1","timestamp":"noon","channelId":"d","from":{},"conversation":{}}],"watermark":"1"}`},
		"expires_in a string": {"POST", "/v3/directline/tokens/generate", 200, `{"conversationId":"c","token":"t","expires_in":"3600"}`},
		"unknown member":      {"POST", "/v3/directline/tokens/generate", 200, `{"conversationId":"c","token":"t","expires_in":1,"extra":1}`},
		"error without code":  {"POST", "/v3/directline/tokens/generate", 403, `{"error":{"message":"b"}}`},
		"error as a string":   {"POST", "/v3/directline/tokens/generate", 403, `{"error":"no"}`},
	} {
		operation, err := described.checkAnswer(wrong.method, wrong.path, wrong.status, []byte(wrong.body))
		if err == nil || operation == "" {
			t.Errorf("%s: operation %q passed", name, operation)
		}
	}
}
