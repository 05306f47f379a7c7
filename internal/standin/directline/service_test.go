package directline_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/directline"
)

func TestAServicesActivityReachesTheBotAndNoClient(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	activity := json.RawMessage(`{"type":"event","name":"tokens/response","value":{"token":"canary"}}`)
	if err := site.Deliver(t.Context(), conversation, "dl_ada", activity); err != nil {
		t.Fatal(err)
	}
	events := site.bot.Received("event")
	if len(events) != 1 {
		t.Fatalf("the bot got %d events, want 1", len(events))
	}
	if id, _ := events[0]["id"].(string); id == "" {
		t.Error("the event has no id")
	}
	delete(events[0], "id")
	want := map[string]any{
		"type": "event", "name": "tokens/response", "value": map[string]any{"token": "canary"},
		"timestamp": "2026-03-01T10:00:00.0000000Z", "channelId": "directline", "serviceUrl": "https://directline.botframework.com/",
		"from": map[string]any{"id": "dl_ada"}, "conversation": map[string]any{"id": conversation},
		"recipient": map[string]any{"id": "demobot", "name": "Demo bot", "role": "bot"},
	}
	if diff := cmp.Diff(want, events[0]); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
	if got := site.get("/conversations/"+conversation+"/activities", token); strings.Contains(string(got.raw), "canary") {
		t.Errorf("clients see the user's token: %s", got.raw)
	}
}

func TestWhatAServiceCannotDeliver(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, _ := site.start("dl_ada")
	event := json.RawMessage(`{"type":"event","name":"tokens/response"}`)
	if err := site.Deliver(t.Context(), "lost", "dl_ada", event); !errors.Is(err, directline.ErrUnknownConversation) {
		t.Errorf("to an unknown conversation: %v", err)
	}
	for _, bad := range []string{"", "[]", `{"name":"tokens/response"}`} {
		if err := site.Deliver(t.Context(), conversation, "dl_ada", json.RawMessage(bad)); err == nil {
			t.Errorf("%q was delivered", bad)
		}
	}
	refusing := errors.New("no")
	site.bot.answer = func(context.Context, map[string]any) error { return refusing }
	if err := site.Deliver(t.Context(), conversation, "dl_ada", event); !errors.Is(err, refusing) {
		t.Errorf("with a bot that refuses: %v", err)
	}
}

// browser opens addresses of Azure's names, all of them here, and keeps cookies
// as browsers do.
func browser(t *testing.T, server *httptest.Server) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: rerouted{server.Client().Transport, server.Listener.Addr().String()}}
}

// rerouted sends every request to one address, under the name that it asked for.
type rerouted struct {
	transport http.RoundTripper
	address   string
}

func (r rerouted) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Host = request.URL.Host
	request.URL.Scheme, request.URL.Host = "http", r.address
	return r.transport.RoundTrip(request)
}

// In Azure the two services are neighbours below botframework.com; on one machine
// they share a host.
func TestTheTokenServiceRecognizesTheBrowsersSession(t *testing.T) {
	for name, test := range map[string]struct {
		directLine, signIn string
		same               bool
	}{
		"in Azure":                {"directline.botframework.com", "token.botframework.com", true},
		"in a region":             {"europe.directline.botframework.com", "europe.token.botframework.com", true},
		"in US Government":        {"directline.botframework.azure.us", "token.botframework.azure.us", true},
		"on one machine":          {"127.0.0.1:7071", "127.0.0.1:7071", true},
		"by two names":            {"127.0.0.1:7071", "localhost:7071", false},
		"in two clouds":           {"directline.botframework.com", "token.botframework.azure.us", false},
		"at a name that looks so": {"directline.evilbotframework.com", "token.evilbotframework.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			site := newSite(t, nil)
			token, _ := site.generate("dl_ada", shop)
			var seen string
			var known bool
			mux := http.NewServeMux()
			mux.Handle(prefix+"/", http.StripPrefix(prefix, site.Server))
			mux.HandleFunc("/signin", func(_ http.ResponseWriter, r *http.Request) { seen, known = site.SessionID(r) })
			server := httptest.NewServer(mux)
			defer server.Close()
			client := browser(t, server)
			get := func(address string, header http.Header) *http.Response {
				t.Helper()
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				if header != nil {
					request.Header = header
				}
				response, err := client.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				return response
			}
			response := get("https://"+test.directLine+prefix+"/session/getsessionid",
				http.Header{"Authorization": {"Bearer " + token}, "Origin": {shop}})
			var session struct{ SessionID string }
			if err := json.NewDecoder(response.Body).Decode(&session); err != nil || session.SessionID == "" {
				t.Fatalf("session id: %v", err)
			}
			_ = response.Body.Close()
			_ = get("https://"+test.signIn+"/signin", nil).Body.Close()
			if known != test.same || test.same && seen != session.SessionID {
				t.Errorf("the Token Service sees session %q (%t), the page %q", seen, known, session.SessionID)
			}
		})
	}
}

func TestACookieOfOnesOwnMakingIsNoSession(t *testing.T) {
	site := newSite(t, nil)
	for _, cookie := range []string{"", "webchat_session_v2=short", "webchat_session_v2=" + url.QueryEscape(strings.Repeat("a", 26))} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/signin", http.NoBody)
		r.Header.Set("Cookie", cookie)
		if id, ok := site.SessionID(r); ok {
			t.Errorf("%q is session %q", cookie, id)
		}
	}
}
