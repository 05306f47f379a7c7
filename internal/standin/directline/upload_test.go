package directline_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/directline"
)

// part is one part of a form.
type part struct {
	contentType, disposition, content string
}

func form(t *testing.T, parts ...part) (http.Header, []byte) {
	t.Helper()
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	for _, each := range parts {
		into, err := writer.CreatePart(textproto.MIMEHeader{"Content-Type": {each.contentType}, "Content-Disposition": {each.disposition}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := into.Write([]byte(each.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return http.Header{"Content-Type": {writer.FormDataContentType()}}, body.Bytes()
}

// attachmentsOf returns the attachments of the newest activity.
func (s *site) attachmentsOf(conversation, token string) []map[string]any {
	s.t.Helper()
	activities := s.get("/conversations/"+conversation+"/activities", token).activities()
	var found []map[string]any
	list, _ := activities[len(activities)-1]["attachments"].([]any)
	for _, each := range list {
		found = append(found, each.(map[string]any))
	}
	return found
}

func TestUploadOfASingleFile(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("ada")
	// The header is the one of the swagger's example: no disposition type.
	got := site.do(call{method: "POST", path: "/conversations/" + conversation + "/upload?userId=ada", auth: token, body: "joke",
		header: http.Header{"Content-Type": {"image/jpeg"}, "Content-Disposition": {`name="file"; filename="bad joke/eel.jpg"`}}})
	if got.status != http.StatusOK || got.text("id") != conversation+"|0000000" {
		t.Fatalf("upload = %d %s", got.status, got.raw)
	}
	attached := site.attachmentsOf(conversation, token)
	if len(attached) != 1 || attached[0]["contentType"] != "image/jpeg" || attached[0]["name"] != "eel.jpg" {
		t.Fatalf("attachments = %v", attached)
	}
	address, _ := attached[0]["contentUrl"].(string)
	content := site.get(strings.TrimPrefix(address, site.url), "")
	if string(content.raw) != "joke" || content.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the file at %s = %d %s", address, content.status, content.raw)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"} {
		if content.header.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, content.header.Get(name), want)
		}
	}
	if other := site.get("/attachments/guess/eel.jpg", token); other.status != http.StatusNotFound {
		t.Errorf("a guessed attachment = %d, want 404", other.status)
	}
}

// Web Chat sends the activity with its attachments bare, and the files beside it.
func TestUploadOfAnActivityWithFiles(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	header, body := form(t,
		part{"application/vnd.microsoft.activity", `form-data; name="activity"; filename="blob"`,
			`{"type":"message","from":{"id":"eve"},"text":"look","attachments":[{"contentType":"image/png","name":"a.png"}],"channelData":{"clientActivityID":"7"}}`},
		part{"image/png", `form-data; name="file"; filename="a.png"`, "A"},
		part{"nonsense", `form-data; name="file"; filename="b.bin"`, "B"},
	)
	got := site.do(call{method: "POST", path: "/conversations/" + conversation + "/upload?userId=eve", auth: token, body: body, header: header})
	if got.status != http.StatusOK {
		t.Fatalf("upload = %d %s", got.status, got.raw)
	}
	received := site.bot.Received("message")[0]
	if received["text"] != "look" || received["from"].(map[string]any)["id"] != "dl_ada" {
		t.Errorf("the bot got %v", received)
	}
	var names []string
	for _, each := range site.attachmentsOf(conversation, token) {
		if !strings.HasPrefix(fmt.Sprint(each["contentUrl"]), site.url) {
			t.Errorf("attachment without address: %v", each)
		}
		names = append(names, fmt.Sprint(each["name"], " ", each["contentType"]))
	}
	if diff := cmp.Diff([]string{"a.png image/png", "b.bin application/octet-stream"}, names); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
}

func TestUploadsThatAreRefused(t *testing.T) {
	site := newSite(t, &directline.Options{MaxUpload: 4000})
	token, conversation, _ := site.start("")
	path := "/conversations/" + conversation + "/upload?userId=ada"
	image := http.Header{"Content-Type": {"image/png"}}
	empty, emptyBody := form(t)
	broken, brokenBody := form(t, part{"application/vnd.microsoft.activity", `form-data; name="activity"`, "{"})
	attachments, attachmentsBody := form(t,
		part{"application/vnd.microsoft.activity", `form-data; name="activity"`, `{"type":"message","attachments":1}`},
		part{"image/png", `form-data; name="file"; filename="a.png"`, "A"})
	large, largeBody := form(t, part{"image/png", `form-data; name="file"; filename="a.png"`, strings.Repeat("x", 4000)})
	many := make([]part, 21)
	for i := range many {
		many[i] = part{"a/b", `form-data; name="f"`, ""}
	}
	lots, lotsBody := form(t, many...)
	for name, test := range map[string]struct {
		path   string
		header http.Header
		body   []byte
		code   string
	}{
		"no user":              {strings.TrimSuffix(path, "?userId=ada"), image, []byte("x"), "MissingProperty"},
		"no type":              {path, nil, []byte("x"), "BadArgument"},
		"too large":            {path, image, bytes.Repeat([]byte("x"), 4001), "MessageSizeTooBig"},
		"too large a form":     {path, large, largeBody, "MessageSizeTooBig"},
		"no file":              {path, empty, emptyBody, "MissingProperty"},
		"broken activity":      {path, broken, brokenBody, "BadArgument"},
		"wrong attachments":    {path, attachments, attachmentsBody, "BadArgument"},
		"too many files":       {path, lots, lotsBody, "BadArgument"},
		"form without its end": {path, large, largeBody[:300], "BadArgument"},
		"form without bounds":  {path, http.Header{"Content-Type": {"multipart/form-data"}}, []byte("x"), "BadArgument"},
	} {
		got := site.do(call{method: "POST", path: test.path, auth: token, body: test.body, header: test.header})
		if got.status != http.StatusBadRequest || got.errorCode() != test.code {
			t.Errorf("%s: %d %s, want 400 %s", name, got.status, got.raw, test.code)
		}
	}
	if got := site.bot.Received("message"); len(got) != 0 {
		t.Errorf("the bot got %v", got)
	}
}

func TestUploadsCanBeRefusedWhileTheSiteRuns(t *testing.T) {
	site := newSite(t, nil)
	token, conversation, _ := site.start("dl_ada")
	upload := call{method: "POST", path: "/conversations/" + conversation + "/upload", auth: token, body: "x", header: http.Header{"Content-Type": {"image/png"}}}
	lift := site.Fail(directline.Upload, 0, directline.Refuse(http.StatusForbidden, "AttachmentsDisabled", "No uploads"))
	if got := site.do(upload); got.status != http.StatusForbidden {
		t.Errorf("upload = %d, want 403", got.status)
	}
	lift()
	if got := site.do(upload); got.status != http.StatusOK {
		t.Errorf("upload = %d, want 200", got.status)
	}
}

func TestOldUploadsMakeRoomForNewOnes(t *testing.T) {
	site := newSite(t, &directline.Options{MaxUpload: 10})
	token, conversation, _ := site.start("dl_ada")
	var addresses []string
	for range 17 {
		got := site.do(call{method: "POST", path: "/conversations/" + conversation + "/upload", auth: token,
			body: "0123456789", header: http.Header{"Content-Type": {"image/png"}}})
		if got.status != http.StatusOK {
			t.Fatalf("upload = %d %s", got.status, got.raw)
		}
		address, _ := site.attachmentsOf(conversation, token)[0]["contentUrl"].(string)
		addresses = append(addresses, strings.TrimPrefix(address, site.url))
	}
	if oldest := site.get(addresses[0], ""); oldest.status != http.StatusNotFound {
		t.Errorf("the oldest file = %d, want 404", oldest.status)
	}
	if next := site.get(addresses[1], ""); next.status != http.StatusOK {
		t.Errorf("the next file = %d, want 200", next.status)
	}
}
