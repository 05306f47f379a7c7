package directline_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// listen opens a stream.
func (s *site) listen(streamURL string) *websocket.Conn {
	s.t.Helper()
	return s.listenFrom(streamURL, "https://shop.example")
}

func (s *site) listenFrom(streamURL, origin string) *websocket.Conn {
	s.t.Helper()
	socket, response, err := websocket.Dial(s.t.Context(), streamURL, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		HTTPHeader: http.Header{"Origin": {origin}},
	})
	if err != nil {
		s.t.Fatalf("connecting the stream: %v", err)
	}
	if response.Body != nil {
		_ = response.Body.Close()
	}
	s.t.Cleanup(func() { _ = socket.CloseNow() })
	return socket
}

// read reads one frame, and gives up before the test binary does.
func (s *site) read(socket *websocket.Conn) ([]byte, error) {
	s.t.Helper()
	limited, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	_, raw, err := socket.Read(limited)
	return raw, err
}

// frame reads the next frame that is not empty: an ActivitySet.
func (s *site) frame(socket *websocket.Conn) answer {
	s.t.Helper()
	for {
		raw, err := s.read(socket)
		if err != nil {
			s.t.Fatalf("reading a frame: %v", err)
		}
		if len(raw) == 0 {
			continue
		}
		got := answer{raw: raw}
		if err := json.Unmarshal(raw, &got.body); err != nil {
			s.t.Fatalf("frame %s: %v", raw, err)
		}
		s.seen.checkFrame(raw)
		return got
	}
}

// texts reads frames until it has seen n activities, and returns what they say.
func (s *site) texts(socket *websocket.Conn, n int) []string {
	s.t.Helper()
	var found []string
	for len(found) < n {
		for _, activity := range s.frame(socket).activities() {
			found = append(found, saying(activity))
		}
	}
	return found
}

// closing reads until the socket is closed and returns how.
func (s *site) closing(socket *websocket.Conn) (websocket.StatusCode, string) {
	s.t.Helper()
	for {
		_, err := s.read(socket)
		if closed := (websocket.CloseError{}); errors.As(err, &closed) {
			return closed.Code, closed.Reason
		}
		if err != nil {
			return -1, "" // no closing frame
		}
	}
}

func (s *site) sendText(conversation, text string) {
	s.t.Helper()
	if _, err := s.Send(s.t.Context(), conversation, json.RawMessage(`{"type":"message","text":"`+text+`"}`)); err != nil {
		s.t.Fatal(err)
	}
}
