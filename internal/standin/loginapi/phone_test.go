package loginapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"chatgate/internal/login"
	"chatgate/internal/standin/loginapi"
)

const phonePath = "/local/phone"

// phone is the page as a browser gets it.
type phone struct {
	t      *testing.T
	bank   *world
	server *httptest.Server
}

func openPhone(t *testing.T) *phone {
	t.Helper()
	bank := open(t, loginapi.Options{})
	server := httptest.NewServer(bank.Phone(phonePath))
	t.Cleanup(server.Close)
	return &phone{t, bank, server}
}

func (p *phone) do(method, path string, form url.Values, header http.Header) *http.Response {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (p *phone) page() string {
	p.t.Helper()
	response := p.do(http.MethodGet, phonePath, nil, nil)
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("%d, %v", response.StatusCode, err)
	}
	return string(text)
}

// press fills in the form of the page.
func (p *phone) press(decision string, header http.Header) *http.Response {
	p.t.Helper()
	found := regexp.MustCompile(`name="prompt" value="([^"]+)"`).FindStringSubmatch(p.page())
	if found == nil {
		p.t.Fatal("the page has no form")
	}
	return p.do(http.MethodPost, phonePath, url.Values{"prompt": {found[1]}, "decision": {decision}}, header)
}

func TestThePhoneAsksAndTakesTheAnswer(t *testing.T) {
	for decision, want := range map[string]login.Decision{"accept": login.DecisionApproved, "deny": login.DecisionDenied} {
		p := openPhone(t)
		if page := p.page(); !strings.Contains(page, "Nothing waits") || strings.Contains(page, "<form") {
			t.Errorf("at first:\n%s", page)
		}
		polling := p.bank.start("bo")
		page := p.page()
		for _, part := range []string{"KX7-4PQ", "Bo Nilsson", "Demo Bank’s chat assistant", "1 login waits", ">Accept<", ">Deny<", "Only", "(1) Your phone"} {
			if !strings.Contains(strings.ToLower(page), strings.ToLower(part)) {
				t.Errorf("the page lacks %q:\n%s", part, page)
			}
		}
		if strings.Contains(page, string(polling)) {
			t.Error("the page tells the polling token")
		}
		response := p.press(decision, nil)
		if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != phonePath {
			t.Errorf("%s = %d to %q", decision, response.StatusCode, response.Header.Get("Location"))
		}
		if got := p.bank.poll(polling); got.Decision != want {
			t.Errorf("%s: %v", decision, got.Decision)
		}
		if page := p.page(); strings.Contains(page, "<form") || !strings.Contains(page, map[string]string{"accept": "Accepted", "deny": "Denied"}[decision]) {
			t.Errorf("after it:\n%s", page)
		}
	}
}

func TestExpiredPromptsVanish(t *testing.T) {
	p := openPhone(t)
	p.bank.start("")
	p.bank.clock.Advance(loginapi.DefaultPromptLife)
	if page := p.page(); strings.Contains(page, "KX7-4PQ") {
		t.Errorf("the page still shows it:\n%s", page)
	}
}

func TestNoOtherSitePressesAButton(t *testing.T) {
	for name, test := range map[string]struct {
		header http.Header
		want   int
	}{
		"the page itself":  {http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusSeeOther},
		"another site":     {http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"a neighbour":      {http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"an old browser":   {http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"a sandboxed page": {http.Header{"Origin": {"null"}}, http.StatusForbidden},
	} {
		p := openPhone(t)
		p.bank.start("")
		if got := p.press("accept", test.header).StatusCode; got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
		if decided := len(p.bank.Prompts()) == 0; decided != (test.want == http.StatusSeeOther) {
			t.Errorf("%s: decided = %t", name, decided)
		}
	}
}

func TestMalformedForms(t *testing.T) {
	p := openPhone(t)
	p.bank.start("")
	for body, want := range map[string]int{
		"":                                http.StatusBadRequest,
		"prompt=x":                        http.StatusBadRequest,
		"prompt=x&decision=maybe":         http.StatusBadRequest,
		"prompt=x&decision=accept":        http.StatusSeeOther, // it may have expired: the page comes again
		"%zz":                             http.StatusBadRequest,
		"p=" + strings.Repeat("x", 9<<10): http.StatusBadRequest,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, phonePath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		recorded := httptest.NewRecorder()
		p.bank.Phone(phonePath).ServeHTTP(recorded, r)
		if recorded.Code != want {
			t.Errorf("%.40s = %d, want %d", body, recorded.Code, want)
		}
	}
	if len(p.bank.Prompts()) != 1 {
		t.Error("one of them decided")
	}
}

// A policy that forbids inline scripts and styles is only good for a page that
// has none.
func TestThePageKeepsToItsPolicy(t *testing.T) {
	p := openPhone(t)
	p.bank.start("")
	p.bank.start("bo")
	response := p.do(http.MethodGet, phonePath, nil, nil)
	policy := response.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is not strict: %s", policy)
	}
	page := p.page()
	if found := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?: defer)?>|javascript:`).FindString(page); found != "" {
		t.Errorf("the page has %q, which its policy forbids", found)
	}
	for _, part := range []string{`<html lang=`, `role="status"`, `<noscript><meta http-equiv="refresh"`, `aria-describedby=`, `<title>(2) `} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	for _, linked := range regexp.MustCompile(`(?:href|src)="(/[^"]+)"`).FindAllStringSubmatch(page, -1) {
		file := p.do(http.MethodGet, linked[1], nil, nil)
		text, _ := io.ReadAll(file.Body)
		if file.StatusCode != http.StatusOK || len(text) == 0 || file.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s = %d, %d bytes", linked[1], file.StatusCode, len(text))
		}
	}
	ids := map[string]bool{}
	for _, id := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[id[1]] {
			t.Errorf("id %q is there twice", id[1])
		}
		ids[id[1]] = true
	}
}

// What a login API is sent comes from outside.
func TestABindingCodeIsNoMarkup(t *testing.T) {
	p := openPhone(t)
	if _, err := p.bank.client.Start(t.Context(), login.StartRequest{BindingCode: `<img src=x onerror=alert(1)>`}); err != nil {
		t.Fatal(err)
	}
	if page := p.page(); strings.Contains(page, "<img") {
		t.Errorf("the page holds what was sent:\n%s", page)
	}
}
