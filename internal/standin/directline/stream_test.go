package directline_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/directline"
)

func asHTTP(streamURL string) string {
	return "http" + strings.TrimPrefix(streamURL, "ws")
}

// grantOf is the t of a stream URL.
func grantOf(t *testing.T, streamURL string) string {
	t.Helper()
	parsed, err := url.Parse(streamURL)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query().Get("t")
}

func TestTheStreamURLIsWhereTheSiteIsMounted(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, streamURL := site.start("dl_ada")
	want := "ws" + strings.TrimPrefix(site.url, "http") + "/conversations/" + conversation + "/stream?watermark=-&t="
	if !strings.HasPrefix(streamURL, want) {
		t.Errorf("streamUrl = %s, want %s…", streamURL, want)
	}
	elsewhere := newSite(t, &directline.Options{Endpoint: "https://europe.directline.botframework.com/v3/directline/"})
	if _, _, streamURL = elsewhere.start("dl_ada"); !strings.HasPrefix(streamURL, "wss://europe.directline.botframework.com/v3/directline/conversations/") {
		t.Errorf("streamUrl = %s, want the endpoint of the options", streamURL)
	}
}

func TestWhatWasSaidBeforeTheStreamOpenedIsReplayed(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, streamURL := site.start("dl_ada")
	site.sendText(conversation, "early")
	socket := site.listen(streamURL)
	site.sendText(conversation, "live")
	if diff := cmp.Diff([]string{"early", "live"}, site.texts(socket, 2)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

// Facts: typing comes over WebSocket only; one of the past is not replayed.
func TestTypingIsLiveOnly(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, streamURL := site.start("dl_ada")
	typing := json.RawMessage(`{"type":"typing"}`)
	if _, err := site.Send(t.Context(), conversation, typing); err != nil {
		t.Fatal(err)
	}
	site.sendText(conversation, "old")
	socket := site.listen(streamURL)
	if diff := cmp.Diff([]string{"old"}, site.texts(socket, 1)); diff != "" {
		t.Fatalf("replay (-want +got):\n%s", diff)
	}
	if _, err := site.Send(t.Context(), conversation, typing); err != nil {
		t.Fatal(err)
	}
	if got := site.frame(socket).activities(); saying(got[0]) != "typing" {
		t.Errorf("live = %v, want typing", got)
	}
}

// Facts: the client sends "" every 20 s and must ignore the service's own.
func TestKeepAlivesGoBothWays(t *testing.T) {
	site := newSite(t, &directline.Options{KeepAlive: time.Millisecond})
	_, conversation, streamURL := site.start("dl_ada")
	socket := site.listen(streamURL)
	frame, err := site.read(socket)
	if err != nil || len(frame) != 0 {
		t.Fatalf("first frame = %q, %v, want an empty one", frame, err)
	}
	for range 3 {
		if err := socket.Write(t.Context(), websocket.MessageText, nil); err != nil {
			t.Fatal(err)
		}
	}
	site.sendText(conversation, "still here")
	if diff := cmp.Diff([]string{"still here"}, site.texts(socket, 1)); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

// Facts: one WebSocket a conversation. The service names the reason "collision".
func TestASecondStreamTakesOver(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, streamURL := site.start("dl_ada")
	first := site.listen(streamURL)
	second := site.listen(streamURL)
	if code, reason := site.closing(first); code != websocket.StatusNormalClosure || reason != "collision" {
		t.Errorf("the first stream closed with %d %q, want collision", code, reason)
	}
	site.sendText(conversation, "for the second")
	if diff := cmp.Diff([]string{"for the second"}, site.texts(second, 1)); diff != "" {
		t.Errorf("second stream (-want +got):\n%s", diff)
	}
}

func TestACutStreamLosesNothing(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	socket := site.listen(streamURL)
	site.sendText(conversation, "one")
	watermark := site.frame(socket).text("watermark")
	if !site.CutStream(conversation) {
		t.Fatal("there was no stream")
	}
	if code, _ := site.closing(socket); code != -1 {
		t.Errorf("a cut stream closed with %d, want no closing frame", code)
	}
	if site.CutStream(conversation) || site.CutStream("unknown") {
		t.Error("CutStream found a stream where there is none")
	}
	site.sendText(conversation, "two")
	again := site.listen(site.get("/conversations/"+conversation+"?watermark="+watermark, token).text("streamUrl"))
	if diff := cmp.Diff([]string{"two"}, site.texts(again, 1)); diff != "" {
		t.Errorf("after reconnect (-want +got):\n%s", diff)
	}
}

func TestStreamsThatAreRefused(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, streamURL := site.start("dl_ada")
	_, other, _ := site.start("dl_eve")
	path := strings.TrimPrefix(asHTTP(streamURL), site.url)
	check := func(name, path string, status int, code string) {
		t.Helper()
		if got := site.get(path, ""); got.status != status || got.errorCode() != code {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.errorCode(), status, code)
		}
	}
	check("no upgrade", path, 400, "BadArgument")
	check("no grant", "/conversations/"+conversation+"/stream", 401, "BadArgument")
	check("an access token as grant", "/conversations/"+conversation+"/stream?t="+token, 403, "BadArgument")
	check("another conversation", strings.Replace(path, conversation, other, 1), 403, "BadArgument")
	check("bad watermark", strings.Replace(path, "watermark=-", "watermark=x", 1), 400, "BadArgument")
	site.clock.Advance(60 * time.Second)
	check("after 60 s", path, 403, "TokenExpired")
}

func TestPagesWithoutAnOriginOfTheirOwnMayListen(t *testing.T) {
	site := newSite(t, nil)
	_, _, streamURL := site.start("dl_ada")
	site.listenFrom(streamURL, "null")
}

func TestStreamsEndWithTheirConversationAndWithTheServer(t *testing.T) {
	site := newSite(t, nil)
	_, conversation, forgotten := site.start("dl_ada")
	_, _, streamURL := site.start("dl_ada")
	first, second := site.listen(forgotten), site.listen(streamURL)
	site.Forget(conversation)
	if code, _ := site.closing(first); code != websocket.StatusNormalClosure {
		t.Errorf("the lost conversation's stream closed with %d, want 1000", code)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		site.Close()
	}()
	if code, _ := site.closing(second); code != websocket.StatusGoingAway {
		t.Errorf("the server's stream closed with %d, want 1001", code)
	}
	<-closed
	late := call{method: http.MethodGet, path: strings.TrimPrefix(asHTTP(streamURL), site.url), header: http.Header{"Upgrade": {"websocket"}}}
	if got := site.do(late); got.status != http.StatusInternalServerError {
		t.Errorf("a stream after Close = %d, want 500", got.status)
	}
}
