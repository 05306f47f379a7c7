package invocation

import (
	"bytes"
	"cmp"
	"strings"
	"time"
)

// maxText is how many bytes of an id or a name are kept.
const maxText = 1 << 10

// metadata is the part of Metadata that messages are made of.
type metadata struct {
	ids, assistants column[string]
	utc, zoned      column[time.Time]
}

func newMetadata() metadata {
	return metadata{
		ids:        column[string]{read: readID},
		assistants: column[string]{read: new(properties).read},
		utc:        column[time.Time]{read: readTime},
		zoned:      column[time.Time]{read: readTime},
	}
}

// column returns the one that the host's array of that name fills, or nil.
func (m *metadata) column(name []byte) filler {
	switch string(name) {
	case "MessageIdArray":
		return &m.ids
	case "ApplicationPropertiesArray":
		return &m.assistants
	case "EnqueuedTimeUtcArray":
		return &m.utc
	case "EnqueuedTimeArray":
		return &m.zoned
	}
	return nil
}

func (m *metadata) clear() {
	for _, column := range []filler{&m.ids, &m.assistants, &m.utc, &m.zoned} {
		column.clear()
	}
}

// message returns message i without its body.
func (m *metadata) message(i int) Message {
	return Message{
		ID:         m.ids.at(i),
		EnqueuedAt: cmp.Or(m.utc.at(i), m.zoned.at(i)),
		Assistant:  m.assistants.at(i),
	}
}

// readID reads a message id. A cut id could equal another one, so one that is
// too long counts as none.
func readID(s *scanner) (string, error) {
	content, whole, err := shortOrSkip(s, maxText)
	if err != nil || !whole {
		return "", err
	}
	return validText(content), nil
}

// readTime reads a time.
func readTime(s *scanner) (time.Time, error) {
	const longest = 64
	content, whole, err := shortOrSkip(s, longest)
	if err != nil || !whole {
		return time.Time{}, err
	}
	return parseTime(content), nil
}

// parseTime reads ISO 8601 as .NET writes it: in the arrays whose names say Utc
// there is no zone. It returns zero for what is no time, and for year 1, which
// is .NET's way of writing none; years beyond four digits have no JSON form.
func parseTime(content []byte) time.Time {
	const date = len("2006-01-02T")
	if len(content) > date && !bytes.ContainsAny(content[date:], "Z+-") {
		content = append(content, 'Z')
	}
	var at time.Time
	if err := at.UnmarshalText(content); err != nil {
		return time.Time{}
	}
	at = at.UTC()
	if at.Year() <= 1 || at.Year() > 9999 {
		return time.Time{}
	}
	return at
}

// shortOrSkip reads a string, or skips another value and returns nothing.
func shortOrSkip(s *scanner, limit int) (content []byte, whole bool, err error) {
	c, err := s.peek("a value")
	if err != nil {
		return nil, false, err
	}
	if c != '"' {
		return nil, false, s.skip()
	}
	return s.short(limit)
}

// validText returns content as text, U+FFFD in place of what is not UTF-8.
func validText(content []byte) string {
	return strings.ToValidUTF8(string(content), "\uFFFD")
}
