package handlers

import (
	"net/http"

	"chatgate/internal/problem"
)

// origins decides CORS for one assistant. It is decided here and not by the
// platform, whose list is one for all assistants and answers a stranger with
// 200, nor by a library: those answer a stranger's preflight with a success
// without headers, where the contract wants a refusal that says why.
type origins struct {
	id        string
	allowed   map[string]bool
	allowNone bool
}

func newOrigins(assistant Assistant) origins {
	o := origins{id: assistant.ID, allowed: map[string]bool{}, allowNone: assistant.AllowNoOrigin}
	for _, origin := range assistant.AllowedOrigins {
		o.allowed[origin] = true
	}
	return o
}

// The answers to a preflight
// (https://fetch.spec.whatwg.org/#http-responses). x-ms-bot-agent and
// X-Requested-With are sent by botframework-directlinejs.
const (
	allowMethods  = "POST"
	allowHeaders  = "Authorization, Content-Type, X-Requested-With, x-ms-bot-agent"
	exposeHeaders = "Retry-After, WWW-Authenticate"
	preflightAge  = "7200" // seconds; the most that Chromium honours
)

// admit says who may go on. It sets the CORS headers, on refusals too, so that
// the page can read why it was refused. handled means that the answer to a
// preflight has been sent.
func (o origins) admit(x *exchange) (handled bool, err error) {
	r, h := x.request, x.header()
	h.Add("Vary", "Origin")
	sent := r.Header.Values("Origin")
	known := len(sent) == 1 && o.allowed[sent[0]]
	if known {
		h.Set("Access-Control-Allow-Origin", sent[0])
		h.Set("Access-Control-Expose-Headers", exposeHeaders)
	}
	if r.Method == http.MethodOptions && len(sent) > 0 {
		return o.preflight(x, known)
	}
	if r.Method != http.MethodPost {
		return false, methodNotAllowed(x, "POST, OPTIONS")
	}
	if len(sent) == 0 && !o.allowNone {
		return false, problem.New(problem.OriginRequired,
			"This assistant serves web pages only: send an Origin header, or ask the operator to set AllowNoOrigin.")
	}
	if len(sent) > 0 && !known {
		return false, errOriginNotAllowed()
	}
	return false, nil
}

func (o origins) preflight(x *exchange, known bool) (handled bool, err error) {
	if !known {
		return false, errOriginNotAllowed()
	}
	h := x.header()
	h.Set("Access-Control-Allow-Methods", allowMethods)
	h.Set("Access-Control-Allow-Headers", allowHeaders)
	h.Set("Access-Control-Max-Age", preflightAge)
	x.writer.WriteHeader(http.StatusNoContent)
	return true, nil
}

func errOriginNotAllowed() error {
	return problem.New(problem.OriginNotAllowed,
		"Pages of this origin may not use the assistant. The operator can add it to the assistant's AllowedOrigins.")
}
