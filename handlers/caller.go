package handlers

import (
	"net/http"
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
