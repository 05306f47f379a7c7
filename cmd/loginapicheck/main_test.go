package main

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/loginapi"
)

func TestAGoodAPIPasses(t *testing.T) {
	w := open(t, nil, nil)
	if code := w.run(); code != 0 || len(w.lines("FAIL"))+len(w.lines("WARN")) > 0 {
		t.Fatalf("code %d\n%s", code, w.out)
	}
	if passed := len(w.lines("PASS")); passed != 26 {
		t.Errorf("%d checks passed\n%s", passed, w.out)
	}
	if skipped := w.lines("skip"); len(skipped) != 1 || !strings.Contains(skipped[0], "https") {
		t.Errorf("skipped: %q", skipped)
	}
	if hasty := w.bank.Hasty(); hasty != 0 {
		t.Errorf("%d polls came too early", hasty)
	}
}

func TestAnAPIWithoutRefreshPasses(t *testing.T) {
	w := open(t, func(x *exchange) { delete(x.answer, "refreshToken") }, &loginapi.Options{WithoutRefresh: true})
	if code := w.run(); code != 0 || len(w.lines("FAIL"))+len(w.lines("WARN")) > 0 || len(w.lines("skip")) != 3 {
		t.Fatalf("code %d\n%s", code, w.out)
	}
}

func TestWithoutAPersonNothingIsDecided(t *testing.T) {
	w := open(t, nil, nil)
	w.checker.target.unattended, w.absent = true, true
	if code := w.run(); code != 0 || strings.Contains(w.out.String(), ">>>") {
		t.Fatalf("code %d\n%s", code, w.out)
	}
	for _, name := range []string{"a login starts", "a login that nobody has decided is pending", "a login that nobody decides expires"} {
		if !slices.Contains(w.lines("PASS"), "PASS  "+name) {
			t.Errorf("not checked: %s\n%s", name, w.out)
		}
	}
}

func TestWithoutAHintNobodyIsAsked(t *testing.T) {
	w := open(t, nil, nil)
	w.checker.target.hint = ""
	asked := false
	w.twist = func(*exchange) { asked = asked || len(w.bank.Prompts()) > 0 }
	if code := w.run(); code != 0 || asked || !strings.Contains(w.out.String(), "skip  logins: set HINT") {
		t.Fatalf("code %d, asked %t\n%s", code, asked, w.out)
	}
}

func TestQuickWaitsForNoExpiry(t *testing.T) {
	w := open(t, nil, nil)
	w.checker.target.quick = true
	before := w.now()
	if code := w.run(); code != 0 {
		t.Fatalf("code %d\n%s", code, w.out)
	}
	if took := w.now().Sub(before); took > 30*time.Second {
		t.Errorf("it waits %s in all", took)
	}
}

func TestNobodyAtThePhone(t *testing.T) {
	w := open(t, nil, nil)
	w.absent = true
	if code := w.run(); code != exitFailed || !strings.Contains(w.out.String(), "FAIL  a login that is denied says so: nobody decided in time") ||
		!strings.Contains(w.out.String(), "still waiting for the phone") {
		t.Fatalf("code %d\n%s", code, w.out)
	}
}

// Each twist makes one thing of a good API wrong; the line names it.
func TestAWrongAPIFails(t *testing.T) {
	first := map[string]any{}
	for name, test := range map[string]struct {
		twist func(*exchange)
		want  string
	}{
		"redirects":                 {func(x *exchange) { x.status, x.header = 302, http.Header{"Location": {"/signin"}} }, "FAIL  a polling token that nobody has is unknown: it redirects (302)"},
		"wants another key":         {func(x *exchange) { x.status = 401 }, "FAIL  a polling token that nobody has is unknown: it answers 401: the key is refused; nothing else can be tried. Set API_KEY"},
		"knows every polling token": {func(x *exchange) { settle(x, 404, 200, map[string]any{"status": pending}) }, "FAIL  a polling token that nobody has is unknown: it says pending"},
		"fails for unknown polls":   {func(x *exchange) { settle(x, 404, 500, nil) }, "FAIL  a polling token that nobody has is unknown: it answers 500"},
		"takes any key":             {func(x *exchange) { settle(x, 401, 200, map[string]any{"status": expired, "pollingToken": "p"}) }, "FAIL  a call with a wrong key is refused: startLogin answers 200"},
		"takes no key": {func(x *exchange) {
			if x.key == "" {
				settle(x, 401, 404, nil)
			}
		}, "FAIL  a call without the key is refused: startLogin answers 404"},
		"breaks over garbage": {func(x *exchange) {
			if x.garbage {
				x.status = 500
			}
		}, "FAIL  startLogin refuses what is no JSON object: half an object: it answers 500"},
		"takes garbage": {func(x *exchange) {
			if x.garbage && x.name == pollLogin {
				x.status = 200
			}
		}, "FAIL  pollLogin refuses what is no JSON object: half an object: it answers 200"},
		"starts by a link": {func(x *exchange) {
			if x.method == http.MethodGet {
				x.status = 200
			}
		}, "FAIL  nothing is answered to GET: startLogin answers 200"},
		"refreshes anything":          {func(x *exchange) { onUnknownRefresh(x, 200, map[string]any{"status": approved, "token": "t"}) }, "FAIL  a refresh token that nobody has is refused: it says approved"},
		"fails for unknown refreshes": {func(x *exchange) { onUnknownRefresh(x, 500, nil) }, "FAIL  a refresh token that nobody has is refused: it answers 500"},
		"tells who has an account": {func(x *exchange) {
			if hint, _ := x.body["hint"].(string); strings.HasPrefix(hint, "check-") && x.key == key {
				x.status = 404
			}
		}, "WARN  who has an account cannot be found out"},
		"refuses a refresh by 403":      {func(x *exchange) { onUnknownRefresh(x, 403, nil) }, "WARN  a refresh token that nobody has is refused: it answers 403"},
		"answers no object":             {func(x *exchange) { onStart(x, func() { x.answer = nil }) }, "FAIL  a login starts: there is no pollingToken"},
		"answers a number as text":      {func(x *exchange) { onStart(x, func() { x.answer["expiresIn"] = "300" }) }, "FAIL  a login starts: the answer is not one JSON object with the fields"},
		"gives a long polling token":    {func(x *exchange) { onStart(x, func() { x.answer["pollingToken"] = strings.Repeat("p", 5000) }) }, "FAIL  a login starts: pollingToken has 5000 bytes"},
		"says no expiry":                {func(x *exchange) { onStart(x, func() { delete(x.answer, "expiresIn") }) }, "FAIL  a login says how long it lives: there is no expiresIn"},
		"lives an hour":                 {func(x *exchange) { onStart(x, func() { x.answer["expiresIn"] = 3600 }) }, "FAIL  a login says how long it lives: expiresIn is 1h0m0s"},
		"lives a moment":                {func(x *exchange) { onStart(x, func() { x.answer["expiresIn"] = 5 }) }, "FAIL  a login says how long it lives: expiresIn is 5s"},
		"wants to be asked rarely":      {func(x *exchange) { onStart(x, func() { x.answer["interval"] = 90 }) }, "FAIL  a login says how often it may be polled: interval is 1m30s"},
		"wants to be asked backwards":   {func(x *exchange) { onStart(x, func() { x.answer["interval"] = -1 }) }, "FAIL  a login says how often it may be polled: interval is below 0"},
		"gives a short polling token":   {func(x *exchange) { onStart(x, func() { x.answer["pollingToken"] = "12345" }) }, "FAIL  the polling token cannot be guessed: pollingToken has 5 characters"},
		"gives one polling token":       {func(x *exchange) { onStart(x, func() { first = either(first, x.answer); x.answer = first }) }, "FAIL  a second login starts beside it: both have the same"},
		"approves by itself":            {func(x *exchange) { onPoll(x, pending, map[string]any{"status": approved, "token": "t"}) }, "FAIL  a login that nobody has decided is pending: it says approved"},
		"gives a token while pending":   {func(x *exchange) { onPoll(x, pending, map[string]any{"status": pending, "token": "t"}) }, "FAIL  a login that nobody has decided is pending: there is a token in an answer with status pending"},
		"has its own statuses":          {func(x *exchange) { onPoll(x, pending, map[string]any{"status": "waiting"}) }, "FAIL  a login that nobody has decided is pending: the status is none of"},
		"calls a denial expired":        {func(x *exchange) { onPoll(x, deniedStatus, map[string]any{"status": expired}) }, "FAIL  a login that is denied says so: it says expired"},
		"gives no token":                {func(x *exchange) { onPoll(x, approved, map[string]any{"status": approved}) }, "FAIL  a login that is accepted gives a token: the status is approved, but there is no token"},
		"gives a token with a line end": {func(x *exchange) { onPoll(x, approved, map[string]any{"status": approved, "token": "t\r\nx: y"}) }, "FAIL  a login that is accepted gives a token: the token holds characters"},
		"gives a huge token": {func(x *exchange) {
			onPoll(x, approved, map[string]any{"status": approved, "token": strings.Repeat("t", 9000)})
		}, "FAIL  a login that is accepted gives a token: the token has 9000 bytes"},
		"gives a huge refresh token": {func(x *exchange) {
			onPoll(x, approved, map[string]any{"status": approved, "token": "t", "refreshToken": strings.Repeat("t", 5000)})
		}, "FAIL  a login that is accepted gives a token: the refresh token has 5000 bytes"},
		"does not say the token's life": {func(x *exchange) { delete(x.answer, "expiresIn"); onStart(x, func() { x.answer["expiresIn"] = 300 }) }, "WARN  the token says how long it lives: there is no expiresIn"},
		"gives a token for a week": {func(x *exchange) {
			onPoll(x, approved, map[string]any{"status": approved, "token": "t", "expiresIn": 604800})
		}, "WARN  the token says how long it lives: the token lives longer than 24 hours"},
		"gives a refresh token for none": {func(x *exchange) {
			if x.name == refreshToken {
				x.status = 501
			}
		}, "FAIL  the refresh token gives a new token: the login gave a refresh token, but refreshToken answers 501"},
		"refuses its refresh token": {func(x *exchange) {
			if x.name == refreshToken && x.status == 200 {
				x.answer = map[string]any{"status": deniedStatus}
			}
		}, "FAIL  the refresh token gives a new token: it says denied"},
		"lets caches keep tokens": {func(x *exchange) { x.header.Del("Cache-Control") }, "WARN  answers may not be stored on their way"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, test.twist, nil)
			code := w.run()
			if !strings.Contains(w.out.String(), test.want) {
				t.Errorf("want %s\n%s", test.want, w.out)
			}
			if failed := strings.HasPrefix(test.want, "FAIL"); (code == exitFailed) != failed {
				t.Errorf("code %d\n%s", code, w.out)
			}
		})
	}
}

func either(first, then map[string]any) map[string]any {
	if len(first) > 0 {
		return first
	}
	return then
}

// settle puts an answer in the place of one with a status.
func settle(x *exchange, was, status int, answer map[string]any) {
	if x.status == was {
		x.status, x.answer = status, answer
	}
}

// onUnknownRefresh puts another answer in the place of the refusal of a token that
// nobody has.
func onUnknownRefresh(x *exchange, status int, answer map[string]any) {
	if token, _ := x.body["refreshToken"].(string); strings.HasPrefix(token, "check-") && x.key == key {
		x.status, x.answer = status, answer
	}
}

func onStart(x *exchange, change func()) {
	if x.name == startLogin && x.status == http.StatusOK {
		change()
	}
}

// onPoll puts an answer in the place of one that says a status.
func onPoll(x *exchange, was string, answer map[string]any) {
	if x.name == pollLogin && x.answer["status"] == was {
		x.answer = answer
	}
}

// An API that remembers wrongly goes wrong only after a while.
func TestAnAPIThatRemembersWronglyFails(t *testing.T) {
	for name, test := range map[string]struct {
		twist func(w *world) func(*exchange)
		want  string
	}{
		"limits polls": {func(w *world) func(*exchange) {
			var last time.Time
			return func(x *exchange) {
				if x.name == pollLogin && x.status == 200 && w.now().Sub(last) < 10*time.Second {
					x.status = http.StatusTooManyRequests
				} else if x.name == pollLogin && x.status == 200 {
					last = w.now()
				}
			}
		}, "FAIL  polls in the announced interval are answered: it answers 429, want 200; Chatgate keeps to the interval"},
		"denies everything at once": {func(*world) func(*exchange) {
			over := false
			return func(x *exchange) {
				if over && x.answer["status"] == pending {
					x.answer["status"] = deniedStatus
				}
				over = over || x.answer["status"] == deniedStatus
			}
		}, "FAIL  deciding one login leaves another alone: the login beside it says denied"},
		"gives the token for ever": {func(*world) func(*exchange) {
			var given map[string]any
			return func(x *exchange) {
				if x.name == pollLogin && x.answer["status"] == approved {
					given = x.answer
				} else if x.name == pollLogin && x.answer["status"] == expired && given != nil {
					x.answer = given
				}
			}
		}, "FAIL  a token is not given for ever: it says approved although a minute after"},
		"gives two tokens": {func(*world) func(*exchange) {
			given := false
			return func(x *exchange) {
				if x.name == pollLogin && given && x.answer["status"] == expired {
					x.answer = map[string]any{"status": approved, "token": "another"}
				}
				given = given || x.name == pollLogin && x.answer["status"] == approved
			}
		}, "FAIL  asking again gives no other token: it gives a second token"},
		"begins anew": {func(*world) func(*exchange) {
			given := false
			return func(x *exchange) {
				if x.name == pollLogin && given && x.answer["status"] == expired {
					x.answer = map[string]any{"status": pending}
				}
				given = given || x.name == pollLogin && x.answer["status"] == approved
			}
		}, "FAIL  asking again gives no other token: it says pending after it was approved"},
		"never expires": {func(*world) func(*exchange) {
			return func(x *exchange) { onPoll(x, expired, map[string]any{"status": pending}) }
		}, "FAIL  a login that nobody decides expires: it says pending although its time is over"},
		"refreshes into the same token": {func(*world) func(*exchange) {
			var token any
			return func(x *exchange) {
				if x.answer["status"] != approved {
					return
				}
				if token == nil {
					token = x.answer["token"]
				}
				x.answer["token"] = token
			}
		}, "WARN  the refresh token gives a new token: it gives the token that the user had"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, nil, nil)
			w.twist = test.twist(w)
			w.run()
			if !strings.Contains(w.out.String(), test.want) {
				t.Errorf("want %s\n%s", test.want, w.out)
			}
		})
	}
}

// The phone shows something else than the chat, so the person denies.
func TestAPhoneWithoutTheCodeFails(t *testing.T) {
	w := open(t, nil, nil)
	w.absent = true
	w.checker.wait = func(ctx context.Context, d time.Duration) error {
		for _, prompt := range w.bank.Prompts() {
			if strings.Contains(w.out.String(), prompt.BindingCode) {
				_ = w.bank.Decide(prompt.ID, false)
			}
		}
		return w.wait(ctx, d)
	}
	if w.run(); !strings.Contains(w.out.String(), "FAIL  a login that is accepted gives a token: it was denied; if the phone did not show the code") {
		t.Error(w.out)
	}
}

func TestAnAnswerThatIsTooLongOrTooLate(t *testing.T) {
	w := open(t, func(x *exchange) { x.answer = map[string]any{"x": strings.Repeat("x", maxAnswer)} }, nil)
	if w.run(); !strings.Contains(w.out.String(), "the answer has more than 65536 bytes") {
		t.Error(w.out)
	}
	w = open(t, nil, nil)
	released := make(chan struct{})
	w.twist = func(*exchange) { <-released }
	w.checker.timeout, w.checker.target.hint = 20*time.Millisecond, ""
	w.run()
	close(released)
	if !strings.Contains(w.out.String(), "there was no answer within") {
		t.Error(w.out)
	}
	if found := isQuick(t.Context(), &checker{slowest: 4 * time.Second}); !strings.Contains(found.Error(), "one took 4s") {
		t.Error(found)
	}
}

func TestAnAPIThatIsAwayFails(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"URL=http://127.0.0.1:1/login"}, &stdout, &stderr); code != exitFailed || !strings.Contains(stdout.String(), "is the URL right") {
		t.Errorf("%d\n%s%s", code, &stdout, &stderr)
	}
}

func TestARefusedKeyEndsIt(t *testing.T) {
	for name, status := range map[string]int{"401": 401, "403": 403} {
		w := open(t, func(x *exchange) { x.status = status }, nil)
		if code := w.run(); code != exitFailed || len(w.lines("FAIL")) != 1 || !strings.Contains(w.out.String(), "\n1 of 1 checks failed.") {
			t.Errorf("%s: %d\n%s", name, code, w.out)
		}
	}
}

func TestAnInterruptEndsIt(t *testing.T) {
	w := open(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	w.twist = func(x *exchange) {
		if x.name == startLogin {
			cancel()
		}
	}
	if code := w.checker.run(ctx); code != exitFailed || !strings.Contains(w.out.String(), "Interrupted") {
		t.Errorf("%d\n%s", code, w.out)
	}
}

func TestCalledWrongly(t *testing.T) {
	for name, environ := range map[string][]string{
		"no URL":                    {},
		"no address":                {"URL=login.example"},
		"another scheme":            {"URL=ftp://login.example"},
		"with a user":               {"URL=https://secret@login.example"},
		"with a query":              {"URL=https://login.example/?code=secret"},
		"a key with a line end":     {"URL=https://login.example", "API_KEY=secret\n"},
		"a key in another alphabet": {"URL=https://login.example", "API_KEY=sécret"},
		"a long hint":               {"URL=https://login.example", "HINT=secret" + strings.Repeat("x", 256)},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), environ, &stdout, &stderr); code != exitUsage || stdout.Len() > 0 || stderr.Len() == 0 {
			t.Errorf("%s: %d\n%s%s", name, code, &stdout, &stderr)
		}
		if strings.Contains(stderr.String(), "secret") {
			t.Errorf("%s: quoted: %s", name, &stderr)
		}
	}
}

func TestHTTPSIsWantedOffThisMachine(t *testing.T) {
	for url, want := range map[string]string{"https://login.example": "", "http://login.example": "tokens would go", "http://localhost:7071": "http is all right", "http://[::1]/x": "http is all right"} {
		target, err := targetOf([]string{"URL=" + url})
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		if err := isHTTPS(t.Context(), &checker{target: target}); err != nil {
			found = err.Error()
		}
		if !strings.HasPrefix(found, want) || want == "" && found != "" {
			t.Errorf("%s: %q", url, found)
		}
	}
}

func TestWithoutAKeyTheCheckSaysWhatToDo(t *testing.T) {
	c := &checker{}
	if found := c.refusesKey(t.Context(), redacted.New("wrong")); !strings.Contains(found.Error(), "there is no API_KEY") {
		t.Error(found)
	}
}
