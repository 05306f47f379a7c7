package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"chatgate/handlers"
)

func startSite(t *testing.T) *world {
	t.Helper()
	pages, err := handlers.Pages(handlers.PageOptions{WebChatURL: "/local/webchat.js", DirectLineEndpoints: []string{"https://directline.botframework.com/v3/directline"}})
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
