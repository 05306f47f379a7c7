package transcript

import (
	"strings"
	"time"
)

// columnPrecision is the precision of a date-time property of Table Storage.
const columnPrecision = 100 * time.Nanosecond

// sentAt is the moment at which an activity was sent: what it says itself, else
// when the broker took it, else the beginning of 1970. It is never taken from
// the clock, since a redelivery has to arrive at the same key.
func sentAt(timestamp value, enqueued time.Time) time.Time {
	if at, ok := parseTime(timestamp.text()); ok {
		return at
	}
	if !enqueued.IsZero() && isStorable(enqueued.UTC()) {
		return enqueued.UTC()
	}
	return time.Unix(0, 0).UTC()
}

// parseTime reads RFC 3339 and its relatives that bots send: an offset without
// a colon, none at all (which then is UTC), and a space for the T. Digits beyond
// the ninth of a second are dropped. It refuses times that no column holds, the
// year 1 of .NET's default among them.
func parseTime(text string) (time.Time, bool) {
	const longest = len("2006-01-02T15:04:05.000000000000000000+00:00")
	if text == "" || len(text) > longest {
		return time.Time{}, false
	}
	text = strings.Replace(strings.ToUpper(text), " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			at = at.UTC()
			return at, isStorable(at)
		}
	}
	return time.Time{}, false
}

// isStorable reports whether a date-time property holds the moment: it begins
// with the year 1601
// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model)
// and .NET, which reads it, ends with 9999.
func isStorable(utc time.Time) bool {
	return 1601 <= utc.Year() && utc.Year() <= 9999
}
