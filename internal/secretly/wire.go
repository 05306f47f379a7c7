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

	"chatgate/internal/outbound"
)

// writer gathers a request in one buffer. Being an [io.ByteWriter] it keeps
// [http.Request.Write] from making a buffer of its own, and having only one it
// can clear it.
type writer struct {
	to  io.Writer
	buf []byte
	// failure is why the connection takes no more, or nil. net/http hides it: what
	// it returns of a body that could not be copied does not unwrap.
	failure error
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
		return w.pass(text)
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
	_, err := w.pass(w.buf)
	w.clear()
	return err
}

func (w *writer) pass(text []byte) (int, error) {
	n, err := w.to.Write(text)
	if err != nil {
		w.failure = fmt.Errorf("writing to the connection: %w", err)
	}
	return n, w.failure
}

func (w *writer) clear() {
	clear(w.buf[:cap(w.buf)])
	w.buf = w.buf[:0]
}

// final reads the head of the first answer that is not an interim one
// (RFC 9110 section 15.2).
func final(in *bufio.Reader, req *http.Request) (*http.Response, error) {
	for range maxInterim + 1 {
		answer, err := http.ReadResponse(in, req)
		if err != nil {
			return nil, malformed(err, "what came is not an HTTP answer")
		}
		if answer.StatusCode >= http.StatusOK {
			return answer, nil
		}
		if answer.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, outbound.PlainError("only interim answers came")
}

// malformed keeps a connection's errors and puts words in the place of what
// net/http says of an answer that is none, since it quotes the answer.
func malformed(err error, words outbound.PlainError) error {
	var connection net.Error
	if errors.As(err, &connection) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return words
}

// authorization is what a proxy is told of who calls, or "" (RFC 7617).
func authorization(proxy *url.URL) string {
	if proxy.User == nil {
		return ""
	}
	password, _ := proxy.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(proxy.User.Username()+":"+password))
}

// tunnel asks a proxy for a way to target (RFC 9110 section 9.3.6).
func tunnel(connection net.Conn, target string, proxy *url.URL) error {
	head := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if who := authorization(proxy); who != "" {
		head += "Proxy-Authorization: " + who + "\r\n"
	}
	if _, err := io.WriteString(connection, head+"\r\n"); err != nil {
		return fmt.Errorf("asking the proxy: %w", err)
	}
	// Byte by byte: what follows the head belongs to the other side.
	in := bufio.NewReaderSize(&single{io.LimitReader(connection, maxHead)}, 1)
	answer, err := http.ReadResponse(in, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what the proxy says of a refusal is not waited for
	if err != nil {
		return fmt.Errorf("reading the proxy's answer: %w", malformed(err, "what the proxy answered is not HTTP"))
	}
	if answer.StatusCode != http.StatusOK {
		return outbound.PlainError(fmt.Sprintf("the proxy answered %d", answer.StatusCode))
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
