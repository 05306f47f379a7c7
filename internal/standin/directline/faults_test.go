package directline_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/directline"
)

func TestFaultsAnswerInPlaceOfTheSite(t *testing.T) {
	site := newSite(t, nil)
	site.seen.stop()
	for name, test := range map[string]struct {
		fault  directline.Fault
		status int
		check  func(answer) bool
	}{
		"throttle": {directline.Throttle(7 * time.Second), 429, func(a answer) bool { return a.header.Get("Retry-After") == "7" }},
		"throttle without a time": {directline.Throttle(0), 429, func(a answer) bool {
			return a.header.Values("Retry-After") == nil && a.errorCode() != ""
		}},
		"refuse":      {directline.Refuse(403, "RegionNotAllowed", "no"), 403, func(a answer) bool { return a.errorCode() == "RegionNotAllowed" }},
		"wrong shape": {directline.Reply(200, "text/html", "<html>"), 200, func(a answer) bool { return string(a.raw) == "<html>" }},
		"huge": {directline.Huge(1 << 20), 200, func(a answer) bool {
			return len(a.raw) >= 1<<20 && json.Valid(a.raw)
		}},
	} {
		site.Fail(directline.GenerateToken, 1, test.fault)
		got := site.post("/tokens/generate", site.secret(), nil)
		if got.status != test.status || !test.check(got) {
			t.Errorf("%s: %d %.100s %v", name, got.status, got.raw, got.header)
		}
	}
	if got := site.post("/tokens/generate", site.secret(), nil); got.status != http.StatusOK {
		t.Errorf("afterwards = %d, want 200", got.status)
	}
}

func TestConnectionsAreCut(t *testing.T) {
	site := newSite(t, nil)
	site.seen.stop()
	for name, fault := range map[string]directline.Fault{"before the answer": directline.Cut(), "in the answer": directline.CutMidAnswer()} {
		site.Fail(directline.GenerateToken, 1, fault)
		if got, err := site.try(call{method: "POST", path: "/tokens/generate", auth: site.secret()}); err == nil {
			t.Errorf("%s: %d %s, want an error", name, got.status, got.raw)
		}
	}
}

func TestFaultsAreForAnOperationAndANumberOfCalls(t *testing.T) {
	site := newSite(t, nil)
	token, _ := site.generate("dl_ada")
	site.Fail(directline.GenerateToken, 2, directline.Throttle(0))
	if got := site.post("/tokens/refresh", token, nil); got.status != 200 {
		t.Errorf("another operation = %d, want 200", got.status)
	}
	lift := site.Fail(directline.Any, 0, directline.Refuse(500, "ServiceError", "no"))
	for i, want := range []int{429, 429, 500, 500} {
		if got := site.post("/tokens/generate", site.secret(), nil); got.status != want {
			t.Errorf("call %d = %d, want %d", i+1, got.status, want)
		}
	}
	if got := site.post("/tokens/refresh", token, nil); got.status != 500 {
		t.Errorf("refresh = %d, want 500", got.status)
	}
	lift()
	lift() // harmless
	if got := site.post("/tokens/refresh", token, nil); got.status != 200 {
		t.Errorf("refresh = %d, want 200", got.status)
	}
	for operation, want := range map[directline.Operation]int{
		directline.GenerateToken: 5, directline.RefreshToken: 3, directline.StartConversation: 0, directline.Any: 8,
	} {
		if got := site.Calls(operation); got != want {
			t.Errorf("Calls(%q) = %d, want %d", operation, got, want)
		}
	}
}

func TestAHangingCallGoesOnWhenReleased(t *testing.T) {
	site := newSite(t, nil)
	fault, release := directline.Hang()
	site.Fail(directline.GenerateToken, 1, fault)
	answered := make(chan answer)
	go func() {
		got, _ := site.try(call{method: "POST", path: "/tokens/generate", auth: site.secret(), body: map[string]any{"user": map[string]any{"id": "dl_ada"}}})
		answered <- got
	}()
	for site.Calls(directline.GenerateToken) == 0 {
		// The call is on its way.
		select {
		case got := <-answered:
			t.Fatalf("answered %d before the release", got.status)
		case <-time.After(time.Millisecond):
		}
	}
	release()
	release() // harmless
	got := <-answered
	if _, claims := claimsOf(t, got.text("token")); got.status != 200 || claims["user"] != "dl_ada" {
		t.Errorf("after the release = %d %s", got.status, got.raw)
	}
}

func TestAHangingCallEndsWithItsClient(t *testing.T) {
	site := newSite(t, nil)
	site.seen.stop()
	fault, release := directline.Hang()
	t.Cleanup(release)
	ended := make(chan struct{})
	site.Fail(directline.GenerateToken, 1, func(w http.ResponseWriter, r *http.Request) bool {
		defer close(ended)
		return fault(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, site.url+"/tokens/generate", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		for site.Calls(directline.GenerateToken) == 0 && ctx.Err() == nil {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	if response, err := client.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("the call was answered")
	}
	<-ended
}
