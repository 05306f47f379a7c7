package directline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxFrame bounds what a client may send: keep-alives are empty.
	maxFrame = 4 << 10
	// writeTimeout ends a stream whose client takes nothing any more.
	writeTimeout = 10 * time.Second
)

// stream upgrades to a WebSocket. The t in the URL is the credential; there is
// no Authorization header.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) error {
	found, position, err := s.streamOf(r)
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return badRequest(codeBadArgument, "This is for WebSockets only")
	}
	if !s.enter() {
		return &failure{http.StatusInternalServerError, codeServiceError, "The service is closing"}
	}
	defer s.streams.Done()
	// The request's own context must not be used after the upgrade. Listening
	// begins before it, so that a client that is connected misses nothing.
	running, stop := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer stop(nil)
	listener := found.listen(position, stop)
	defer listener.leave()
	// Any origin may connect: whoever has the URL may listen.
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return nil // Accept has answered
	}
	socket.SetReadLimit(maxFrame)
	s.serve(running, socket, listener)
	return nil
}

// streamOf returns the conversation that the URL grants, and where to begin.
func (s *Server) streamOf(r *http.Request) (*conversation, int, error) {
	query := r.URL.Query()
	if query.Get("t") == "" {
		return nil, 0, &failure{http.StatusUnauthorized, codeBadArgument, "Missing token or secret"}
	}
	grant, err := s.tokens.parse(query.Get("t"), useStream)
	if err != nil {
		return nil, 0, err
	}
	id := r.PathValue("conversation")
	if grant.Conversation != id {
		return nil, 0, errInvalidCredential()
	}
	found, err := s.conversation(id)
	if err != nil {
		return nil, 0, err
	}
	watermark := query.Get("watermark")
	if watermark == "-" {
		watermark = ""
	}
	position, err := found.position(watermark, grant.Position)
	return found, position, err
}

// enter counts a stream that Close is to wait for.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.streams.Add(1)
	return true
}

// serve sends until something ends the stream, and says goodbye as fits.
func (s *Server) serve(running context.Context, socket *websocket.Conn, to *listener) {
	// Close and Forget may have looked for listeners before there was this one.
	if reason := s.gone(to.conversation); reason != nil {
		to.stop(reason)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		// Not with running: a read that is cancelled breaks the connection
		// before the goodbye.
		to.stop(discard(context.WithoutCancel(running), socket))
	}()
	if err := s.pump(running, socket, to); err != nil {
		to.stop(err)
	}
	goodbye(socket, context.Cause(running))
	<-read
}

// gone says why a conversation has no streams any more, or returns nil.
func (s *Server) gone(of *conversation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errServerClosed
	case s.conversations[of.id] != of:
		return errForgotten
	default:
		return nil
	}
}

// discard reads the client's keep-alives until the socket is closed.
func discard(ctx context.Context, socket *websocket.Conn) error {
	for {
		if _, _, err := socket.Read(ctx); err != nil {
			return errClientGone
		}
	}
}

// pump sends what is there and what comes, and an empty frame now and then.
// It returns nil when ctx ends.
func (s *Server) pump(ctx context.Context, socket *websocket.Conn, to *listener) error {
	keepAlive := time.NewTicker(s.options.KeepAlive)
	defer keepAlive.Stop()
	for ctx.Err() == nil {
		if activities := to.next(); len(activities) > 0 {
			if err := send(ctx, socket, encoded(activitySet{activities, watermarkAt(to.position)})); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-to.wake:
		case <-keepAlive.C:
			if err := send(ctx, socket, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// send writes one frame. It does not end with ctx: a frame that is cut would
// make every goodbye look like a lost connection.
func send(ctx context.Context, socket *websocket.Conn, frame json.RawMessage) error {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := socket.Write(limited, websocket.MessageText, frame); err != nil {
		return fmt.Errorf("writing a frame: %w", err)
	}
	return nil
}

// goodbye closes the socket. Errors say that the client was faster.
func goodbye(socket *websocket.Conn, reason error) {
	switch {
	case errors.Is(reason, errCollision):
		_ = socket.Close(websocket.StatusNormalClosure, "collision")
	case errors.Is(reason, errForgotten):
		_ = socket.Close(websocket.StatusNormalClosure, "conversation is gone")
	case errors.Is(reason, errServerClosed):
		_ = socket.Close(websocket.StatusGoingAway, "service restart")
	default:
		_ = socket.CloseNow()
	}
}
