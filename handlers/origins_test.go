package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"chatgate/handlers"
)

func TestOrigins(t *testing.T) {
	native := func(c *handlers.Config) { c.Assistants[0].AllowNoOrigin = true }
	for name, test := range map[string]struct {
		method  string
		origins []string
		change  func(*handlers.Config)
		status  int
		code    string
		echoed  string
	}{
		"a page that may":                    {"POST", []string{origin}, nil, 200, "", origin},
		"a stranger":                         {"POST", []string{foreign}, nil, 403, "origin_not_allowed", ""},
		"null is a stranger":                 {"POST", []string{"null"}, nil, 403, "origin_not_allowed", ""},
		"a subdomain is a stranger":          {"POST", []string{"https://a.www.bankx.example"}, nil, 403, "origin_not_allowed", ""},
		"a suffix is a stranger":             {"POST", []string{origin + ".evil.example"}, nil, 403, "origin_not_allowed", ""},
		"http is a stranger":                 {"POST", []string{"http://www.bankx.example"}, nil, 403, "origin_not_allowed", ""},
		"another port is a stranger":         {"POST", []string{origin + ":8443"}, nil, 403, "origin_not_allowed", ""},
		"two origins are a stranger":         {"POST", []string{origin, foreign}, nil, 403, "origin_not_allowed", ""},
		"none":                               {"POST", nil, nil, 403, "origin_required", ""},
		"none, for native apps":              {"POST", nil, native, 200, "", ""},
		"a stranger, for native apps too":    {"POST", []string{foreign}, native, 403, "origin_not_allowed", ""},
		"an empty origin is not none":        {"POST", []string{""}, native, 403, "origin_not_allowed", ""},
		"a preflight":                        {"OPTIONS", []string{origin}, nil, 204, "", origin},
		"a stranger's preflight":             {"OPTIONS", []string{foreign}, nil, 403, "origin_not_allowed", ""},
		"OPTIONS that is no preflight":       {"OPTIONS", nil, nil, 405, "method_not_allowed", ""},
		"GET, refused readably for a page":   {"GET", []string{origin}, nil, 405, "method_not_allowed", origin},
		"GET, refused to a stranger as well": {"GET", []string{foreign}, nil, 405, "method_not_allowed", ""},
	} {
		for _, function := range []string{"GetNewToken", "RefreshToken"} {
			t.Run(name+"/"+function, func(t *testing.T) {
				w := start(t, test.change)
				request := w.request(t, test.method, "/api/"+function, "")
				request.Header["Origin"] = test.origins
				response, body := send(t, request)
				if response.StatusCode != test.status {
					t.Fatalf("%d %s, want %d", response.StatusCode, body, test.status)
				}
				if test.code != "" && codeOf(t, body) != test.code {
					t.Errorf("code %s, want %s", codeOf(t, body), test.code)
				}
				if got := response.Header.Get("Access-Control-Allow-Origin"); got != test.echoed {
					t.Errorf("Access-Control-Allow-Origin: %q, want %q", got, test.echoed)
				}
				if got := response.Header.Get("Vary"); got != "Origin" {
					t.Errorf("Vary: %q, want Origin", got)
				}
				if response.StatusCode == http.StatusMethodNotAllowed && response.Header.Get("Allow") != "POST, OPTIONS" {
					t.Errorf("Allow: %q", response.Header.Get("Allow"))
				}
			})
		}
	}
}

func TestPreflightAllowsWhatTheClientLibrarySends(t *testing.T) {
	w := start(t, nil)
	response, body := send(t, w.request(t, http.MethodOptions, "/api/GetNewToken", "", "Origin", origin, "Access-Control-Request-Method", "POST"))
	if len(body) > 0 {
		t.Errorf("a 204 with a body: %s", body)
	}
	allowed := strings.ToLower(response.Header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"authorization", "content-type", "x-requested-with", "x-ms-bot-agent"} {
		if !strings.Contains(allowed, name) {
			t.Errorf("%s is not allowed in %q", name, allowed)
		}
	}
	if got := response.Header.Get("Access-Control-Allow-Methods"); got != "POST" {
		t.Errorf("Access-Control-Allow-Methods: %q", got)
	}
	stranger, _ := send(t, w.request(t, http.MethodOptions, "/api/GetNewToken", "", "Origin", foreign))
	for name := range stranger.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a stranger's preflight is answered with %s", name)
		}
	}
}
