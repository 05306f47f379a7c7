package loginapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/login"
	client "chatgate/internal/loginapi"
	"chatgate/internal/redacted"
	"chatgate/internal/secretly"
	"chatgate/internal/secrets"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/loginapi"
	"chatgate/internal/testclock"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is a bank, and Chatgate's own client of its Login API.
type world struct {
	*loginapi.Bank

	t       *testing.T
	clock   *testclock.Clock
	url     string // of the Login API
	backend string
	client  *client.Client
}

func open(t *testing.T, options loginapi.Options) *world {
	t.Helper()
	w := &world{t: t, clock: testclock.At(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))}
	options.Now = w.clock.Now
	w.Bank = loginapi.New(&options)
	mux := http.NewServeMux()
	mux.Handle("/login/", http.StripPrefix("/login", w.LoginAPI()))
	mux.Handle("/api/", http.StripPrefix("/api", w.Backend()))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url, w.backend = server.URL+"/login", server.URL+"/api"
	w.client = w.clientWith(nil, "")
	return w
}

func (w *world) clientWith(keys client.Keys, keyName string) *client.Client {
	w.t.Helper()
	made, err := client.New(w.url, keys, keyName)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func (w *world) start(hint string) secretly.Bytes {
	w.t.Helper()
	begun, err := w.client.Start(w.t.Context(), login.StartRequest{Hint: hint, BindingCode: "KX7-4PQ"})
	if err != nil {
		w.t.Fatal(err)
	}
	return begun.Polling
}

func (w *world) poll(polling secretly.Bytes) login.Outcome {
	w.t.Helper()
	outcome, err := w.client.Poll(w.t.Context(), login.PollRequest{Polling: polling})
	if err != nil {
		w.t.Fatal(err)
	}
	return outcome
}

// decide answers the only prompt that waits.
func (w *world) decide(accept bool) {
	w.t.Helper()
	prompts := w.Prompts()
	if len(prompts) != 1 {
		w.t.Fatalf("%d prompts wait, want 1", len(prompts))
	}
	if err := w.Decide(prompts[0].ID, accept); err != nil {
		w.t.Fatal(err)
	}
}

// call makes a call of the back end.
func (w *world) call(method, path, token, body string) (int, map[string]any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.backend+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusUnauthorized && !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Bearer") {
		w.t.Error("401 without WWW-Authenticate")
	}
	var answer map[string]any
	text, _ := io.ReadAll(response.Body)
	_ = json.Unmarshal(text, &answer)
	return response.StatusCode, answer
}

func TestALoginThatIsAccepted(t *testing.T) {
	w := open(t, loginapi.Options{})
	begun, err := w.client.Start(t.Context(), login.StartRequest{BindingCode: "KX7-4PQ"})
	if err != nil || begun.ExpiresIn != loginapi.DefaultPromptLife || begun.Interval != loginapi.DefaultInterval {
		t.Fatalf("%+v, %v", begun, err)
	}
	if got := w.Prompts(); len(got) != 1 || got[0].BindingCode != "KX7-4PQ" || got[0].Customer != "Ada Vermeer" ||
		!got[0].Expires.Equal(w.clock.Now().Add(loginapi.DefaultPromptLife)) {
		t.Errorf("the phone shows %+v", got)
	}
	if got := w.poll(begun.Polling); got.Decision != login.DecisionPending {
		t.Errorf("before the decision: %v", got.Decision)
	}
	w.decide(true)
	got := w.poll(begun.Polling)
	if got.Decision != login.DecisionApproved || !bytes.HasPrefix(got.Token, []byte(loginapi.TokenPrefix)) || len(got.Refresh) == 0 || got.ExpiresIn != loginapi.DefaultTokenLife {
		t.Errorf("after it: %+v", got)
	}
	if status, answer := w.call("GET", "/balance", string(got.Token), ""); status != http.StatusOK || answer["balance"] != "9984.56" || answer["customer"] != "Ada Vermeer" {
		t.Errorf("balance = %d %v", status, answer)
	}
	if again := w.poll(begun.Polling); again.Decision != login.DecisionExpired {
		t.Errorf("a second poll: %v, want the token to be given once", again.Decision)
	}
	if len(w.Prompts()) != 0 {
		t.Error("the prompt is still shown")
	}
}

func TestALoginThatIsDenied(t *testing.T) {
	w := open(t, loginapi.Options{})
	polling := w.start("BO ")
	if got := w.Prompts(); len(got) != 1 || got[0].Customer != "Bo Nilsson" {
		t.Errorf("the phone shows %+v", got)
	}
	w.decide(false)
	for range 2 {
		if got := w.poll(polling); got.Decision != login.DecisionDenied {
			t.Errorf("%v", got.Decision)
		}
	}
}

func TestALoginThatNobodyDecides(t *testing.T) {
	for name, hint := range map[string]string{"a customer": "ada", "nobody has the hint": "nobody"} {
		w := open(t, loginapi.Options{PromptLife: time.Minute})
		polling := w.start(hint)
		id := "none"
		if prompts := w.Prompts(); len(prompts) > 0 {
			id = prompts[0].ID
		}
		if got := w.poll(polling); got.Decision != login.DecisionPending {
			t.Errorf("%s: %v: the answer must not tell who is a customer", name, got.Decision)
		}
		w.clock.Advance(time.Minute)
		if got := w.poll(polling); got.Decision != login.DecisionExpired || len(w.Prompts()) != 0 {
			t.Errorf("%s, later: %v", name, got.Decision)
		}
		if err := w.Decide(id, true); !errors.Is(err, loginapi.ErrNoPrompt) {
			t.Errorf("%s: a decision that comes too late: %v", name, err)
		}
		w.clock.Advance(time.Hour)
		w.start("ada") // sweeps
		if got := w.poll(polling); got.Decision != login.DecisionExpired {
			t.Errorf("%s, long after: %v", name, got.Decision)
		}
	}
}

func TestADecisionIsFinal(t *testing.T) {
	w := open(t, loginapi.Options{})
	polling := w.start("")
	id := w.Prompts()[0].ID
	w.decide(false)
	if err := w.Decide(id, true); !errors.Is(err, loginapi.ErrNoPrompt) {
		t.Errorf("the second decision: %v", err)
	}
	if got := w.poll(polling); got.Decision != login.DecisionDenied {
		t.Errorf("%v", got.Decision)
	}
}

func TestRefreshTokensAreGoodForOnce(t *testing.T) {
	w := open(t, loginapi.Options{TokenLife: time.Minute})
	polling := w.start("")
	w.decide(true)
	first := w.poll(polling)
	w.clock.Advance(time.Minute)
	if status, _ := w.call("GET", "/balance", string(first.Token), ""); status != http.StatusUnauthorized {
		t.Errorf("with an expired token: %d", status)
	}
	second, err := w.client.Refresh(t.Context(), login.RefreshRequest{Refresh: first.Refresh})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := w.call("GET", "/balance", string(second.Token), ""); status != http.StatusOK {
		t.Errorf("with the new token: %d", status)
	}
	for name, refresh := range map[string]secretly.Bytes{"used": first.Refresh, "made up": secretly.Bytes("x")} {
		if _, err := w.client.Refresh(t.Context(), login.RefreshRequest{Refresh: refresh}); !errors.Is(err, login.ErrLoginAgain) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.clock.Advance(loginapi.DefaultRefreshLife)
	if _, err := w.client.Refresh(t.Context(), login.RefreshRequest{Refresh: second.Refresh}); !errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("too late: %v", err)
	}
	without := open(t, loginapi.Options{WithoutRefresh: true})
	if _, err := without.client.Refresh(t.Context(), login.RefreshRequest{Refresh: second.Refresh}); !errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("where there is no refresh: %v", err)
	}
}

func TestRevokingTokens(t *testing.T) {
	w := open(t, loginapi.Options{})
	polling := w.start("")
	w.decide(true)
	granted := w.poll(polling)
	w.RevokeTokens()
	if status, _ := w.call("GET", "/balance", string(granted.Token), ""); status != http.StatusUnauthorized {
		t.Errorf("with a revoked token: %d", status)
	}
	for name, token := range map[string]string{"no header": "", "nothing after Bearer": " "} {
		if status, _ := w.call("GET", "/balance", token, ""); status != http.StatusUnauthorized {
			t.Errorf("%s: %d: a revoked token must not be the empty one", name, status)
		}
	}
	renewed, err := w.client.Refresh(t.Context(), login.RefreshRequest{Refresh: granted.Refresh})
	if err != nil {
		t.Fatal(err)
	}
	w.RevokeAll()
	if _, err := w.client.Refresh(t.Context(), login.RefreshRequest{Refresh: renewed.Refresh}); !errors.Is(err, login.ErrLoginAgain) {
		t.Errorf("after all is revoked: %v", err)
	}
}

// vault has one key, and another after it was asked to look again.
type vault struct{ cached, newest string }

func (v *vault) Get(context.Context, string) (secrets.Secret, error) {
	return secrets.Secret{Version: v.cached, Value: redacted.New(v.cached)}, nil
}

func (v *vault) Renew(context.Context, string, string) (secrets.Secret, error) {
	v.cached = v.newest
	return v.Get(context.Background(), "")
}

func TestTheKeyIsRotated(t *testing.T) {
	first, second := redacted.New("first-key"), redacted.New("second-key")
	w := open(t, loginapi.Options{Keys: []redacted.Text{first}})
	start := func(keys *vault) error {
		_, err := w.clientWith(keys, "login-key").Start(t.Context(), login.StartRequest{BindingCode: "c"})
		return err
	}
	if _, err := w.client.Start(t.Context(), login.StartRequest{BindingCode: "c"}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("without a key: %v", err)
	}
	if err := start(&vault{"first-key", "first-key"}); err != nil {
		t.Errorf("with the key: %v", err)
	}
	w.SetKeys(first, second)
	for _, key := range []string{"first-key", "second-key"} {
		if err := start(&vault{key, key}); err != nil {
			t.Errorf("while there are two: %v", err)
		}
	}
	w.SetKeys(second)
	if err := start(&vault{"first-key", "first-key"}); !errors.Is(err, login.ErrRefused) {
		t.Errorf("with the old key: %v", err)
	}
	if err := start(&vault{"first-key", "second-key"}); err != nil {
		t.Errorf("a client that reads its key again: %v", err)
	}
}

func TestAccountsAndTransfers(t *testing.T) {
	w := open(t, loginapi.Options{})
	token, expires, err := w.Issue("ada")
	if err != nil || !expires.Equal(w.clock.Now().Add(loginapi.DefaultTokenLife)) {
		t.Fatal(expires, err)
	}
	for path, want := range map[string]int{"/accounts/NL-1001": 200, "/accounts/NL-2001": 404, "/accounts/": 404, "/balances": 404} {
		if status, answer := w.call("GET", path, token.Reveal(), ""); status != want {
			t.Errorf("%s = %d %v, want %d", path, status, answer, want)
		}
	}
	for body, want := range map[string]int{
		`{"from":"NL-1001","to":"NL-2001","amount":"34.5"}`:    201,
		`{"from":"NL-1001","to":"NL-2001","amount":"1234.57"}`: 422,
		`{"from":"NL-2001","to":"NL-1001","amount":"1"}`:       400, // somebody else's
		`{"from":"NL-1001","to":"NL-1001","amount":"1"}`:       400,
		`{"from":"NL-1001","to":"NL-9999","amount":"1"}`:       400,
		`{"from":"NL-1001","to":"NL-2001","amount":"-1"}`:      400,
		`{"from":"NL-1001","to":"NL-2001","amount":"0.00"}`:    400,
		`{"from":"NL-1001","to":"NL-2001","amount":"1.234"}`:   400,
		`{"from":"NL-1001","to":"NL-2001","amount":"1e3"}`:     400,
		`{"from":"NL-1001","to":"NL-2001","amount":""}`:        400,
		`{`:        400,
		`{} more`:  400,
		`{"to":1}`: 400,
		`{"from":"` + strings.Repeat("x", 9<<10) + `"}`: 400,
	} {
		fresh := open(t, loginapi.Options{})
		token, _, _ := fresh.Issue("")
		status, answer := fresh.call("POST", "/transfers", token.Reveal(), body)
		if status != want {
			t.Errorf("%.60s = %d %v, want %d", body, status, answer, want)
		}
		_, left := fresh.call("GET", "/accounts/NL-1001", token.Reveal(), "")
		if moved := left["balance"] != "1234.56"; moved != (want == 201) || moved && left["balance"] != "1200.06" {
			t.Errorf("%.60s leaves %v", body, left["balance"])
		}
	}
	if status, _ := w.call("POST", "/transfers", "", `{"from":"NL-1001","to":"NL-2001","amount":"1"}`); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
	if _, _, err := w.Issue("nobody"); err == nil {
		t.Error("a token was made for nobody")
	}
}

func TestMalformedCallsOfTheLoginAPI(t *testing.T) {
	w := open(t, loginapi.Options{})
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/startLogin", `{"hint":"ada"}`, 400}, // no binding code
		{"POST", "/startLogin", `{`, 400},
		{"POST", "/startLogin", `[]`, 400},
		{"GET", "/startLogin", ``, 405},
		{"POST", "/pollLogin", `{}`, 404},
		{"POST", "/pollLogin", `{"pollingToken":1}`, 400},
		{"POST", "/refreshToken", `{}`, 400},
		{"POST", "/other", `{}`, 404},
	} {
		request, err := http.NewRequestWithContext(t.Context(), test.method, w.url+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != test.want {
			t.Errorf("%s %s %s = %d, want %d", test.method, test.path, test.body, response.StatusCode, test.want)
		}
	}
}

func TestCallsAreCountedAndFail(t *testing.T) {
	w := open(t, loginapi.Options{Interval: 5 * time.Second})
	polling := w.start("")
	for _, pause := range []time.Duration{0, 5 * time.Second, 4600 * time.Millisecond, 4 * time.Second} {
		w.clock.Advance(pause)
		w.poll(polling)
	}
	if w.Calls(loginapi.StartLogin) != 1 || w.Calls(loginapi.PollLogin) != 4 || w.Hasty() != 1 {
		t.Errorf("%d starts, %d polls, %d of them hasty; want 1, 4 and 1", w.Calls(loginapi.StartLogin), w.Calls(loginapi.PollLogin), w.Hasty())
	}
	w.Faults.Add(faults.Answer(http.StatusInternalServerError, "x").When(loginapi.Calling(loginapi.PollLogin)).Times(1))
	w.start("")
	if _, err := w.client.Poll(t.Context(), login.PollRequest{Polling: polling}); err == nil {
		t.Error("the fault befell nothing")
	}
	if w.Calls(loginapi.PollLogin) != 5 {
		t.Error("a failed call is not counted")
	}
}

func TestPromptsAreBounded(t *testing.T) {
	w := open(t, loginapi.Options{})
	var err error
	for range 1001 {
		_, err = w.client.Start(t.Context(), login.StartRequest{BindingCode: "c"})
	}
	if err == nil || errors.Is(err, login.ErrRefused) {
		t.Errorf("the 1001st prompt: %v, want a refusal that may pass", err)
	}
	if got := len(w.Prompts()); got != 1000 {
		t.Errorf("%d prompts wait", got)
	}
}
