package handlers

import (
	"net/http"
	"strings"
)

// prefix is the route prefix of host.json. Every HTTP function stays under it,
// so that no route of the host can reach a trigger's path.
const prefix = "api"

// function is an HTTP function: its folder, its route as in function.json, and
// what serves it. The path segments after the route's fixed part are passed on.
type function struct {
	name  string
	route string
	serve func(x *exchange, rest segments) error
}

// trigger is a function that the host invokes by POST /<name>.
type trigger struct {
	name  string
	serve func(x *exchange) error
}

func (s *server) routes() []function {
	return []function{
		{"GetNewToken", "GetNewToken/{assistant?}", s.getNewToken},
		{"RefreshToken", "RefreshToken/{assistant?}", s.refreshToken},
		{"Health", "Health", s.health},
		{"Site", "site/{*path}", s.site},
		{"Desk", "desk/{*path}", s.desk},
		{"Login", "login/{*path}", s.login},
		{"Backend", "backend/{*path}", s.backend},
	}
}

func (s *server) internalRoutes() []trigger {
	return []trigger{
		{"PersistConversation", s.persistConversation},
		{"RotateDirectLineKey", s.rotateDirectLineKey},
		{"PurgeExpired", s.purgeExpired},
	}
}

// dispatch finds the endpoint. It is not left to http.ServeMux, which answers a
// POST to an unclean path with a redirect that the host would follow; and the
// host matches routes ignoring case and a trailing slash but forwards the path
// as the client wrote it.
func (s *server) dispatch(x *exchange) error {
	f, rest, found := s.find(split(x.request.URL))
	if !found {
		return s.dispatchTrigger(x)
	}
	x.event.function = f.name
	return f.serve(x, rest)
}

// find returns the HTTP function that a path is for, and what follows the fixed
// part of its route. It is the only reader of what comes before that.
func (s *server) find(path segments) (found function, rest segments, ok bool) {
	texts := path.decoded()
	if len(texts) < 2 || !strings.EqualFold(texts[0], prefix) {
		return function{}, nil, false
	}
	for _, f := range s.functions {
		fixed, parameter, _ := strings.Cut(f.route, "/")
		if strings.EqualFold(fixed, texts[1]) && fits(parameter, texts[2:]) {
			return f, path[2:], true
		}
	}
	return function{}, nil, false
}

// fits reports whether the segments after a route's fixed part match its
// parameter.
func fits(parameter string, rest []string) bool {
	switch {
	case parameter == "":
		return len(rest) == 0
	case strings.HasPrefix(parameter, "{*"):
		return true
	default:
		return len(rest) <= 1
	}
}

// dispatchTrigger lets only what the host itself would send reach a trigger: a
// POST of JSON to exactly the function's name.
func (s *server) dispatchTrigger(x *exchange) error {
	for _, t := range s.triggers {
		if x.request.URL.Path != "/"+t.name {
			continue
		}
		if x.request.Method != http.MethodPost || !isJSON(x.request.Header.Get("Content-Type")) {
			return notFound()
		}
		x.event.function = t.name
		return t.serve(x)
	}
	return notFound()
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), jsonType)
}
