package directline_test

import (
	"net/http"
	"strings"
	"testing"

	"chatgate/internal/standin/directline"
)

const shop = "https://shop.example"

func (s *site) session(token, origin, cookie string) answer {
	s.t.Helper()
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	if cookie != "" {
		header.Set("Cookie", cookie)
	}
	return s.do(call{method: http.MethodGet, path: "/session/getsessionid", auth: token, header: header})
}

// Facts: 403 "Trusted Origin list is empty.", 403 not in the list, 400 without
// an Origin header.
func TestWhoGetsASessionID(t *testing.T) {
	fromToken := newSite(t, nil)
	fromPortal := newSite(t, &directline.Options{TrustedOrigins: []string{"https://portal.example"}})
	for name, test := range map[string]struct {
		site    *site
		origins []string
		origin  string
		status  int
		message string
	}{
		"origin in the token":              {fromToken, []string{shop}, shop, 200, ""},
		"empty list":                       {fromToken, nil, shop, 403, "Trusted Origin list is empty."},
		"not in the list":                  {fromToken, []string{shop}, shop + ".evil", 403, "not in"},
		"no origin":                        {fromToken, []string{shop}, "", 400, "Origin"},
		"the portal's list wins":           {fromPortal, []string{shop}, shop, 403, "not in"},
		"the portal's list without tokens": {fromPortal, nil, "https://portal.example", 200, ""},
	} {
		token, _ := test.site.generate("dl_ada", test.origins...)
		got := test.site.session(token, test.origin, "")
		if got.status != test.status || !strings.Contains(string(got.raw), test.message) {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.raw, test.status, test.message)
		}
	}
}

// A page of the stand-in's own server sends no Origin with a GET, and the browser
// vouches for it.
func TestAPageOfTheSameServerHasItsOrigin(t *testing.T) {
	site := newSite(t, nil)
	for name, test := range map[string]struct {
		trusted, fetchSite string
		status             int
	}{
		"same origin":             {"", "same-origin", 200},
		"same origin, no trust":   {shop, "same-origin", 403},
		"another of the machine":  {"", "same-site", 400},
		"a site that is no other": {"", "none", 400},
	} {
		if test.trusted == "" {
			test.trusted = strings.TrimSuffix(site.url, prefix)
		}
		token, _ := site.generate("dl_ada", test.trusted)
		got := site.do(call{method: http.MethodGet, path: "/session/getsessionid", auth: token, header: http.Header{"Sec-Fetch-Site": {test.fetchSite}}})
		if got.status != test.status {
			t.Errorf("%s: %d %s, want %d", name, got.status, got.raw, test.status)
		}
	}
}

func TestTrustedOriginsOutliveARefresh(t *testing.T) {
	site := newSite(t, nil)
	token, _ := site.generate("dl_ada", shop)
	refreshed := site.post("/tokens/refresh", token, nil).text("token")
	started := site.post("/conversations", refreshed, nil).text("token")
	if got := site.session(started, shop, ""); got.status != http.StatusOK {
		t.Errorf("session id = %d %s, want 200", got.status, got.raw)
	}
}

func TestTheSessionIsTheBrowsers(t *testing.T) {
	site := newSite(t, nil)
	token, _ := site.generate("dl_ada", shop)
	first := site.session(token, shop, "")
	cookie, attributes, _ := strings.Cut(first.header.Get("Set-Cookie"), ";")
	for _, attribute := range []string{"HttpOnly", "Secure", "SameSite=None", "Path=/"} {
		if !strings.Contains(attributes, attribute) {
			t.Errorf("the cookie lacks %s: %s", attribute, attributes)
		}
	}
	if again := site.session(token, shop, cookie); again.text("sessionId") != first.text("sessionId") {
		t.Error("the same browser got another session id")
	}
	if other := site.session(token, shop, ""); other.text("sessionId") == first.text("sessionId") {
		t.Error("another browser got the same session id")
	}
	if strings.Contains(cookie, first.text("sessionId")) {
		t.Error("the cookie tells the session id")
	}
	for _, bad := range []string{"webchat_session_v2=short", "webchat_session_v2=" + strings.Repeat("a", 26)} {
		if got := site.session(token, shop, bad); strings.HasPrefix(got.header.Get("Set-Cookie"), bad) {
			t.Errorf("a cookie of the client's own making was taken: %s", bad)
		}
	}
}

func TestCORSLetsEveryOriginInWithCredentials(t *testing.T) {
	site := newSite(t, nil)
	preflight := site.do(call{method: http.MethodOptions, path: "/conversations", header: http.Header{
		"Origin": {shop}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,x-ms-bot-agent"},
	}})
	if preflight.status != http.StatusNoContent {
		t.Errorf("preflight = %d, want 204", preflight.status)
	}
	// Facts: these four must be allowed for the client library.
	for _, name := range []string{"Authorization", "Content-Type", "X-Requested-With", "x-ms-bot-agent"} {
		if !strings.Contains(preflight.header.Get("Access-Control-Allow-Headers"), name) {
			t.Errorf("preflight does not allow %s", name)
		}
	}
	refused := site.do(call{method: http.MethodPost, path: "/conversations", header: http.Header{"Origin": {shop}}})
	for name, got := range map[string]answer{"preflight": preflight, "an error": refused} {
		if got.header.Get("Access-Control-Allow-Origin") != shop || got.header.Get("Access-Control-Allow-Credentials") != "true" || got.header.Get("Vary") != "Origin" {
			t.Errorf("CORS headers of %s: %v", name, got.header)
		}
	}
	if site.Calls(directline.Any) != 1 {
		t.Errorf("%d calls counted, want 1: preflights are none", site.Calls(directline.Any))
	}
	if plain := site.do(call{method: http.MethodPost, path: "/conversations"}); plain.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("CORS headers without an Origin")
	}
}
