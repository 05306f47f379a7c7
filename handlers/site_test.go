package handlers_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"chatgate/handlers"
	"chatgate/web"
)

func startSite(t *testing.T) *world {
	t.Helper()
	pages, err := web.Pages(web.PageOptions{
		WebChatURL:          "/local/webchat.js",
		DirectLineEndpoints: []string{"https://directline.botframework.com/v3/directline"},
		Authority:           "https://login.microsoftonline.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, func(c *handlers.Config) { c.Pages = pages })
}

func TestSite(t *testing.T) {
	w := startSite(t)
	for path, test := range map[string]struct {
		status      int
		contentType string
		holds       string
	}{
		"/api/site/widget.js":       {200, "text/javascript; charset=utf-8", "data-assistant"},
		"/API/Site/WIDGET.js":       {200, "text/javascript; charset=utf-8", "data-assistant"},
		"/api/site/widget.css":      {200, "text/css; charset=utf-8", ""},
		"/api/site/webchat.json":    {200, "application/json", "4.18.1"},
		"/api/site/chat/":           {200, "text/html; charset=utf-8", "/local/webchat.js"},
		"/api/site/chat":            {308, "", ""},
		"/api/site/chat/chat.js":    {200, "text/javascript; charset=utf-8", ""},
		"/api/site/desk/":           {200, "text/html; charset=utf-8", "desk.js"},
		"/api/site/Desk":            {308, "", ""},
		"/api/site/desk/desk.js":    {200, "text/javascript; charset=utf-8", ""},
		"/api/site/desk/desk.css":   {200, "text/css; charset=utf-8", ""},
		"/api/site/desk/icon.svg":   {200, "image/svg+xml", "<svg"},
		"/api/site/desk/msal.json":  {404, "application/problem+json", "not_found"},
		"/api/site/desk/lib":        {404, "application/problem+json", "not_found"},
		"/api/site/":                {404, "application/problem+json", "not_found"},
		"/api/site/web.go":          {404, "application/problem+json", "not_found"},
		"/api/site/chat/index.html": {404, "application/problem+json", "not_found"},
		"/api/site/../../go.mod":    {404, "application/problem+json", "not_found"},
		"/api/site/%2e%2e/main.go":  {404, "application/problem+json", "not_found"},
	} {
		t.Run(path, func(t *testing.T) {
			response, body := send(t, w.request(t, http.MethodGet, path, ""))
			if response.StatusCode != test.status || !strings.Contains(string(body), test.holds) {
				t.Errorf("%d, %.200s", response.StatusCode, body)
			}
			if test.contentType != "" && response.Header.Get("Content-Type") != test.contentType {
				t.Errorf("Content-Type: %q, want %q", response.Header.Get("Content-Type"), test.contentType)
			}
		})
	}
}

func TestTheRedirectToAFolderKeepsTheQuery(t *testing.T) {
	w := startSite(t)
	response, _ := send(t, w.request(t, http.MethodGet, "/api/site/chat?assistant=bankx", ""))
	if got := response.Header.Get("Location"); got != "/api/site/chat/?assistant=bankx" {
		t.Errorf("Location: %q", got)
	}
}

func TestScriptsAreForPagesOfEveryOrigin(t *testing.T) {
	w := startSite(t)
	response, _ := send(t, w.request(t, http.MethodGet, "/api/site/chatgate.js", "", "Origin", foreign))
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin: %q, so no page can import the module", got)
	}
	if got := response.Header.Get("Cross-Origin-Resource-Policy"); got != "cross-origin" {
		t.Errorf("Cross-Origin-Resource-Policy: %q", got)
	}
}

func TestDocumentsHaveAStrictPolicy(t *testing.T) {
	w := startSite(t)
	response, _ := send(t, w.request(t, http.MethodGet, "/api/site/chat/", ""))
	policy := response.Header.Get("Content-Security-Policy")
	scripts := ""
	for directive := range strings.SplitSeq(policy, "; ") {
		if strings.HasPrefix(directive, "script-src") {
			scripts = directive
		}
	}
	if !strings.Contains(policy, "default-src 'none'") || scripts == "" || strings.Contains(scripts, "unsafe") {
		t.Errorf("Content-Security-Policy: %s", policy)
	}
	if response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the document is readable by other origins")
	}
}

// What a message brings cannot run on the service desk's page, no window of
// another page reaches it, and no other server hears of a conversation's address.
func TestTheServiceDeskIsSealedOff(t *testing.T) {
	w := startSite(t)
	response, _ := send(t, w.request(t, http.MethodGet, "/api/site/desk/", ""))
	h := response.Header
	for name, want := range map[string]string{
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Access-Control-Allow-Origin":  "",
		"Cache-Control":                "no-cache",
		"X-Content-Type-Options":       "nosniff",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := h.Get("Content-Security-Policy")
	for _, directive := range []string{"script-src 'self'; ", "connect-src 'self' https://login.microsoftonline.com; ", "frame-ancestors 'none'; "} {
		if !strings.Contains(policy, directive) {
			t.Errorf("Content-Security-Policy: %s", policy)
		}
	}
}

func TestScriptsOfTheServiceDeskAreForItsPageOnly(t *testing.T) {
	w := startSite(t)
	response, _ := send(t, w.request(t, http.MethodGet, "/api/site/desk/api.js", "", "Origin", foreign))
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin: %q", got)
	}
	if got := response.Header.Get("Cross-Origin-Resource-Policy"); got != "same-origin" {
		t.Errorf("Cross-Origin-Resource-Policy: %q", got)
	}
}

// Its page is asked for anew each time. Old scripts would not fit a new page.
func TestTheServiceDeskIsOneVersion(t *testing.T) {
	w := startSite(t)
	for _, file := range []string{"", "desk.js", "list.css"} {
		response, _ := send(t, w.request(t, http.MethodGet, "/api/site/desk/"+file, ""))
		if got := response.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%q: Cache-Control: %q", file, got)
		}
	}
}

// startCompressed serves one file that is kept compressed.
func startCompressed(t *testing.T, content string) *world {
	t.Helper()
	var body bytes.Buffer
	writer := gzip.NewWriter(&body)
	if _, err := writer.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	page := web.Page{Path: "lib.js", ContentType: "text/javascript", Body: body.Bytes(), Compressed: true, ETag: `"tag"`}
	return start(t, func(c *handlers.Config) { c.Pages = []web.Page{page} })
}

func TestCompressedFilesAreForEverybody(t *testing.T) {
	content := strings.Repeat("msal ", 1000)
	w := startCompressed(t, content)
	for accept, compressed := range map[string]bool{
		"gzip":                          true,
		"gzip, deflate, br":             true,
		"br;q=1.0, GZIP;q=0.5":          true,
		"*":                             true,
		"x-gzip":                        true,
		"br, *;q=0.1":                   true,
		"identity":                      false,
		"gzip;q=0":                      false,
		"gzip; q=0.000":                 false,
		"*, gzip;q=0":                   false,
		"*;q=0":                         false,
		"gzipped":                       false,
		"br":                            false,
		"gzip;q=none":                   false,
		"deflate, gzip ; q=1 ,identity": true,
	} {
		// A value of one's own keeps the client from asking for gzip, and from
		// decompressing what comes.
		response, body := send(t, w.request(t, http.MethodGet, "/api/site/lib.js", "", "Accept-Encoding", accept))
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != compressed || response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding: %s: answered with %v", accept, response.Header)
		}
		if got := response.Header.Get("ETag"); (got == `"tag"`) != compressed {
			t.Errorf("Accept-Encoding: %s: ETag %s, but each form has its own", accept, got)
		}
		if compressed == (string(body) == content) {
			t.Errorf("Accept-Encoding: %s: %d bytes", accept, len(body))
		}
	}
}

func TestUnchangedFilesAreNotSentAgain(t *testing.T) {
	w := startSite(t)
	first, _ := send(t, w.request(t, http.MethodGet, "/api/site/widget.js", ""))
	second, body := send(t, w.request(t, http.MethodGet, "/api/site/widget.js", "", "If-None-Match", first.Header.Get("ETag")))
	if second.StatusCode != http.StatusNotModified || len(body) > 0 {
		t.Errorf("%d with %d bytes, want 304", second.StatusCode, len(body))
	}
}

func TestSiteIsReadOnly(t *testing.T) {
	w := startSite(t)
	response, body := w.post(t, "/api/site/widget.js", "")
	if response.StatusCode != http.StatusMethodNotAllowed || codeOf(t, body) != "method_not_allowed" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
}
