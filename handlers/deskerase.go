package handlers

import (
	"net/http"
	"strings"

	"chatgate/internal/audit"
	"chatgate/internal/desk"
)

// eraseConversation erases a conversation; that there is none is a success too.
func (c *deskCall) eraseConversation() error {
	eraser, err := c.eraser()
	if err != nil {
		return err
	}
	if _, err := newQuery(c.request.URL.RawQuery); err != nil {
		return err
	}
	if err := eraser.Conversation(c.request.Context(), c.parameters[1]); err != nil {
		return err
	}
	c.note(audit.EraseConversation, 1)
	c.writer.WriteHeader(http.StatusNoContent)
	return nil
}

// eraseUser erases all conversations of the user whose id is the last segment of
// the path.
//
// The host's web server leaves %2F in a path as it is, and its proxy writes that
// as %252F (ASP.NET Core's PathString, YARP's RequestUtilities): a slash in an id
// and the three characters %2F arrive alike. That is not guessed, since what is
// erased does not come back; such ids go into the query.
func (c *deskCall) eraseUser() error {
	eraser, err := c.eraser()
	if err != nil {
		return err
	}
	if _, err := newQuery(c.request.URL.RawQuery); err != nil {
		return err
	}
	userID := c.parameters[1]
	if strings.Contains(strings.ToUpper(userID), "%2F") {
		return badRequest("An id with a slash gets lost in the path. Send it as users?userId=, percent-encoded.")
	}
	return c.eraseAllOf(eraser, userID)
}

// eraseNamedUser is eraseUser for the ids that no path can hold: those with a
// slash, and . and .., which proxies resolve.
func (c *deskCall) eraseNamedUser() error {
	eraser, err := c.eraser()
	if err != nil {
		return err
	}
	q, err := newQuery(c.request.URL.RawQuery, "userId")
	if err != nil {
		return err
	}
	if !q.has("userId") {
		return badRequest("Whose conversations are to be erased? Name the user: users/{userId}, or users?userId=.")
	}
	return c.eraseAllOf(eraser, q.text("userId"))
}

func (c *deskCall) eraseAllOf(eraser *desk.Eraser, userID string) error {
	erased, err := eraser.User(c.request.Context(), userID)
	if err != nil {
		return err
	}
	c.note(audit.EraseUser, erased)
	c.writer.WriteHeader(http.StatusNoContent)
	return nil
}
