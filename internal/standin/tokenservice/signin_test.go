package tokenservice_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/login"
	"chatgate/internal/redacted"
	"chatgate/internal/standin/tokenservice"
)

// asWebChat adds the session's id to a link as Web Chat 4 does; asClient as a
// client of one's own may.
func asWebChat(link, session string) string {
	return link + url.QueryEscape("&code_challenge="+session)
}

func asClient(link, session string) string {
	return link + "&code_challenge=" + session
}

func TestTheSameBrowserSessionCompletesWithoutACode(t *testing.T) {
	for name, extend := range map[string]func(link, session string) string{"Web Chat": asWebChat, "a client of one's own": asClient} {
		t.Run(name, func(t *testing.T) {
			w := open(t, tokenservice.Options{})
			browser := w.browser()
			begun := w.link()
			if got := w.poll(""); got.Decision != login.DecisionPending {
				t.Errorf("before: %v", got.Decision)
			}
			response, page := browser.signIn(extend(begun.SignInLink, browser.session()), "ada")
			if response.StatusCode != http.StatusOK || !strings.Contains(page, "You are now signed in and can close this window.") || codeOn(page) != "" {
				t.Errorf("%d %s", response.StatusCode, page)
			}
			got := w.poll("")
			if got.Decision != login.DecisionApproved || !bytes.HasPrefix(got.Token, []byte(tokenservice.TokenPrefix)) || got.ExpiresIn != time.Hour {
				t.Errorf("after: %+v", got)
			}
			if len(w.bot.events) != 1 {
				t.Fatalf("the bot got %d events", len(w.bot.events))
			}
			event := w.bot.events[0]
			want := map[string]any{"channelId": "directline", "connectionName": "bank", "token": string(got.Token)}
			if diff := cmp.Diff(want, event["value"]); diff != "" || event["name"] != "tokens/response" ||
				event["from"].(map[string]any)["id"] != user || event["conversation"].(map[string]any)["id"] != w.conversation {
				t.Errorf("event %v (-want +got):\n%s", event, diff)
			}
		})
	}
}

func TestAnyOtherBrowserMustBringTheCode(t *testing.T) {
	for name, link := range map[string]func(w *world, link string) (*visitor, string){
		"no session at all": func(w *world, link string) (*visitor, string) { return w.browser(), link },
		// getsessionid failed, and Web Chat adds an empty id.
		"an empty session id": func(w *world, link string) (*visitor, string) { return w.browser(), asWebChat(link, "") },
		// The attack: somebody sends the link of their own chat to somebody else.
		"a link of another browser": func(w *world, link string) (*visitor, string) {
			session := w.browser().session()
			return w.browser(), asWebChat(link, session)
		},
		"a link of another browser, opened by one with a session": func(w *world, link string) (*visitor, string) {
			victim := w.browser()
			victim.session()
			return victim, asWebChat(link, w.browser().session())
		},
		"a session without its id in the link": func(w *world, link string) (*visitor, string) {
			browser := w.browser()
			browser.session()
			return browser, link
		},
		"the cookie in place of the id": func(w *world, link string) (*visitor, string) {
			browser := w.browser()
			browser.session()
			at, _ := url.Parse(link)
			return browser, asWebChat(link, browser.client.Jar.Cookies(at)[0].Value)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, tokenservice.Options{})
			browser, address := link(w, w.link().SignInLink)
			_, page := browser.signIn(address, "ada")
			code := codeOn(page)
			if code == "" || strings.Contains(page, "now signed in") {
				t.Fatalf("there is no code on the page:\n%s", page)
			}
			wrong := "000000"
			if code == wrong {
				wrong = "000001"
			}
			for _, tried := range []string{"", wrong} {
				if got := w.poll(tried); got.Decision != login.DecisionPending {
					t.Errorf("with code %q: %v", tried, got.Decision)
				}
			}
			if len(w.bot.events) != 0 {
				t.Error("the bot was given the token")
			}
			if got := w.poll(" " + code + " "); got.Decision != login.DecisionApproved {
				t.Errorf("with the code: %v", got.Decision)
			}
			if got := w.poll(""); got.Decision != login.DecisionApproved {
				t.Errorf("later, without it: %v", got.Decision)
			}
		})
	}
}

func TestACodeIsOneUsersAndTheNewest(t *testing.T) {
	w := open(t, tokenservice.Options{})
	_, page := w.browser().signIn(w.link().SignInLink, "ada")
	first := codeOn(page)
	query := url.Values{"userId": {"dl_eve"}, "connectionName": {"bank"}, "channelId": {"directline"}, "code": {first}}
	if status, _ := w.call("GET", "/api/usertoken/GetToken", query); status != http.StatusNotFound {
		t.Errorf("for another user: %d", status)
	}
	_, page = w.browser().signIn(w.link().SignInLink, "bo")
	if second := codeOn(page); second != first {
		if got := w.poll(first); got.Decision != login.DecisionPending {
			t.Errorf("the older code: %v", got.Decision)
		}
	}
	w.clock.Advance(10 * time.Minute)
	if got := w.poll(codeOn(page)); got.Decision != login.DecisionPending {
		t.Errorf("too late: %v", got.Decision)
	}
}

// Otherwise whoever typed a code once could bring the older account back.
func TestANewerSignInIsNotUndoneByAnOlderCode(t *testing.T) {
	for name, typed := range map[string]bool{"a used code": true, "a code that nobody typed": false} {
		w := open(t, tokenservice.Options{})
		_, page := w.browser().signIn(w.link().SignInLink, "ada")
		if typed && w.poll(codeOn(page)).Decision != login.DecisionApproved {
			t.Errorf("%s: it is not taken", name)
		}
		browser := w.browser()
		browser.signIn(asWebChat(w.link().SignInLink, browser.session()), "bo")
		want := string(w.poll("").Token)
		if got := w.poll(codeOn(page)); string(got.Token) != want {
			t.Errorf("%s: it gives the older token", name)
		}
	}
}

func TestALinkIsGoodForOnceAndForTenMinutes(t *testing.T) {
	w := open(t, tokenservice.Options{})
	used, late := w.link().SignInLink, w.link().SignInLink
	if response, page := w.browser().signIn(used, "ada"); response.StatusCode != http.StatusOK {
		t.Fatal(page)
	}
	w.clock.Advance(10 * time.Minute)
	for name, link := range map[string]string{
		"used": used, "late": late, "made up": "https://token.botframework.com/api/oauth/signin?signin=x", "none": "https://token.botframework.com/api/oauth/signin",
	} {
		if response, page := w.browser().signIn(link, "ada"); response.StatusCode != http.StatusBadRequest || !strings.Contains(page, "new one") {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
	// Both forms were open before either was sent.
	link := w.link().SignInLink
	browser := w.browser()
	id := link[strings.LastIndexByte(link, '=')+1:]
	for n, want := range []int{http.StatusOK, http.StatusBadRequest} {
		response, _ := browser.do("POST", "https://token.botframework.com/api/oauth/PostSignInCallback",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, url.Values{"signin": {id}, "account": {"ada"}}.Encode())
		if response.StatusCode != want {
			t.Errorf("form %d: %d, want %d", n, response.StatusCode, want)
		}
	}
}

func TestWhatAFormMayNot(t *testing.T) {
	w := open(t, tokenservice.Options{})
	link := w.link().SignInLink
	id := link[strings.LastIndexByte(link, '=')+1:]
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	foreign := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	for name, test := range map[string]struct {
		header http.Header
		body   string
		want   int
	}{
		"come from another site": {foreign, "account=ada&signin=" + id, http.StatusForbidden},
		"name nobody":            {form, "account=eve&signin=" + id, http.StatusBadRequest},
		"be unreadable":          {form, "%zz", http.StatusBadRequest},
		"be endless":             {form, "account=ada&x=" + strings.Repeat("x", 17<<10), http.StatusBadRequest},
	} {
		if response, _ := w.browser().do("POST", "https://token.botframework.com/api/oauth/PostSignInCallback", test.header, test.body); response.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, test.want)
		}
	}
	if response, _ := w.browser().signIn(link, "ada"); response.StatusCode != http.StatusOK {
		t.Errorf("the link was used up: %d", response.StatusCode)
	}
}

func TestTheSignInEndsWhereTheBotSays(t *testing.T) {
	w := open(t, tokenservice.Options{})
	state, browser := stateOf(w), w.browser()
	session := browser.session()
	query := url.Values{"state": {state}, "code_challenge": {session}, "finalRedirect": {"https://shop.example/done"}}
	status, answer := w.call("GET", "/api/botsignin/GetSignInResource", query)
	if status != http.StatusOK {
		t.Fatal(status, answer)
	}
	link, _ := answer.(map[string]any)["signInLink"].(string)
	response, page := browser.do("GET", link, nil, "")
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://shop.example;") {
		t.Errorf("browsers do not follow the redirect: %s, %s", policy, page)
	}
	if response, _ := browser.signIn(link, "ada"); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "https://shop.example/done" {
		t.Errorf("%d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	if got := w.poll(""); got.Decision != login.DecisionApproved {
		t.Errorf("the session id that the bot gave does not count: %v", got.Decision)
	}
}

func TestABotThatIsAwayDoesNotSpoilTheSignIn(t *testing.T) {
	w := open(t, tokenservice.Options{})
	w.bot.fail = errors.New("away")
	browser := w.browser()
	if _, page := browser.signIn(asWebChat(w.link().SignInLink, browser.session()), "ada"); !strings.Contains(page, "now signed in") {
		t.Error(page)
	}
	if got := w.poll(""); got.Decision != login.DecisionApproved {
		t.Errorf("%v", got.Decision)
	}
}

func TestAConnectionThatGivesNoToken(t *testing.T) {
	w := open(t, tokenservice.Options{Issue: func(string, string) (redacted.Text, time.Time, error) {
		return redacted.Text{}, time.Time{}, errors.New("canary")
	}})
	response, page := w.browser().signIn(w.link().SignInLink, "ada")
	if response.StatusCode != http.StatusBadGateway || strings.Contains(page, "canary") {
		t.Errorf("%d %s", response.StatusCode, page)
	}
}

func TestThePagesKeepToTheirPolicy(t *testing.T) {
	w := open(t, tokenservice.Options{})
	response, page := w.browser().do("GET", w.link().SignInLink, nil, "")
	policy := response.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
	for _, part := range []string{"<script", "onclick", "style="} {
		if strings.Contains(page, part) {
			t.Errorf("the page has %s", part)
		}
	}
	if response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", response.Header)
	}
	evil := asClient(w.link().SignInLink, url.QueryEscape(`"><img src=x>`))
	if _, page := w.browser().do("GET", evil, nil, ""); strings.Contains(page, "<img") {
		t.Errorf("the page holds what the link says:\n%s", page)
	}
}
