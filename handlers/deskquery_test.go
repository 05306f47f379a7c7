package handlers

import (
	"net/url"
	"strings"
	"testing"

	"chatgate/internal/transcript"
)

// Whatever a query holds, what is read from it is within its bounds, or refused.
func FuzzDeskQuery(f *testing.F) {
	for _, seed := range []string{
		"", "from=2026-11-21&to=2026-11-21&limit=200", "to=2026-11-21T21:00:00.5%2B01:00", "limit=01", "cursor=" + transcript.NewMark(transcript.Conversation{}.LastActivityAt, "c1").String(),
		"cursor=" + newCursor(activityCursor, "20261121T210000.000000000Z.a"), "from=9999-12-31", "a=b;c", "%", "cursor=%0A", "limit=1&limit=1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := newQuery(raw, "from", "to", "limit", "cursor")
		if err != nil {
			return
		}
		if limit := q.limit(50, 200); limit < 1 || limit > 200 {
			t.Errorf("limit %d of %q", limit, raw)
		}
		span := q.span()
		if q.err == nil && !span.From.IsZero() && !span.To.IsZero() && !span.From.Before(span.To) {
			t.Errorf("span %v of %q", span, raw)
		}
		cursors := url.Values{"cursor": {q.text("cursor")}}
		conversations, activities, entries := query{values: cursors}, query{values: cursors}, query{values: cursors}
		mark := conversations.mark()
		row := activities.row(activityCursor, isActivityRow)
		entry := entries.row(auditCursor, func(row string) bool { return !strings.Contains(row, "'") })
		if row != "" && (entry != "" || !mark.IsZero()) || entry != "" && !mark.IsZero() {
			t.Errorf("the cursor of %q is good for several lists", raw)
		}
		if row != "" && newCursor(activityCursor, row) != q.text("cursor") || !mark.IsZero() && mark.String() != q.text("cursor") {
			t.Errorf("the cursor of %q could be written in another way", raw)
		}
	})
}

// A path is read in one way only: written anew, its segments are the same.
func FuzzDeskPath(f *testing.F) {
	for _, seed := range []string{"/api/desk/config", "/API/Desk/assistants/bankx/users/a%2Fb/", "//api/desk", "/api/desk/%2e%2e/x", "/api%2Fdesk/x", "/api/desk/a%252Fb", "/api/desk/\xff"} {
		f.Add(seed)
	}
	s := routing()
	f.Fuzz(func(t *testing.T, path string) {
		address, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		rest, ok := s.restOf("Desk", address)
		if !ok {
			return
		}
		written := "/api/desk"
		for _, segment := range rest.decoded() {
			written += "/" + url.PathEscape(segment)
		}
		again, ok := s.restOf("Desk", &url.URL{Path: mustUnescape(t, written), RawPath: written})
		if !ok || strings.Join(again.decoded(), "\x00/") != strings.Join(rest.decoded(), "\x00/") {
			t.Errorf("%q is read as %q, and written anew as %q", path, rest, again)
		}
		for _, route := range deskRoutes() {
			open, fits := matchDeskPath(route.path, rest.decoded())
			for _, segment := range open {
				if fits && segment == "" {
					t.Errorf("%q leaves a segment of %s empty", path, route.path)
				}
			}
		}
	})
}

// routing is a server that only finds what a path is for.
func routing() *server {
	s := &server{}
	s.functions = s.routes()
	return s
}

// restOf returns what follows a function's name in a path that is for it.
func (s *server) restOf(name string, address *url.URL) (rest segments, ok bool) {
	found, rest, ok := s.find(split(address))
	return rest, ok && found.name == name
}

func mustUnescape(t *testing.T, path string) string {
	t.Helper()
	plain, err := url.PathUnescape(path)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
