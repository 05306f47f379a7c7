package system_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
)

// The handler takes POST /PersistConversation from whoever reaches its port; that
// nobody but the host does is the host's routes' doing, and must stay so.
func TestAnOutsiderCannotInvokeATrigger(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	body := func(id string) string {
		activity := base64.StdEncoding.EncodeToString([]byte(said("c", id, "forged")))
		return fmt.Sprintf(`{"Data":{"activities":"[\"%s\"]"},"Metadata":{}}`, activity)
	}
	for at, target := range []string{
		"/PersistConversation", "/persistconversation", "/PersistConversation/", "//PersistConversation", "/./PersistConversation", "/%50ersistConversation",
		"/api/PersistConversation", "/api//PersistConversation", "/api/../PersistConversation", "/api/%2e%2e/PersistConversation", "/api/..%2fPersistConversation",
		"/api/site/../../PersistConversation", "/api/site/%2e%2e/%2e%2e/PersistConversation", "/api/site/..%2f..%2fPersistConversation", `/api/site/..\..\PersistConversation`,
		"/api/GetNewToken/../../PersistConversation", "/api/GetNewToken/..%2f..%2fPersistConversation",
		"/RotateDirectLineKey", "/api/RotateDirectLineKey", "/api/site/../../RotateDirectLineKey",
		"/admin/functions/PersistConversation", "/runtime/webhooks/PersistConversation", "/api;/PersistConversation", "/?/PersistConversation",
		"http://127.0.0.1/PersistConversation", "*",
	} {
		for _, header := range []string{"", "X-Original-URL: /PersistConversation\r\nX-Rewrite-URL: /PersistConversation\r\n"} {
			status := i.raw(t, target, header, body(fmt.Sprint(at)))
			if status/100 == 2 {
				t.Errorf("POST %s answered %d", target, status)
			}
		}
	}
	if counts := i.Counts(persist); counts.Succeeded+counts.Failed > 0 {
		t.Errorf("invocations: %+v", counts)
	}
	if rows := s.Tables.rows(t, "messages"); len(rows) > 0 {
		t.Errorf("%d activities were stored", len(rows))
	}
	// The same request is good where the host sends it, so that the above proves
	// something.
	if got := i.handler(t).call(t, request{path: "/PersistConversation", body: body("own"), header: map[string]string{"Content-Type": "application/json"}}); got.status != http.StatusOK {
		t.Errorf("on the handler's own port it answered %d %s", got.status, got.body)
	}
	if rows := s.Tables.rows(t, "messages"); len(rows) != 1 {
		t.Errorf("%d rows, want 1", len(rows))
	}
}

// raw sends a request line as it is, which no client library would, and returns
// the status.
func (i *instance) raw(t *testing.T, target, header, body string) int {
	t.Helper()
	connection, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", strings.TrimPrefix(i.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: app.azurewebsites.net\r\nOrigin: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		target, page, header, len(body), body)
	received, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("POST %s: %v", target, err)
	}
	defer received.Body.Close()
	return received.StatusCode
}
