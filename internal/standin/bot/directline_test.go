package bot_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bot"
	"chatgate/internal/standin/directline"
)

// TestTheBotBehindDirectLine talks to the bot as a client of the stand-in.
func TestTheBotBehindDirectLine(t *testing.T) {
	site, err := directline.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	log := &journal{}
	site.Connect(bot.New(site, log, nil))
	call := func(method, path, auth, body string) (int, map[string]any) {
		t.Helper()
		request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+auth)
		recorded := httptest.NewRecorder()
		site.ServeHTTP(recorded, request)
		var answer map[string]any
		if err := json.Unmarshal(recorded.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return recorded.Code, answer
	}
	_, generated := call(http.MethodPost, "/tokens/generate", site.Secret(directline.Key1).Reveal(), `{"user":{"id":"dl_ada"}}`)
	token, conversation := generated["token"].(string), generated["conversationId"].(string)
	call(http.MethodPost, "/conversations", token, "")
	activities := "/conversations/" + conversation + "/activities"
	for text, want := range map[string]int{"hi": http.StatusOK, "error": http.StatusBadGateway} {
		if got, answer := call(http.MethodPost, activities, token, `{"type":"message","text":"`+text+`"}`); got != want {
			t.Errorf("saying %q = %d %v, want %d", text, got, answer, want)
		}
	}
	_, shown := call(http.MethodGet, activities, token, "")
	inChat := map[string]string{}
	for _, each := range shown["activities"].([]any) {
		inChat[each.(map[string]any)["id"].(string)], _ = each.(map[string]any)["text"].(string)
	}
	logged := map[string]string{}
	for _, each := range log.logged {
		if each["type"] == "message" {
			logged[each["id"].(string)], _ = each["text"].(string)
		}
	}
	if diff := cmp.Diff(inChat, logged); diff != "" || len(logged) != 4 {
		t.Errorf("the transcript differs from the chat, or is not greeting, hi, echo and error (-chat +transcript):\n%s%v", diff, logged)
	}
}
