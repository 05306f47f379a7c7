package invocation

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"time"
)

// maxText is how many bytes of an id or a name are kept.
const maxText = 1 << 10

// metadata is the part of Metadata that messages are made of.
type metadata struct {
	ids, assistants column[string]
	utc, zoned      column[time.Time]
	deliveries      column[int]
}

func newMetadata() metadata {
	return metadata{
		ids:        column[string]{read: readID},
		assistants: column[string]{read: new(properties).read},
		utc:        column[time.Time]{read: readTime},
		zoned:      column[time.Time]{read: readTime},
		deliveries: column[int]{read: readCount},
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
	case "DeliveryCountArray":
		return &m.deliveries
	}
	return nil
}

func (m *metadata) clear() {
	for _, column := range []filler{&m.ids, &m.assistants, &m.utc, &m.zoned, &m.deliveries} {
		column.clear()
	}
}

// message returns message i without its body.
func (m *metadata) message(i int) Message {
	return Message{
		ID:            m.ids.at(i),
		EnqueuedAt:    cmp.Or(m.utc.at(i), m.zoned.at(i)),
		Assistant:     m.assistants.at(i),
		DeliveryCount: m.deliveries.at(i),
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

// readCount reads a delivery count. Fractions, negative numbers and what no int
// holds count as none.
func readCount(s *scanner) (int, error) {
	c, err := s.peek("a value")
	if err != nil {
		return 0, err
	}
	if c < '0' || c > '9' {
		return 0, s.skip()
	}
	var digits [20]byte
	kept := copy(digits[:], s.ahead(len(digits)))
	start := s.offset()
	if err := s.number(); err != nil {
		return 0, err
	}
	length := min(s.offset()-start, int64(kept))
	count, err := strconv.ParseUint(string(digits[:length]), 10, 31)
	if err != nil {
		return 0, nil //nolint:nilerr // no count is no reason to fail a batch
	}
	return int(count), nil
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
