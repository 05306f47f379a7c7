package backend

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// forwarded returns the headers that go to the back end: those that say what the
// bot wants, and nothing that says who calls, from where or by which right. Those
// of one connection (RFC 9110 section 7.6.1) are not among them, even if Connection
// names one that would be.
func forwarded(header http.Header) http.Header {
	onlyHere := connectionOptions(header)
	out := http.Header{}
	for name, values := range header {
		if isForBackend(name) && !slices.Contains(onlyHere, name) {
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

// isForBackend tells of headers that reach the back end: a list of well-known ones,
// and names of the client's own, X-…, but for those of [isOfGateways].
func isForBackend(name string) bool {
	// Some servers make the same of X_Remote_User, and some of any other sign.
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	for _, c := range []byte(name) {
		if !isLetter(c) && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	// Not Range and If-Range: parts of an answer could hold parts of the token.
	switch name {
	case "accept", "accept-charset", "accept-language", "accept-version", "api-version", "cache-control", "pragma", "prefer", "user-agent",
		"content-type", "content-language", "content-encoding", "content-disposition", "content-digest", "content-md5", "repr-digest", "digest",
		"if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
		"idempotency-key", "x-idempotency-key", "soapaction", "odata-version", "odata-maxversion", "consistencylevel",
		"traceparent", "tracestate", "request-id", "correlation-id", "x-request-id", "x-correlation-id":
		return true
	}
	return strings.HasPrefix(name, "x-") && !isOfGateways(name)
}

// isOfGateways tells of X- headers by which a gateway tells the system behind it who
// calls, and which some systems believe from anybody: Chatgate may reach a back
// end that such a gateway stands before for others. Neither the bot nor whoever
// calls in its place may be another user by them, or lead the call elsewhere; the
// token alone says for whom it is.
//
// There are more products than a list could name. It is therefore by what their
// headers speak of, in any part of a name: X-Remote-User, X-WEBAUTH-USER,
// X-SSL-Client-S-DN, X-Amzn-Oidc-Identity, X-Goog-Authenticated-User-Email,
// X-Ms-Client-Principal, X-Consumer-Groups, X-Api-Key. A header of the client's own
// that is caught by it needs another name.
func isOfGateways(name string) bool {
	for _, family := range []string{
		"x-amz", "x-appservice-", "x-arr-", "x-azure-", "x-cf-", "x-envoy-", "x-functions-", "x-goog-", "x-http-", "x-istio-", "x-method-", "x-ms-",
		"x-nginx-", "x-site-", "x-waws-", "x-conversation-id",
	} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	for _, subject := range []string{
		"admin", "auth", "behalf", "cert", "claim", "client", "consumer", "cookie", "credential", "email", "forward", "group", "host", "ident",
		"impersonat", "jwt", "key", "login", "logon", "oidc", "original", "override", "passw", "principal", "proxy", "remote", "rewrite", "role",
		"saml", "secret", "session", "ssl", "subject", "tls", "token", "user",
	} {
		if strings.Contains(name, subject) {
			return true
		}
	}
	return slices.ContainsFunc(strings.Split(name, "-"), func(word string) bool {
		// Too short to be looked for inside other words.
		return slices.Contains([]string{"addr", "address", "dn", "ip", "path", "port", "proto", "scheme", "scope", "scopes", "sub", "uri", "url", "via"}, word)
	})
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
