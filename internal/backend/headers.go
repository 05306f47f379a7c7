package backend

import (
	"net/http"
	"net/textproto"
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
	search := newEcho(token)
	defer search.clear()
	if search.isIn(a.Body) {
		return true
	}
	for _, values := range a.Header {
		if slices.ContainsFunc(values, func(value string) bool { return search.isIn([]byte(value)) }) {
			return true
		}
	}
	return false
}
