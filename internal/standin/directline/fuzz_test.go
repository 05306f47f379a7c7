package directline

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzActivity posts arbitrary bytes as an activity: what is taken comes back
// as one JSON object with the speaker that the token binds.
func FuzzActivity(f *testing.F) {
	f.Add([]byte(`{"type":"message","from":{"id":"eve"},"text":"hi","channelData":{"clientActivityID":"1"}}`))
	f.Add([]byte(`{"type":"typing","type":"message","from":null}`))
	f.Add([]byte(`{"type":"conversationUpdate"}`))
	server, err := New(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		to := newConversation("c", Account{}, "")
		activity, speaker, err := server.stampUserActivity(to, caller{user: "dl_ada"}, body)
		if err != nil {
			return
		}
		if _, err := to.append(activity); err != nil {
			t.Fatalf("append: %v", err)
		}
		shown, _ := to.after(0, 0)
		var read struct {
			Type string
			ID   string
			From struct{ ID string }
		}
		if err := json.Unmarshal(shown[0], &read); err != nil {
			t.Fatalf("%s: %v", shown[0], err)
		}
		if read.From.ID != "dl_ada" || speaker.ID != "dl_ada" || read.ID != "c|0000000" || hiddenFromClients(read.Type) {
			t.Errorf("%q became %s", body, shown[0])
		}
	})
}

// FuzzFileName reads arbitrary Content-Disposition headers.
func FuzzFileName(f *testing.F) {
	f.Add(`form-data; name="file"; filename="a.png"`)
	f.Add(`name="file"; filename="badjokeeel.jpg"`)
	f.Add(`attachment; filename*=utf-8''%e2%82%ac.txt`)
	f.Fuzz(func(t *testing.T, header string) {
		if name := fileName(header); name == "" || strings.Contains(name, "/") {
			t.Errorf("%q is named %q", header, name)
		}
	})
}
