package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"chatgate/internal/audit"
	"chatgate/internal/consultant"
	"chatgate/internal/desk"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// ServiceDesk is what consultants are served by.
type ServiceDesk struct {
	Desk     *desk.Desk
	Verifier Verifier
	// Authority, ClientID and Scope are what the page signs in with.
	Authority string
	ClientID  string
	Scope     string
}

// Verifier tells whose access token this is. Its errors are problems.
type Verifier interface {
	Consultant(ctx context.Context, token redacted.Text) (consultant.Consultant, error)
}

// deskRoute is one address of the service desk. Literal segments ignore letter
// case; a segment in braces takes any text.
type deskRoute struct {
	method string
	path   string
	serve  func(c *deskCall) error
	// open is for everybody, without a token.
	open bool
}

func deskRoutes() []deskRoute {
	return []deskRoute{
		{method: http.MethodGet, path: "config", serve: (*deskCall).config, open: true},
		{method: http.MethodGet, path: "assistants", serve: (*deskCall).assistants},
		{method: http.MethodGet, path: "assistants/{assistant}/conversations", serve: (*deskCall).listConversations},
		{method: http.MethodGet, path: "assistants/{assistant}/conversations/{key}", serve: (*deskCall).readConversation},
		{method: http.MethodDelete, path: "assistants/{assistant}/conversations/{key}", serve: (*deskCall).eraseConversation},
		{method: http.MethodDelete, path: "assistants/{assistant}/users", serve: (*deskCall).eraseNamedUser},
		{method: http.MethodDelete, path: "assistants/{assistant}/users/{userId}", serve: (*deskCall).eraseUser},
		{method: http.MethodGet, path: "assistants/{assistant}/audit", serve: (*deskCall).readAudit},
	}
}

// deskCall is one request to the service desk.
type deskCall struct {
	*exchange

	service *ServiceDesk
	// parameters are the path segments that a route leaves open, decoded.
	parameters []string
	who        consultant.Consultant
}

// desk serves consultants. There is no CORS: only the app's own page, which is of
// the same origin, reads the answers.
func (s *server) desk(x *exchange, rest segments) error {
	x.header().Set("Cache-Control", "no-store")
	if s.Desk == nil {
		return problem.New(problem.NotFound, "There is no service desk here. The operator opens it with the setting Api__ClientId.")
	}
	found, parameters, err := findDeskRoute(x, rest.decoded())
	if err != nil {
		return err
	}
	call := &deskCall{exchange: x, service: s.Desk, parameters: parameters}
	if !found.open {
		if call.who, err = call.identify(); err != nil {
			return err
		}
	}
	return found.serve(call)
}

// findDeskRoute finds the address that a request is for, and the segments that
// its route leaves open.
func findDeskRoute(x *exchange, rest []string) (found deskRoute, parameters []string, err error) {
	var allowed []string
	for _, candidate := range deskRoutes() {
		open, fits := matchDeskPath(candidate.path, rest)
		if fits && candidate.method == x.request.Method {
			return candidate, open, nil
		}
		if fits {
			allowed = append(allowed, candidate.method)
		}
	}
	if len(allowed) > 0 {
		return deskRoute{}, nil, methodNotAllowed(x, strings.Join(allowed, ", "))
	}
	return deskRoute{}, nil, notFound()
}

func matchDeskPath(path string, rest []string) (open []string, fits bool) {
	parts := strings.Split(path, "/")
	if len(parts) != len(rest) {
		return nil, false
	}
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "{") && rest[i] != "":
			open = append(open, rest[i])
		case !strings.EqualFold(part, rest[i]):
			return nil, false
		}
	}
	return open, true
}

// identify tells who is calling.
func (c *deskCall) identify() (consultant.Consultant, error) {
	token, err := accessToken(c.exchange, "Send your access token as Authorization: Bearer. The page at /api/site/desk/ does so once you are signed in.")
	if err != nil {
		return consultant.Consultant{}, err
	}
	ctx, cancel := context.WithTimeout(c.request.Context(), verifyTimeout)
	defer cancel()
	return c.service.Verifier.Consultant(ctx, token)
}

// visit is what the desk is asked with. The first open segment of every route of
// an assistant is its id.
func (c *deskCall) visit() desk.Visit {
	return desk.Visit{Consultant: c.who, Assistant: c.parameters[0], InvocationID: c.event.invocationID}
}

func (c *deskCall) reader() (*desk.Reader, error) {
	reader, err := c.service.Desk.Reader(c.visit())
	if err == nil {
		c.event.assistant = reader.Assistant()
	}
	return reader, err
}

func (c *deskCall) eraser() (*desk.Eraser, error) {
	eraser, err := c.service.Desk.Eraser(c.visit())
	if err == nil {
		c.event.assistant = eraser.Assistant()
	}
	return eraser, err
}

// note says in the log what was done. Who did it, and to what, is in the audit
// only.
func (c *deskCall) note(action audit.Action, count int) {
	c.event.details = append(c.event.details, slog.String("action", string(action)), slog.Int("count", count))
}

// config tells the page how to sign in.
func (c *deskCall) config() error {
	if _, err := newQuery(c.request.URL.RawQuery); err != nil {
		return err
	}
	return c.writeJSON(http.StatusOK, jsonType, map[string]string{
		"authority": c.service.Authority,
		"clientId":  c.service.ClientID,
		"scope":     c.service.Scope,
	})
}

// assistants tells the page what there is for this consultant.
func (c *deskCall) assistants() error {
	ids, err := c.service.Desk.Assistants(c.who)
	if err != nil {
		return err
	}
	if _, err := newQuery(c.request.URL.RawQuery); err != nil {
		return err
	}
	type item struct {
		ID string `json:"id"`
	}
	answer := struct {
		Items []item            `json:"items"`
		Roles []consultant.Role `json:"roles"`
	}{Items: make([]item, 0, len(ids))}
	for _, id := range ids {
		answer.Items = append(answer.Items, item{ID: id})
	}
	roles := []consultant.Role{consultant.Read, consultant.Erase}
	answer.Roles = slices.DeleteFunc(roles, func(role consultant.Role) bool { return !c.who.Has(role) })
	return c.writeJSON(http.StatusOK, jsonType, answer)
}
