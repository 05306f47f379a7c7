package backend

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
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
	switch name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect",
		"content-length", "host", "accept-encoding",
		"authorization", "cookie", "cookie2", "x-login-token", "x-conversation-id", "x-functions-key", "x-api-key",
		"origin", "referer", "forwarded", "via", "x-real-ip", "client-ip", "true-client-ip", "was-default-hostname", "disguised-host", "max-forwards":
		return true
	}
	for _, prefix := range []string{"proxy-", "x-forwarded-", "x-original-", "x-arr-", "x-ms-", "x-azure-", "x-functions-", "x-appservice-", "x-site-", "x-waws-", "sec-"} {
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
	for _, form := range formsOf(token) {
		if bytes.Contains(a.Body, form) || headerHolds(a.Header, form) {
			return true
		}
	}
	return false
}

func headerHolds(header http.Header, form []byte) bool {
	for _, values := range header {
		for _, value := range values {
			if strings.Contains(value, string(form)) {
				return true
			}
		}
	}
	return false
}

// formsOf are a token's spellings: plain, with JSON's optional escape, percent-
// encoded, and as base64.
func formsOf(token secretly.Bytes) [][]byte {
	plain := string(token)
	return [][]byte{
		token,
		[]byte(strings.ReplaceAll(plain, "/", `\/`)),
		[]byte(url.QueryEscape(plain)),
		[]byte(strings.TrimRight(base64.StdEncoding.EncodeToString(token), "=")),
		[]byte(strings.TrimRight(base64.URLEncoding.EncodeToString(token), "=")),
	}
}
