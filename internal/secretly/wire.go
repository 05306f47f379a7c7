package secretly

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// writer gathers a request in one buffer. Being an [io.ByteWriter] it keeps
// [http.Request.Write] from making a buffer of its own, and having only one it
// can clear it.
type writer struct {
	to  io.Writer
	buf []byte
}

var _ io.ReaderFrom = (*writer)(nil)

func newWriter(to io.Writer) *writer {
	return &writer{to: to, buf: make([]byte, 0, 16<<10)}
}

// Write sends what does not fit the buffer after what is in it.
func (w *writer) Write(text []byte) (int, error) {
	if len(w.buf)+len(text) > cap(w.buf) {
		if err := w.Flush(); err != nil {
			return 0, err
		}
	}
	if len(text) > cap(w.buf) {
		n, err := w.to.Write(text)
		if err != nil {
			return n, fmt.Errorf("writing to the connection: %w", err)
		}
		return n, nil
	}
	w.buf = append(w.buf, text...)
	return len(text), nil
}

// WriteByte implements [io.ByteWriter].
func (w *writer) WriteByte(c byte) error {
	_, err := w.Write([]byte{c})
	return err
}

// ReadFrom implements [io.ReaderFrom], so that no body passes through one of the
// buffers that net/http keeps for all requests: they are not erased.
func (w *writer) ReadFrom(from io.Reader) (int64, error) {
	var total int64
	for {
		if len(w.buf) == cap(w.buf) {
			if err := w.Flush(); err != nil {
				return total, err
			}
		}
		n, err := from.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, fmt.Errorf("reading what is to be sent: %w", err)
		}
	}
}

// Flush sends what is in the buffer.
func (w *writer) Flush() error {
	_, err := w.to.Write(w.buf)
	w.clear()
	if err != nil {
		return fmt.Errorf("writing to the connection: %w", err)
	}
	return nil
}

func (w *writer) clear() {
	clear(w.buf[:cap(w.buf)])
	w.buf = w.buf[:0]
}

// newReader reads at most limit bytes of a connection.
func newReader(connection io.Reader, limit int64) *bufio.Reader {
	return bufio.NewReader(io.LimitReader(connection, limit))
}

// final reads the head of the first answer that is not an interim one
// (RFC 9110 section 15.2).
func final(in *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range maxInterim {
		answer, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, malformed(err)
		}
		if answer.StatusCode >= http.StatusOK {
			return answer, nil
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errors.New("the answer never came to its end")
}

// malformed keeps a connection's errors and drops what net/http says of an
// answer that is none, since it quotes the answer.
func malformed(err error) error {
	var connection net.Error
	if errors.As(err, &connection) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return errors.New("it is not an HTTP answer")
}

// tunnel asks a proxy for a way to target (RFC 9110 section 9.3.6).
func tunnel(connection net.Conn, target string, user *url.Userinfo) error {
	head := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user != nil {
		password, _ := user.Password()
		head += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(connection, head+"\r\n"); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	// Byte by byte: what follows the head belongs to the other side.
	in := bufio.NewReaderSize(&single{io.LimitReader(connection, maxHead)}, 1)
	answer, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("reading the proxy's answer: %w", malformed(err))
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the proxy answered %d", answer.StatusCode)
	}
	return nil
}

// single reads one byte at a time.
type single struct {
	from io.Reader
}

// Read implements [io.Reader].
func (s *single) Read(p []byte) (int, error) {
	return s.from.Read(p[:min(len(p), 1)]) //nolint:wrapcheck // io.Reader's own errors
}
