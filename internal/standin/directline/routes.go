package directline

import (
	"net/http"
	"strings"
)

// Operation names a call of the protocol, for faults and counts. The zero value
// is [Any].
type Operation string

// The operations.
const (
	Any               Operation = ""
	GenerateToken     Operation = "GenerateToken"
	RefreshToken      Operation = "RefreshToken"
	StartConversation Operation = "StartConversation"
	Reconnect         Operation = "Reconnect"
	GetActivities     Operation = "GetActivities"
	PostActivity      Operation = "PostActivity"
	Upload            Operation = "Upload"
	Stream            Operation = "Stream"
	GetSessionID      Operation = "GetSessionID"
	GetAttachment     Operation = "GetAttachment"
)

// newRoutes lists every path. Direct Line answers an unknown one with JSON too.
func (s *Server) newRoutes() http.Handler {
	routes := http.NewServeMux()
	route := func(pattern string, operation Operation, handle func(http.ResponseWriter, *http.Request) error) {
		routes.Handle(pattern, s.operation(operation, handle))
	}
	route("POST /tokens/generate", GenerateToken, s.generateToken)
	route("POST /tokens/refresh", RefreshToken, s.refreshToken)
	route("POST /conversations", StartConversation, s.startConversation)
	route("GET /conversations/{conversation}", Reconnect, s.reconnect)
	route("GET /conversations/{conversation}/activities", GetActivities, s.getActivities)
	route("POST /conversations/{conversation}/activities", PostActivity, s.postActivity)
	route("POST /conversations/{conversation}/upload", Upload, s.upload)
	route("GET /conversations/{conversation}/stream", Stream, s.stream)
	route("GET /session/getsessionid", GetSessionID, s.getSessionID)
	route("GET /attachments/{attachment}/{name}", GetAttachment, s.getAttachment)
	routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &failure{http.StatusNotFound, codeNotFound, "No such path"})
	})
	return routes
}

// operation counts the call, applies a fault that waits for it, and else
// answers it.
func (s *Server) operation(name Operation, handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := s.faults.next(name); fault != nil && !fault(w, r) {
			return
		}
		if err := handle(w, r); err != nil {
			writeError(w, err)
		}
	})
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w.Header(), r.Header.Get("Origin"))
	if r.Method == http.MethodOptions {
		answerPreflight(w, r)
		return
	}
	s.routes.ServeHTTP(w, r)
}

// allowOrigin lets any origin in with credentials: Direct Line's protection is
// the token, not the origin.
func allowOrigin(header http.Header, origin string) {
	header.Add("Vary", "Origin")
	if origin == "" {
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
}

// answerPreflight names the headers that Web Chat's client library sends.
func answerPreflight(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != "" {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With, x-ms-bot-agent")
		w.Header().Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
}

// endpoint returns this handler's address as the client of r sees it. The
// prefix that the owner stripped is what RequestURI has in front of the path.
func (s *Server) endpoint(r *http.Request) string {
	if s.options.Endpoint != "" {
		return strings.TrimSuffix(s.options.Endpoint, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return scheme + "://" + r.Host + strings.TrimSuffix(path, r.URL.EscapedPath())
}
