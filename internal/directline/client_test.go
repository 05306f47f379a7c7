package directline_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"chatgate/internal/directline"
	"chatgate/internal/redacted"
)

const (
	canary   = "canary-secret-9f3e"
	userID   = "dl_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	goodBody = `{"conversationId":"7aXb-us","token":"ey.J0.c2ln","expires_in":1800}`
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// newClient returns the client under test before a server over loopback, without
// delays between retries.
func newClient(t *testing.T, handler http.HandlerFunc) *directline.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	options := &directline.ClientOptions{}
	options.Retry.RetryDelay = time.Microsecond // azcore makes the longest delay of a negative one
	client, err := directline.NewClient(server.URL+"/v3/directline/", options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func generate(ctx context.Context, client *directline.Client) (directline.Token, error) {
	return client.GenerateToken(ctx, redacted.New(canary), userID, []string{"https://bank.example"})
}

// sequence answers the first requests as given, one handler each, and all later
// ones with success. It returns how many requests there were.
func sequence(steps ...http.HandlerFunc) (http.HandlerFunc, *atomic.Int32) {
	var count atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		if n := int(count.Add(1)); n <= len(steps) {
			steps[n-1](w, r)
			return
		}
		_, _ = io.WriteString(w, goodBody)
	}, &count
}

func status(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func cut(http.ResponseWriter, *http.Request) {
	panic(http.ErrAbortHandler)
}

func cutInTheAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, goodBody[:20])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func hang(_ http.ResponseWriter, r *http.Request) {
	// Without reading the body the server does not see the client go away.
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// received is what a request carried.
type received struct {
	Method, Path, Authorization, ContentType, Body string
}

func record(into *received) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*into = received{r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body)}
		if !strings.HasPrefix(r.Header.Get("User-Agent"), "azsdk-go-chatgate/") {
			w.WriteHeader(http.StatusTeapot)
		}
		_, _ = io.WriteString(w, goodBody)
	}
}

func TestGenerateSendsSecretUserAndTrustedOrigins(t *testing.T) {
	var got received
	// A secret pasted into a file ends in a new line more often than not.
	token, err := newClient(t, record(&got)).GenerateToken(t.Context(), redacted.New(canary+"\n"), userID,
		[]string{"https://bank.example", "https://www.bank.example"})
	if err != nil {
		t.Fatal(err)
	}
	want := received{
		Method: "POST", Path: "/v3/directline/tokens/generate",
		Authorization: "Bearer " + canary, ContentType: "application/json",
		Body: `{"user":{"id":"` + userID + `"},"trustedOrigins":["https://bank.example","https://www.bank.example"]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the request differs (-want +got):\n%s", diff)
	}
	if token.Value.Reveal() != "ey.J0.c2ln" || token.ConversationID != "7aXb-us" || token.ExpiresIn != 1800 {
		t.Errorf("token = %+v", token)
	}
}

func TestRefreshSendsTheTokenAndNoBody(t *testing.T) {
	var got received
	if _, err := newClient(t, record(&got)).RefreshToken(t.Context(), redacted.New("old.token")); err != nil {
		t.Fatal(err)
	}
	want := received{Method: "POST", Path: "/v3/directline/tokens/refresh", Authorization: "Bearer old.token"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the request differs (-want +got):\n%s", diff)
	}
}

func TestNothingIsSentWithoutAUserOrAUsableCredential(t *testing.T) {
	handler, calls := sequence()
	client := newClient(t, handler)
	if _, err := client.GenerateToken(t.Context(), redacted.New(canary), "", nil); err == nil {
		t.Error("a token without a user id was asked for: the browser could choose one")
	}
	for _, credential := range []string{"", " \n", "two words", "line\r\nX-Evil: 1", "\u00e4"} {
		_, err := client.RefreshToken(t.Context(), redacted.New(credential))
		if !errors.Is(err, directline.ErrUnusableCredential) {
			t.Errorf("credential %q: err = %v", credential, err)
		}
	}
	if calls.Load() != 0 {
		t.Errorf("%d requests were sent", calls.Load())
	}
}

func TestRetries(t *testing.T) {
	failure := status(http.StatusInternalServerError, "")
	// azcore would wait an hour, that is, give up at once.
	patient := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for name, test := range map[string]struct {
		steps  []http.HandlerFunc
		calls  int32
		status int // 0 is success
	}{
		"success":                     {nil, 1, 0},
		"500":                         {[]http.HandlerFunc{failure}, 2, 0},
		"502, 503, 504":               {[]http.HandlerFunc{status(502, ""), status(503, ""), status(504, "")}, 4, 0},
		"503 that asks for an hour":   {[]http.HandlerFunc{patient}, 2, 0},
		"connection cut":              {[]http.HandlerFunc{cut}, 2, 0},
		"connection cut in answer":    {[]http.HandlerFunc{cutInTheAnswer}, 2, 0},
		"500 to the end":              {[]http.HandlerFunc{failure, failure, failure, failure, failure}, 4, 500},
		"408 is not a server's error": {[]http.HandlerFunc{status(408, "")}, 1, 408},
		"429":                         {[]http.HandlerFunc{status(429, "")}, 1, 429},
		"401":                         {[]http.HandlerFunc{status(401, "")}, 1, 401},
		"403":                         {[]http.HandlerFunc{status(403, "")}, 1, 403},
		"404":                         {[]http.HandlerFunc{status(404, "")}, 1, 404},
		"204 is no token":             {[]http.HandlerFunc{status(204, "")}, 1, 204},
	} {
		t.Run(name, func(t *testing.T) {
			handler, calls := sequence(test.steps...)
			_, err := generate(t.Context(), newClient(t, handler))
			if calls.Load() != test.calls {
				t.Errorf("%d calls, want %d", calls.Load(), test.calls)
			}
			if got := statusOf(err); got != test.status || (err == nil) != (test.status == 0) {
				t.Errorf("err = %v, want status %d", err, test.status)
			}
		})
	}
}

func statusOf(err error) int {
	var answered *directline.Error
	if errors.As(err, &answered) {
		return answered.StatusCode
	}
	return 0
}

func TestTheBodyIsSentAgainWithARetry(t *testing.T) {
	var got received
	handler, _ := sequence(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadGateway)
	}, record(&got))
	if _, err := generate(t.Context(), newClient(t, handler)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.Body, userID) {
		t.Errorf("the second try carried %q", got.Body)
	}
}

// lateReader is a transport that is still reading the body of a first try, which
// was answered early, when the second one comes. net/http does that.
type lateReader struct {
	first  io.Reader
	bodies []string
}

func (l *lateReader) Do(req *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: http.NoBody, Request: req}
	if l.first == nil {
		l.first = req.Body
		return answer, nil
	}
	late, _ := io.ReadAll(l.first) // nothing any more, or what was its own
	content, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	l.bodies = []string{string(late), string(content)}
	answer.StatusCode, answer.Body = http.StatusOK, io.NopCloser(strings.NewReader(goodBody))
	return answer, nil
}

func TestTriesDoNotShareABody(t *testing.T) {
	transport := &lateReader{}
	options := &directline.ClientOptions{}
	options.Transport = transport
	options.Retry.RetryDelay = time.Microsecond
	client, err := directline.NewClient("https://directline.example", options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := generate(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if late := transport.bodies[0]; late != "" && late != transport.bodies[1] || !strings.Contains(transport.bodies[1], userID) {
		t.Errorf("the tries carried %q", transport.bodies)
	}
}

func TestAHangingCallEndsWithItsContext(t *testing.T) {
	client := newClient(t, hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := generate(ctx, client); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v, want the deadline", err)
	}
}

func TestAHangingTryIsGivenUpForAnother(t *testing.T) {
	handler, calls := sequence(hang)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	options := &directline.ClientOptions{}
	options.Retry.TryTimeout = time.Second // of the second try as well
	client, err := directline.NewClient(server.URL, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := generate(t.Context(), client); err != nil || calls.Load() != 2 {
		t.Errorf("err = %v after %d calls, want success with the second", err, calls.Load())
	}
}

func TestTheSecretDoesNotFollowARedirect(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(elsewhere.Close)
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if _, err := generate(t.Context(), client); statusOf(err) != http.StatusTemporaryRedirect {
		t.Errorf("err = %v, want the redirect as a failure", err)
	}
	if reached.Load() {
		t.Error("the redirect was followed")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	for _, code := range []int{http.StatusOK, http.StatusBadGateway} {
		long := status(code, strings.Repeat(" ", 64<<10)+goodBody)
		handler, calls := sequence(long, long)
		_, err := generate(t.Context(), newClient(t, handler))
		if err == nil || calls.Load() != 1 {
			t.Errorf("status %d: err = %v after %d calls, want one call and an error", code, err, calls.Load())
		}
	}
}

func TestErrorsHoldTheCodeAndNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		code string
	}{
		"code":                   {`{"error":{"code":"TokenExpired","message":"` + canary + `"}}`, "TokenExpired"},
		"wrong region":           {`{"error":{"code":"RegionNotAllowed"}}`, "RegionNotAllowed"},
		"a token as code":        {`{"error":{"code":"ey.J0.` + canary + `"}}`, ""},
		"a number as code":       {`{"error":{"code":7}}`, ""},
		"error is a string":      {`{"error":"` + canary + `"}`, ""},
		"a gateway's page":       {"<html>" + canary, ""},
		"nothing":                {"", ""},
		"null":                   {"null", ""},
		"code of 65 characters":  {`{"error":{"code":"` + strings.Repeat("a", 65) + `"}}`, ""},
		"code with a line break": {`{"error":{"code":"a\nb"}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t.Context(), newClient(t, status(http.StatusForbidden, test.body)))
			var answered *directline.Error
			if !errors.As(err, &answered) || answered.Code != test.code || answered.StatusCode != http.StatusForbidden {
				t.Fatalf("err = %#v, want 403 with code %q", err, test.code)
			}
			if printed := fmt.Sprintf("%v %+v %#v", err, answered, *answered); strings.Contains(printed, canary) {
				t.Errorf("the error shows the answer: %s", printed)
			}
		})
	}
}

func TestWhatAnErrorMeans(t *testing.T) {
	for name, test := range map[string]struct {
		status                                   int
		code                                     string
		refused, throttled, wrongRegion, expired bool
		says                                     string
	}{
		"401":               {401, "", true, false, false, false, "Direct Line answered 401"},
		"403":               {403, "BadArgument", true, false, false, false, "Direct Line answered 403 BadArgument"},
		"the wrong region":  {403, "RegionNotAllowed", true, false, true, false, "Direct Line answered 403 RegionNotAllowed: the bot is in another region; set DirectLineEndpoint to that region's"},
		"an expired token":  {403, "TokenExpired", true, false, false, true, "Direct Line answered 403 TokenExpired"},
		"429":               {429, "", false, true, false, false, "Direct Line answered 429"},
		"404":               {404, "", false, false, false, false, "Direct Line answered 404"},
		"a code of its own": {400, "regionnotallowed", false, false, false, false, "Direct Line answered 400 regionnotallowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := generate(t.Context(), newClient(t, status(test.status, `{"error":{"code":"`+test.code+`"}}`)))
			var answered *directline.Error
			if !errors.As(err, &answered) {
				t.Fatal(err)
			}
			if answered.Refused() != test.refused || answered.Throttled() != test.throttled ||
				answered.WrongRegion() != test.wrongRegion || answered.TokenExpired() != test.expired {
				t.Errorf("refused %t, throttled %t, wrong region %t, expired %t",
					answered.Refused(), answered.Throttled(), answered.WrongRegion(), answered.TokenExpired())
			}
			if answered.Error() != test.says {
				t.Errorf("it says %q", answered)
			}
		})
	}
}

func TestRetryAfterOf429(t *testing.T) {
	for value, want := range map[string]struct{ least, most time.Duration }{
		"":                     {0, 0},
		"7":                    {7 * time.Second, 7 * time.Second},
		"0":                    {0, 0},
		"-7":                   {0, 0},
		"1.5":                  {0, 0},
		"soon":                 {0, 0},
		"86400":                {time.Hour, time.Hour},
		"99999999999999999999": {0, 0},
		"9223372036854775807":  {time.Hour, time.Hour},
		time.Now().Add(time.Minute).UTC().Format(http.TimeFormat):  {50 * time.Second, time.Minute},
		time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat): {0, 0},
		"Fri, 31 Dec 9999 23:59:59 GMT":                            {time.Hour, time.Hour},
	} {
		t.Run(value, func(t *testing.T) {
			_, err := generate(t.Context(), newClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			var answered *directline.Error
			if !errors.As(err, &answered) || answered.RetryAfter < want.least || answered.RetryAfter > want.most {
				t.Errorf("err = %+v, want a delay from %v to %v", answered, want.least, want.most)
			}
		})
	}
}

func TestTheSDKsLogShowsNeitherSecretNorToken(t *testing.T) {
	var logged strings.Builder
	azlog.SetListener(func(_ azlog.Event, message string) { logged.WriteString(message) })
	defer azlog.SetListener(nil)
	handler, _ := sequence(status(http.StatusBadGateway, goodBody), cut)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	options := &directline.ClientOptions{}
	options.Retry.RetryDelay = time.Microsecond // azcore makes the longest delay of a negative one
	options.Logging.IncludeBody = true
	options.Logging.AllowedHeaders = []string{"authorization", "X-Other"}
	client, err := directline.NewClient(server.URL, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := generate(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "tokens/generate") {
		t.Fatal("nothing was logged, so this test shows nothing")
	}
	for _, private := range []string{canary, "ey.J0.c2ln", userID} {
		if strings.Contains(logged.String(), private) {
			t.Errorf("the log shows %q:\n%s", private, logged.String())
		}
	}
	if len(options.Logging.AllowedHeaders) != 2 {
		t.Error("the caller's options were changed")
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"https://directline.botframework.com/v3/directline":         true,
		"https://europe.directline.botframework.com/v3/directline/": true,
		"http://localhost:7071/v3/directline":                       true,
		"http://LOCALHOST/":                                         true,
		"http://127.0.0.1:7071/v3/directline":                       true,
		"http://[::1]:7071/v3/directline":                           true,
		"http://directline.botframework.com/v3/directline":          false,
		"http://localhost.evil.example/":                            false,
		"http://127.0.0.1.evil.example/":                            false,
		"https://user:pass@directline.botframework.com/":            false,
		"https://directline.botframework.com/?x=1":                  false,
		"https://directline.botframework.com/#x":                    false,
		"https://directline.botframework.com/v3/directline?":        false, // all paths would end up in the query
		"https://:443/v3":                                           false,
		"ftp://directline.botframework.com/":                        false,
		"directline.botframework.com":                               false,
		"https://user:pass@a b/":                                    false,
		"":                                                          false,
	} {
		_, err := directline.NewClient(endpoint, nil)
		if (err == nil) != ok {
			t.Errorf("NewClient(%q): err = %v, want ok = %v", endpoint, err, ok)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
}

// jwt returns an unsigned token in the form of Direct Line's.
func jwt(header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + ".c2ln"
}
