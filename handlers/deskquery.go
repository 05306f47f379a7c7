package handlers

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/transcript"
)

// query reads the members of a query string. The first that is wrong is its err;
// what is read after that means nothing.
type query struct {
	values url.Values
	err    error
}

// newQuery takes only the members named, each at most once and with a value: a
// misspelled limit on what is shown must not go unnoticed.
func newQuery(raw string, names ...string) (*query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("The query cannot be read. Write it as name=value, joined by &, with other characters percent-encoded.")
	}
	for name, given := range values {
		switch {
		case !slices.Contains(names, name):
			return nil, badRequest(fmt.Sprintf("The query has the member %.40q, which this address does not take.", name))
		case len(given) > 1:
			return nil, badRequest(fmt.Sprintf("The query has the member %s several times. Send it once.", name))
		case given[0] == "":
			return nil, badRequest(fmt.Sprintf("The query has the member %s without a value. Give it one or leave it out.", name))
		}
	}
	return &query{values: values}, nil
}

func (q *query) has(name string) bool { return q.values.Has(name) }

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) refuse(name, how string) {
	if q.err == nil {
		q.err = badRequest("The query's " + name + " " + how)
	}
}

// limit is the size of a page.
func (q *query) limit(fallback, most int) int {
	if !q.has("limit") {
		return fallback
	}
	given, err := strconv.ParseUint(q.text("limit"), 10, 15)
	limit := int(given) // 15 bits
	if err != nil || limit < 1 || limit > most {
		q.refuse("limit", fmt.Sprintf("must be a number from 1 to %d.", most))
		return fallback
	}
	return limit
}

// span is the time between from and to.
func (q *query) span() transcript.Span {
	from, _ := q.moment("from")
	to, isDay := q.moment("to")
	if isDay {
		to = to.AddDate(0, 0, 1) // a day that is named last is meant whole
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		q.refuse("from", "must be before to.")
	}
	return transcript.Span{From: from, To: to}
}

// moment reads a date (of UTC) or a date-time; zero where it is absent.
func (q *query) moment(name string) (at time.Time, isDay bool) {
	text := q.text(name)
	if text == "" {
		return time.Time{}, false
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, true
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || strings.Contains(text, ",") { // which Parse takes for a point
		q.refuse(name, "must be a date such as 2026-11-21, or a date-time such as 2026-11-21T21:00:00Z (write + as %2B).")
	}
	return at.UTC(), false
}

// mark is where the page of conversations before ended.
func (q *query) mark() transcript.Mark {
	mark, err := transcript.ParseMark(q.text("cursor"))
	if err != nil {
		q.refuseCursor()
	}
	return mark
}

func (q *query) refuseCursor() {
	q.refuse("cursor", "is not one that this address gave. Leave it out to begin anew.")
}

// cursorKind keeps a cursor from being taken for one of another list.
type cursorKind string

const (
	activityCursor cursorKind = "activity"
	auditCursor    cursorKind = "audit"
)

// newCursor wraps the row key after which to go on; nothing where that is empty.
// It is no secret and holds no assistant: what it may be used on is decided anew
// with each request.
func newCursor(kind cursorKind, row string) string {
	if row == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(string(kind) + "/" + row))
}

// row undoes newCursor. Only text that newCursor writes is taken; whether the
// row key has the form of one is for valid to say.
func (q *query) row(kind cursorKind, valid func(row string) bool) string {
	text := q.text("cursor")
	if text == "" {
		return ""
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	row := strings.TrimPrefix(string(decoded), string(kind)+"/")
	// Written anew it differs where it is of another kind, and where the decoder
	// skipped line ends or loose bits at the end.
	if err != nil || newCursor(kind, row) != text || !valid(row) {
		q.refuseCursor()
		return ""
	}
	return row
}
