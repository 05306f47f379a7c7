package directline

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
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
	if err := s.trusts(who, r.Header.Get("Origin")); err != nil {
		return err
	}
	session := sessionOf(r)
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: session, Path: "/", MaxAge: int(sessionLife.Seconds()),
		// The page is of another site, so None, which browsers take with Secure only.
		HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode,
	})
	mac := hmac.New(sha256.New, s.sessionKey)
	mac.Write([]byte(session))
	writeJSON(w, http.StatusOK, struct {
		SessionID string `json:"sessionId"`
	}{base64.RawURLEncoding.EncodeToString(mac.Sum(nil))})
	return nil
}

// sessionOf returns the session in the cookie, or a new one.
func sessionOf(r *http.Request) string {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || len(cookie.Value) != len(rand.Text()) || strings.Trim(cookie.Value, base32Alphabet) != "" {
		return rand.Text()
	}
	return cookie.Value
}
