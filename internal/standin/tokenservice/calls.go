package tokenservice

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatgate/internal/redacted"
)

// owner is whom a token belongs to.
type owner struct{ user, connection, channel string }

// grant is a token and the account that it is of.
type grant struct {
	account string
	token   redacted.Text
	expires time.Time
	// code is what the user must type; until is until when.
	code  string
	until time.Time
}

// signIn is what stands behind a link.
type signIn struct {
	owner        owner
	conversation string
	challenge    string
	redirect     string
	until        time.Time
}

// state is the parameter of that name: whom the bot wants to sign in.
type state struct {
	ConnectionName string `json:"connectionName"`
	Conversation   struct {
		User         struct{ ID string } `json:"user"`
		Conversation struct{ ID string } `json:"conversation"`
		ChannelID    string              `json:"channelId"`
	} `json:"conversation"`
	AppID string `json:"msAppId"`
}

// maxState bounds what a bot says of a sign-in, in characters.
const maxState = 16 << 10

func (s *Service) getSignInResource(r *http.Request) (any, error) {
	query := r.URL.Query()
	wanted, err := readState(query.Get("state"))
	if err != nil {
		return nil, err
	}
	if !s.knows(wanted.ConnectionName) {
		return nil, refuse(http.StatusBadRequest, "BadArgument", "The bot has no such connection")
	}
	redirect := query.Get("finalRedirect")
	if to, err := url.Parse(redirect); redirect != "" && (err != nil || to.Host == "" || to.Scheme != "https" && to.Scheme != "http") {
		return nil, refuse(http.StatusBadRequest, "BadArgument", "finalRedirect is no address")
	}
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links.set(id, &signIn{
		owner:        owner{wanted.Conversation.User.ID, strings.ToLower(wanted.ConnectionName), wanted.Conversation.ChannelID},
		conversation: wanted.Conversation.Conversation.ID, challenge: query.Get("code_challenge"), redirect: redirect,
		until: s.options.Now().Add(linkLife),
	})
	return map[string]any{"signInLink": s.options.URL + "/api/oauth/signin?signin=" + id}, nil
}

// readState takes the base64 of a JSON object.
func readState(text string) (state, error) {
	bad := refuse(http.StatusBadRequest, "BadArgument", "state is missing or cannot be read")
	if text == "" || len(text) > maxState {
		return state{}, bad
	}
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return state{}, bad
	}
	var wanted state
	of := &wanted.Conversation
	if json.Unmarshal(plain, &wanted) != nil || wanted.AppID == "" || of.User.ID == "" || of.Conversation.ID == "" || of.ChannelID == "" {
		return state{}, bad
	}
	return wanted, nil
}

// getToken answers with the user's token, or 404. A code that was shown on the
// sign-in page makes the token the user's; it is good for once.
func (s *Service) getToken(r *http.Request) (any, error) {
	whose, err := s.ownerIn(r.URL.Query())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if code := r.URL.Query().Get("code"); code != "" {
		s.redeem(whose, code)
	}
	found, known := s.tokens.get(whose)
	if !known {
		return nil, refuse(http.StatusNotFound, "NotFound", "The user has no token")
	}
	if !s.options.Now().Before(found.expires) {
		// The service holds what the provider refreshes tokens by.
		if found.token, found.expires, err = s.options.Issue(whose.connection, found.account); err != nil {
			s.tokens.remove(whose)
			return nil, refuse(http.StatusNotFound, "NotFound", "The user's token could not be refreshed")
		}
	}
	return map[string]any{
		"channelId": whose.channel, "connectionName": r.URL.Query().Get("connectionName"), "token": found.token.Reveal(),
		// As the service writes it, to 100 ns.
		"expiration": found.expires.UTC().Format("2006-01-02T15:04:05.0000000Z"),
	}, nil
}

// redeem gives the user what waited for the code. s.mu is held.
func (s *Service) redeem(whose owner, code string) {
	waiting, known := s.codes.get(whose)
	if !known || subtle.ConstantTimeCompare([]byte(waiting.code), []byte(strings.TrimSpace(code))) != 1 {
		return
	}
	s.codes.remove(whose)
	if s.options.Now().Before(waiting.until) {
		s.tokens.set(whose, waiting)
	}
}

func (s *Service) ownerIn(query url.Values) (owner, error) {
	whose := owner{query.Get("userId"), strings.ToLower(query.Get("connectionName")), query.Get("channelId")}
	switch {
	case whose.user == "", whose.connection == "", whose.channel == "":
		return owner{}, refuse(http.StatusBadRequest, "MissingProperty", "userId, connectionName and channelId are required")
	case !s.knows(whose.connection):
		return owner{}, refuse(http.StatusBadRequest, "BadArgument", "The bot has no such connection")
	}
	return whose, nil
}

// getTokenStatus tells at which connections a user has a token.
func (s *Service) getTokenStatus(r *http.Request) (any, error) {
	query := r.URL.Query()
	user, channel, include := query.Get("userId"), query.Get("channelId"), query.Get("include")
	if user == "" {
		return nil, refuse(http.StatusBadRequest, "MissingProperty", "userId is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	statuses := []map[string]any{}
	for _, connection := range s.options.Connections {
		if include != "" && !strings.Contains(","+strings.ToLower(include)+",", ","+strings.ToLower(connection)+",") {
			continue
		}
		_, has := s.tokens.get(owner{user, strings.ToLower(connection), channel})
		statuses = append(statuses, map[string]any{
			"channelId": channel, "connectionName": connection, "hasToken": has, "serviceProviderDisplayName": "Stand-in",
		})
	}
	return statuses, nil
}

// signOut forgets a user's tokens: that of one connection, or of all.
func (s *Service) signOut(r *http.Request) (any, error) {
	query := r.URL.Query()
	user, channel := query.Get("userId"), query.Get("channelId")
	if user == "" {
		return nil, refuse(http.StatusBadRequest, "MissingProperty", "userId is required")
	}
	connections := s.options.Connections
	if one := query.Get("connectionName"); one != "" {
		connections = []string{one}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, connection := range connections {
		whose := owner{user, strings.ToLower(connection), channel}
		s.tokens.remove(whose)
		s.codes.remove(whose)
	}
	return map[string]any{}, nil
}

// failure is an answer that refuses a call.
type failure struct {
	status        int
	code, message string
}

// Error is what the bot reads.
func (f *failure) Error() string { return f.code + ": " + f.message }

func refuse(status int, code, message string) error {
	return &failure{status, code, message}
}

func answered(serve func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := serve(r)
		var refused *failure
		switch {
		case err == nil:
			writeJSON(w, http.StatusOK, body)
		case errors.As(err, &refused):
			writeError(w, refused.status, refused.code, refused.message)
		default:
			writeError(w, http.StatusInternalServerError, "ServiceError", "Service error")
		}
	})
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a bot that has gone is no failure
}
