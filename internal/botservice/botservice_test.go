package botservice_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"

	"chatgate/internal/botservice"
	"chatgate/internal/redacted"
	standin "chatgate/internal/standin/botservice"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/egress"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/faults"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// world is the stand-in of the management API under its real host name.
type world struct {
	line      *directline.Server
	service   *standin.Service
	proxy     *egress.Proxy
	tenant    *entra.Tenant
	transport *http.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	line, err := directline.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := entra.NewTenant(nil)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := egress.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	transport := proxy.Transport()
	w := &world{line: line, service: standin.New(tenant, line), proxy: proxy, tenant: tenant, transport: &http.Client{Transport: transport}}
	proxy.Handle(standin.Host, w.service)
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		line.Close()
		if err := proxy.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

type credential struct {
	tenant   *entra.Tenant
	audience string
}

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := c.tenant.Token(c.audience)
	return azcore.AccessToken{Token: token.Reveal(), ExpiresOn: expires}, err
}

func siteOfTheBot() botservice.Site {
	return botservice.Site{SubscriptionID: standin.SubscriptionID, ResourceGroup: standin.ResourceGroup, Bot: standin.Bot, Name: standin.SiteName}
}

func (w *world) client(t *testing.T, change func(*botservice.Site, *credential)) *botservice.Client {
	t.Helper()
	site := siteOfTheBot()
	cred := credential{w.tenant, standin.Audience}
	if change != nil {
		change(&site, &cred)
	}
	options := &botservice.ClientOptions{}
	options.Transport = w.transport
	options.Retry = policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond}
	options.Logging.IncludeBody = true
	client, err := botservice.NewClient(site, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestListTellsTheKeysAndRegenerateChangesOne(t *testing.T) {
	w := newWorld(t)
	client := w.client(t, nil)
	before, err := client.List(t.Context())
	if err != nil || before.One.Reveal() != w.line.Secret(directline.Key1).Reveal() || before.Two.Reveal() != w.line.Secret(directline.Key2).Reveal() {
		t.Fatalf("List: %v", err)
	}
	if err := client.Regenerate(t.Context(), botservice.Key2); err != nil {
		t.Fatal(err)
	}
	after, err := client.List(t.Context())
	if err != nil || after.One.Reveal() != before.One.Reveal() || after.Two.Reveal() == before.Two.Reveal() {
		t.Errorf("after regenerating key2: %v", err)
	}
	if w.service.Regenerated(directline.Key1) != 0 || w.service.Regenerated(directline.Key2) != 1 {
		t.Error("another key was regenerated")
	}
	for _, key := range []botservice.Key{"", "key3", "Key1"} {
		if err := client.Regenerate(t.Context(), key); err == nil {
			t.Errorf("key %q was regenerated", key)
		}
	}
}

func TestRefusalsAreErrorsWithStatusAndCode(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		change func(*botservice.Site, *credential)
		status int
		code   string
	}{
		"another bot":          {func(s *botservice.Site, _ *credential) { s.Bot = "other" }, 404, "ResourceNotFound"},
		"another group":        {func(s *botservice.Site, _ *credential) { s.ResourceGroup = "other" }, 404, "ResourceNotFound"},
		"another subscription": {func(s *botservice.Site, _ *credential) { s.SubscriptionID = "other" }, 404, "ResourceNotFound"},
		"a token for others":   {func(_ *botservice.Site, c *credential) { c.audience = "https://vault.azure.net" }, 401, "AuthenticationFailed"},
	} {
		t.Run(name, func(t *testing.T) {
			client := w.client(t, test.change)
			_, listed := client.List(t.Context())
			for call, err := range map[string]error{"List": listed, "Regenerate": client.Regenerate(t.Context(), botservice.Key1)} {
				var answered *botservice.Error
				if !errors.As(err, &answered) || answered.StatusCode != test.status || answered.Code != test.code {
					t.Errorf("%s: %v, want %d %s", call, err, test.status, test.code)
				}
			}
		})
	}
	unknown := w.client(t, func(s *botservice.Site, _ *credential) { s.Name = "other" })
	if _, err := unknown.List(t.Context()); err == nil || !strings.Contains(err.Error(), "no Direct Line site") {
		t.Errorf("List of another site: %v", err)
	}
	if err := unknown.Regenerate(t.Context(), botservice.Key1); err == nil {
		t.Error("a key of another site was regenerated")
	}
}

// The SDK's own errors print the answer, and an answer here can hold keys.
func TestErrorsRepeatNothingOfTheAnswer(t *testing.T) {
	const canary = "canary-5b1c.key"
	w := newWorld(t)
	for name, answer := range map[string]http.HandlerFunc{
		"refused": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(409)
			_, _ = io.WriteString(rw, `{"error":{"code":"Conflict","message":"`+canary+`"},"key":"`+canary+`"}`)
		},
		"code a key": func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(400)
			_, _ = io.WriteString(rw, `{"error":{"code":"`+canary+`"}}`)
		},
		"not JSON": func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, canary) },
		"other shape": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"properties":{"channelName":"DirectLineChannel","properties":"`+canary+`"}}`)
		},
		"too long": func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(rw, `{"etag":"`+canary+strings.Repeat("x", 300<<10)+`"}`)
		},
		"redirected": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "https://evil.example/"+canary, http.StatusTemporaryRedirect)
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"half a value": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "999")
			_, _ = io.WriteString(rw, `{"key":"`+canary)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w.proxy.Handle(standin.Host, answer)
			client := w.client(t, nil)
			_, err := client.List(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "canary") || strings.Contains(text, "subscriptions") {
				t.Errorf("err = %s", text)
			}
		})
	}
}

// Bot Service has told the keys in three places of its answer.
func TestKeysAreFoundWhereverTheyAreTold(t *testing.T) {
	w := newWorld(t)
	site := func(name, one, two string) string {
		return `{"sites":[{"siteName":"other","key":"x","key2":"y"},{"siteName":"` + name + `","key":"` + one + `","key2":"` + two + `"}]}`
	}
	channel := func(inner string) string { return `{"channelName":"DirectLineChannel","properties":` + inner + `}` }
	good, blank := site(standin.SiteName, "1", "2"), site(standin.SiteName, "", "")
	for name, test := range map[string]struct {
		body  string
		found bool
	}{
		"properties":                {`{"properties":` + channel(good) + `}`, true},
		"resource":                  {`{"resource":` + channel(good) + `}`, true},
		"setting":                   {`{"setting":` + good + `}`, true},
		"resource, blank elsewhere": {`{"properties":` + channel(blank) + `,"setting":` + blank + `,"resource":` + channel(good) + `}`, true},
		"blank":                     {`{"properties":` + channel(blank) + `}`, false},
		"one key only":              {`{"properties":` + channel(site(standin.SiteName, "1", "")) + `}`, false},
		"another channel":           {`{"properties":{"channelName":"WebChatChannel","properties":` + good + `}}`, false},
		"another site":              {`{"properties":` + channel(site("default site", "1", "2")) + `}`, false},
		"nothing":                   {`{}`, false},
		"nulls":                     {`{"properties":null,"resource":{"channelName":"DirectLineChannel"},"setting":{"sites":[null]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			w.proxy.Handle(standin.Host, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(rw, test.body)
			}))
			got, err := w.client(t, nil).List(t.Context())
			if (err == nil) != test.found || test.found && (got.One.Reveal() != "1" || got.Two.Reveal() != "2") {
				t.Errorf("found %q %q, %v; want found: %v", got.One.Reveal(), got.Two.Reveal(), err, test.found)
			}
		})
	}
}

func TestPassingFailuresAreRetried(t *testing.T) {
	w := newWorld(t)
	w.service.Faults.Add(faults.Answer(500, "InternalServerError").Times(1), faults.Throttle(0).Times(1))
	if _, err := w.client(t, nil).List(t.Context()); err != nil {
		t.Error(err)
	}
	w.service.Faults.Add(faults.CutAfterWork().When(standin.Regenerating).Times(1))
	if err := w.client(t, nil).Regenerate(t.Context(), botservice.Key1); err != nil {
		t.Error(err)
	}
	if got := w.service.Regenerated(directline.Key1); got != 2 {
		t.Errorf("regenerated %d times, want 2: once unheard", got)
	}
}

func TestHoldingAndEqualNeverMatchNothing(t *testing.T) {
	keys := botservice.Keys{One: redacted.New("one"), Two: redacted.New("two")}
	for value, want := range map[string]botservice.Key{"one": botservice.Key1, "two": botservice.Key2, "": "", "on": "", "three": ""} {
		if got := keys.Holding(redacted.New(value)); got != want {
			t.Errorf("Holding(%q) = %q, want %q", value, got, want)
		}
	}
	if (botservice.Keys{}).Holding(redacted.Text{}).IsKnown() || botservice.Equal(redacted.Text{}, redacted.Text{}) {
		t.Error("nothing is held to be a key")
	}
	if botservice.Key1.Other() != botservice.Key2 || botservice.Key2.Other() != botservice.Key1 || botservice.Key("").Other() != "" || !keys.Value("key3").IsEmpty() {
		t.Error("a key that there is not has a value or a counterpart")
	}
}

func TestASiteMustBeNamedInFull(t *testing.T) {
	full := botservice.Site{SubscriptionID: "s", ResourceGroup: "g", Bot: "b", Name: "n"}
	for name, site := range map[string]botservice.Site{
		"no subscription": {ResourceGroup: "g", Bot: "b", Name: "n"}, "no group": {SubscriptionID: "s", Bot: "b", Name: "n"},
		"no bot": {SubscriptionID: "s", ResourceGroup: "g", Name: "n"}, "no site": {SubscriptionID: "s", ResourceGroup: "g", Bot: "b"},
	} {
		if _, err := botservice.NewClient(site, credential{}, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := botservice.NewClient(full, credential{}, nil); err != nil {
		t.Error(err)
	}
}

func TestASiteTellsItsBot(t *testing.T) {
	if got := siteOfTheBot().BotID(); got != standin.ResourceID {
		t.Errorf("BotID = %q", got)
	}
}

func TestTheManagementAPIIsThatOfTheVaultsCloud(t *testing.T) {
	for uri, want := range map[string]string{
		"https://v.vault.azure.net":             "https://management.azure.com",
		"https://v.vault.usgovcloudapi.net/":    "https://management.usgovcloudapi.net",
		"https://V.VAULT.AZURE.CN":              "https://management.chinacloudapi.cn",
		"https://v.vault.azure.cn.evil.example": "https://management.azure.com",
	} {
		if got := botservice.CloudOf(uri).Services[cloud.ResourceManager].Endpoint; got != want {
			t.Errorf("CloudOf(%s) is at %s, want %s", uri, got, want)
		}
	}
}
