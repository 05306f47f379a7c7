package directline

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// sessionCookie ties a sign-in to the browser that began it.
	sessionCookie = "webchat_session_v2"
	sessionLife   = time.Hour
	// base32Alphabet is that of rand.Text.
	base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// getSessionID answers with the id of this browser's session, the same one as
// long as the browser sends its cookie back. Web Chat adds it to sign-in links,
// so that no magic code is needed.
func (s *Server) getSessionID(w http.ResponseWriter, r *http.Request) error {
	who, err := s.caller(r)
	if err != nil {
		return err
	}
	if who.hasSecret {
		return errInvalidCredential()
	}
	if err := s.trusts(who, originOf(r)); err != nil {
		return err
	}
	session, known := sessionOf(r)
	if !known {
		session = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: session, Path: "/", Domain: cookieDomain(r.Host), MaxAge: int(sessionLife.Seconds()),
		// The page is of another site, so None, which browsers take with Secure only.
		HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode,
	})
	writeJSON(w, http.StatusOK, struct {
		SessionID string `json:"sessionId"`
	}{s.sessionID(session)})
	return nil
}

// SessionID returns the id of the session that r's browser is in, by its cookie.
// It is how the Token Service finds out whether a sign-in link was opened in the
// browser that the chat runs in. ok is false for a browser without a session.
func (s *Server) SessionID(r *http.Request) (id string, ok bool) {
	session, known := sessionOf(r)
	if !known {
		return "", false
	}
	return s.sessionID(session), true
}

// sessionID is what a page is told. The cookie does not follow from it: pages
// put it into links, and a link can be passed on.
func (s *Server) sessionID(session string) string {
	mac := hmac.New(sha256.New, s.sessionKey)
	mac.Write([]byte(session))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// sessionOf returns the session in the cookie.
func sessionOf(r *http.Request) (session string, known bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || len(cookie.Value) != len(rand.Text()) || strings.Trim(cookie.Value, base32Alphabet) != "" {
		return "", false
	}
	return cookie.Value, true
}

// cookieDomain shares the cookie of directline.botframework.com with
// token.botframework.com, where users sign in. At other addresses the cookie is
// the host's, whatever the port (RFC 6265 section 8.5), so that there both
// services must be of one host.
func cookieDomain(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	for _, domain := range []string{"botframework.com", "botframework.azure.us"} {
		if strings.HasSuffix(strings.ToLower(host), "."+domain) {
			return domain
		}
	}
	return ""
}
