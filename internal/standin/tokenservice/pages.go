package tokenservice

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"chatgate/internal/standin/page"
)

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

// maxForm bounds a form, in bytes.
const maxForm = 16 << 10

// linkIn reads the parameters of a sign-in link. Web Chat adds the session's id
// in an encoded form, signin=<id>%26code_challenge%3D<session>, so that it becomes
// a part of the first parameter; a client of one's own may add it as a parameter.
func linkIn(values url.Values) (id, challenge string) {
	id, challenge, _ = strings.Cut(values.Get("signin"), "&code_challenge=")
	if challenge == "" {
		challenge = values.Get("code_challenge")
	}
	return id, challenge
}

// open finds what stands behind a link. s.mu is held.
func (s *Service) open(id string) (*signIn, bool) {
	found, known := s.links.get(id)
	return found, known && s.options.Now().Before(found.until)
}

// showAccounts is where a link leads: the page of the identity provider, on which
// somebody picks an account.
func (s *Service) showAccounts(w http.ResponseWriter, r *http.Request) {
	id, challenge := linkIn(r.URL.Query())
	s.mu.Lock()
	found, known := s.open(id)
	s.mu.Unlock()
	if !known {
		showPage(w, http.StatusBadRequest, "message", "", map[string]any{"Title": "This link does not work any more", "Text": "Ask in the chat for a new one."})
		return
	}
	if challenge == "" {
		challenge = found.challenge
	}
	showPage(w, http.StatusOK, "accounts", page.Origin(found.redirect), map[string]any{
		"Title": "Sign in", "Connection": found.owner.connection, "Accounts": s.options.Accounts, "Link": id, "Challenge": challenge,
	})
}

// complete is where the provider sends the browser once somebody has signed in.
func (s *Service) complete(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "The form cannot be read.", http.StatusBadRequest)
		return
	}
	account := r.PostForm.Get("account")
	if !slices.ContainsFunc(s.options.Accounts, func(known Account) bool { return known.ID == account }) {
		http.Error(w, "There is no such account.", http.StatusBadRequest)
		return
	}
	id, challenge := linkIn(r.PostForm)
	s.mu.Lock()
	found, known := s.open(id)
	s.links.remove(id) // a link is good for once
	s.mu.Unlock()
	if !known {
		showPage(w, http.StatusBadRequest, "message", "", map[string]any{"Title": "This link does not work any more", "Text": "Ask in the chat for a new one."})
		return
	}
	token, expires, err := s.options.Issue(found.owner.connection, account)
	if err != nil {
		http.Error(w, "The connection gave no token.", http.StatusBadGateway)
		return
	}
	made := &grant{account: account, token: token, expires: expires}
	if !s.sameSession(r, challenge) {
		s.askForCode(w, found, made)
		return
	}
	s.accept(r.Context(), found, made)
	if found.redirect != "" {
		http.Redirect(w, r, found.redirect, http.StatusSeeOther)
		return
	}
	showPage(w, http.StatusOK, "message", "", map[string]any{"Title": "You are signed in", "Text": "You are now signed in and can close this window."})
}

// sameSession tells whether the browser is the one that the chat runs in: the
// link names that session, and the browser proves by its cookie to be in it. The
// id in the link alone proves nothing, since links are passed on.
func (s *Service) sameSession(r *http.Request, challenge string) bool {
	session, known := s.channel.SessionID(r)
	return known && challenge != "" && subtle.ConstantTimeCompare([]byte(session), []byte(challenge)) == 1
}

// askForCode makes the token wait for the user to type a code into the chat. A
// newer sign-in takes the place of an older one.
func (s *Service) askForCode(w http.ResponseWriter, of *signIn, made *grant) {
	const codes = 1_000_000
	number, err := rand.Int(rand.Reader, big.NewInt(codes))
	if err != nil {
		http.Error(w, "no random number", http.StatusInternalServerError)
		return
	}
	made.code = fmt.Sprintf("%06d", number)
	s.mu.Lock()
	made.until = s.options.Now().Add(linkLife)
	s.codes.set(of.owner, made)
	s.mu.Unlock()
	showPage(w, http.StatusOK, "code", "", map[string]any{"Title": "One more step", "Code": made.code})
}

// accept makes the token the user's and tells the bot, as the service does: with
// the token itself in the event. Whether the bot can be reached does not matter to
// the token.
func (s *Service) accept(ctx context.Context, of *signIn, made *grant) {
	s.mu.Lock()
	s.codes.remove(of.owner)
	s.tokens.set(of.owner, made)
	s.mu.Unlock()
	event, err := json.Marshal(map[string]any{
		"type": "event", "name": "tokens/response",
		"value": map[string]string{"channelId": of.owner.channel, "connectionName": of.owner.connection, "token": made.token.Reveal()},
	})
	if err == nil {
		_ = s.channel.Deliver(ctx, of.conversation, of.owner.user, event)
	}
}

func showPage(w http.ResponseWriter, status int, name, formTarget string, data map[string]any) {
	pages := page.Set{
		Templates: pagesHTML, Style: pagesCSS,
		Note: "A stand-in for the sign-in of an Azure bot, for development: it asks for no password.",
	}
	pages.Show(w, status, name, formTarget, data)
}
