package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// verifyTimeout bounds what it may take to tell whose access token this is: the
// keys of a tenant may have to be fetched.
const verifyTimeout = 30 * time.Second

// accessToken returns the one access token of a request. Where there is none, how
// tells the caller to send one.
func accessToken(x *exchange, how string) (redacted.Text, error) {
	if len(x.request.Header.Values("Authorization")) > 1 {
		return redacted.Text{}, badRequest("There are several Authorization headers. Send one.")
	}
	token, ok := bearerToken(x.request.Header)
	if !ok || token == "" {
		return redacted.Text{}, problem.New(problem.TokenMissing, how)
	}
	return redacted.New(token), nil
}

// bearerToken reads the Authorization header (RFC 6750 section 2.1); the scheme
// ignores case (RFC 9110 section 11.1).
func bearerToken(header http.Header) (string, bool) {
	scheme, token, found := strings.Cut(header.Get("Authorization"), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.Trim(token, " "), true
}

// segmentsAfter returns the decoded segments of a path after /api/<fixed>/. It
// looks at the path as it was written: an escaped slash is part of its segment.
func segmentsAfter(address *url.URL, fixed string) (segments []string, ok bool) {
	for part := range strings.SplitSeq(strings.Trim(address.EscapedPath(), "/"), "/") {
		segment, err := url.PathUnescape(part)
		if err != nil {
			return nil, false
		}
		segments = append(segments, segment)
	}
	if len(segments) < 2 || !strings.EqualFold(segments[0], prefix) || !strings.EqualFold(segments[1], fixed) {
		return nil, false
	}
	return segments[2:], true
}
