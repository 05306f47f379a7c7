package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// client is one connection that is kept alive. It sends bytes made beforehand
// and is light, since it shares the processors with what it measures.
type client struct {
	connection net.Conn
	reader     *bufio.Reader
}

func dial(ctx context.Context, address string) (*client, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	return &client{connection: connection, reader: bufio.NewReader(connection)}, nil
}

// do sends request, reads the answer whole and tells its status.
func (c *client) do(request []byte) (int, error) {
	if _, err := c.connection.Write(request); err != nil {
		return 0, fmt.Errorf("sending a request: %w", err)
	}
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, fmt.Errorf("reading an answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // it has been read by then
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, fmt.Errorf("reading an answer: %w", err)
	}
	return answer.StatusCode, nil
}

// timed is do for requests that must be answered with 200, in milliseconds.
func (c *client) timed(request []byte) (float64, error) {
	start := time.Now()
	status, err := c.do(request)
	if err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return 0, fmt.Errorf("an answer of status %d", status)
	}
	return milliseconds(time.Since(start)), nil
}

// getRoot is what the Functions host asks until it is answered.
func getRoot() []byte {
	return []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

func post(path, headers, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", path, headers, len(body), body)
}

// load is one side of a comparison under load: connections that are kept between
// rounds.
type load struct {
	clients []*client
	request []byte
}

func newLoad(ctx context.Context, address string, request []byte, connections int) (*load, error) {
	l := &load{request: request}
	for range connections {
		client, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		l.clients = append(l.clients, client)
	}
	return l, nil
}

func (l *load) close() {
	for _, client := range l.clients {
		_ = client.connection.Close() // nothing is lost by it
	}
}

// round keeps all connections busy for a time, and returns how long each call
// took, in milliseconds.
func (l *load) round(length time.Duration) ([]float64, error) {
	took := make([][]float64, len(l.clients))
	failures := make([]error, len(l.clients))
	end := time.Now().Add(length)
	var group sync.WaitGroup
	for i, client := range l.clients {
		group.Go(func() {
			for time.Now().Before(end) && failures[i] == nil {
				var ms float64
				ms, failures[i] = client.timed(l.request)
				took[i] = append(took[i], ms)
			}
		})
	}
	group.Wait()
	var all []float64
	for i := range took {
		if failures[i] != nil {
			return nil, failures[i]
		}
		all = append(all, took[i]...)
	}
	return all, nil
}
