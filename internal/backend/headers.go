package backend

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"chatgate/internal/secretly"
)

// forwarded returns the headers that go to the back end: without those of one
// connection (RFC 9110 section 7.6.1), without credentials of others, and without
// what the platform adds about the caller.
func forwarded(header http.Header) http.Header {
	onlyHere := connectionOptions(header)
	out := http.Header{}
	for name, values := range header {
		if !isPrivate(strings.ToLower(name)) && !slices.Contains(onlyHere, name) {
			out[name] = slices.Clone(values)
		}
	}
	out.Set("Accept-Encoding", "identity")
	if out.Get("User-Agent") == "" {
		out.Set("User-Agent", "chatgate")
	}
	return out
}

// connectionOptions are the headers that Connection names.
func connectionOptions(header http.Header) []string {
	var named []string
	for _, value := range header.Values("Connection") {
		for name := range strings.SplitSeq(value, ",") {
			named = append(named, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	return named
}

// isPrivate tells of headers that never reach the back end.
func isPrivate(name string) bool {
	// Some servers make the same of X_Forwarded_For.
	name = strings.ReplaceAll(name, "_", "-")
	switch name {
	case "connection", "keep-alive", "proxy", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
		"content-length", "host", "accept-encoding",
		"range", "if-range", // parts of an answer could hold parts of the token
		"authorization", "cookie", "cookie2", "x-login-token", "x-conversation-id", "x-functions-key", "x-api-key",
		"origin", "referer", "forwarded", "via", "x-real-ip", "client-ip", "x-client-ip", "x-cluster-client-ip", "x-host", "x-forwarded", "x-rewrite-url", "true-client-ip", "was-default-hostname", "disguised-host", "max-forwards":
		return true
	}
	for _, prefix := range []string{"proxy-", "x-forwarded-", "x-original-", "x-http-", "x-method-", "x-arr-", "x-ms-", "x-azure-", "x-functions-", "x-appservice-", "x-site-", "x-waws-", "sec-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// told returns the headers of an answer that the bot gets. Cookies and challenges
// are between the back end and the user's own devices.
func told(header http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{
		"Content-Type", "Content-Language", "Content-Disposition", "Etag", "Last-Modified", "Retry-After", "Allow", "X-Request-Id", "X-Correlation-Id",
	} {
		if values := header.Values(name); len(values) > 0 {
			out[name] = slices.Clone(values)
		}
	}
	return out
}

// holds tells whether the token is in an answer, as it is or in one of the
// encodings in which systems echo what they were sent.
func (a Answer) holds(token secretly.Bytes) bool {
	if containsForm(a.Body, token) {
		return true
	}
	for _, values := range a.Header {
		for _, value := range values {
			if containsForm([]byte(value), token) {
				return true
			}
		}
	}
	return false
}

func containsForm(text []byte, token secretly.Bytes) bool {
	if bytes.Contains(text, token) || bytes.Contains(unescaped(text), token) {
		return true
	}
	for _, form := range base64Forms(token) {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}

// unescaped undoes what JSON and URLs do to single characters: \u002B, \/ and %2b.
func unescaped(text []byte) []byte {
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		c, size := unescape(text[i:])
		plain = append(plain, c)
		i += size
	}
	return plain
}

// unescape returns the first character of text, which is not empty, and how many
// bytes it takes there.
func unescape(text []byte) (c byte, size int) {
	switch {
	case text[0] == '%' && len(text) >= 3:
		if code, err := strconv.ParseUint(string(text[1:3]), 16, 8); err == nil {
			return byte(code), 3
		}
	case text[0] == '\\' && len(text) >= 6 && text[1] == 'u':
		if code, err := strconv.ParseUint(string(text[2:6]), 16, 8); err == nil {
			return byte(code), 6
		}
	case text[0] == '\\' && len(text) >= 2 && text[1] == '/':
		return '/', 2
	}
	return text[0], 1
}

// shortest is the fewest characters of base64 that are searched for: fewer are
// found by chance.
const shortest = 16

// base64Forms are a token's three alignments in a longer text, in both alphabets,
// without the characters at the ends that neighbours have a part in.
func base64Forms(token secretly.Bytes) [][]byte {
	var forms [][]byte
	for before := range 3 {
		text := append(make([]byte, before), token...)
		start, end := (before*8+5)/6, len(text)*8/6
		if end-start < shortest {
			continue
		}
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, []byte(alphabet.EncodeToString(text))[start:end])
		}
	}
	return forms
}
