package directline

import (
	"net/http"
	"slices"
	"strings"
)

// reservedPrefix begins the user ids that only a token can carry: whoever could
// choose one freely could pose as somebody else.
const reservedPrefix = "dl_"

// caller is who makes a call: the holder of a secret, or of a token for one
// conversation.
type caller struct {
	hasSecret    bool
	conversation string
	user         string
	origins      []string
}

// caller reads the Authorization header.
func (s *Server) caller(r *http.Request) (caller, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 || headers[0] == "" {
		return caller{}, &failure{http.StatusUnauthorized, codeBadArgument, "Missing token or secret"}
	}
	scheme, credential, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || credential == "" || strings.ContainsAny(credential, " ,") {
		return caller{}, &failure{http.StatusUnauthorized, codeBadArgument, "Malformed Authorization header"}
	}
	if s.site.accepts(credential) {
		return caller{hasSecret: true}, nil
	}
	found, err := s.tokens.parse(credential, useREST)
	if err != nil {
		return caller{}, err
	}
	return caller{conversation: found.Conversation, user: found.User, origins: found.TrustedOrigins}, nil
}

// bound reports whether the token fixes who speaks.
func (c caller) bound() bool {
	return strings.HasPrefix(c.user, reservedPrefix)
}

// conversationOf returns the conversation that the path names, if the caller
// may use it.
func (s *Server) conversationOf(r *http.Request) (caller, *conversation, error) {
	who, err := s.caller(r)
	if err != nil {
		return caller{}, nil, err
	}
	id := r.PathValue("conversation")
	if !who.hasSecret && who.conversation != id {
		return caller{}, nil, &failure{http.StatusForbidden, codeBadArgument, "The token is for another conversation"}
	}
	found, err := s.conversation(id)
	if err != nil {
		return caller{}, nil, err
	}
	return who, found, nil
}

// originOf is the origin of the page that makes a request. Browsers send none with
// a GET to the page's own server, as which this stand-in can be run; the true
// service never is.
func originOf(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin != "" || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		return origin
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// trusts reports whether origin may tie a sign-in to its session; the portal's
// list wins over the token's.
func (s *Server) trusts(who caller, origin string) error {
	list := s.options.TrustedOrigins
	if len(list) == 0 {
		list = who.origins
	}
	if len(list) == 0 {
		return &failure{http.StatusForbidden, codeBadArgument, "Trusted Origin list is empty."}
	}
	if origin == "" {
		return badRequest(codeBadArgument, "The request has no Origin header")
	}
	if !slices.Contains(list, origin) {
		return &failure{http.StatusForbidden, codeBadArgument, "Origin is not in the Trusted Origin list."}
	}
	return nil
}
