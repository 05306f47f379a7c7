package system_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
)

// A client that sends the beginning of a body and then nothing must not hold a
// connection for ever.
func TestABodyThatStallsEnds(t *testing.T) {
	t.Parallel()
	p := newSystem(t, cloud.Options{}).startHandler(t)
	dialer := net.Dialer{Timeout: patience}
	connection, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(connection, "POST /api/GetNewToken HTTP/1.1\r\nHost: app\r\nOrigin: %s\r\nContent-Length: 100\r\n\r\n{", page)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("it is answered %d, want 400", response.StatusCode)
	}
}
