package transcript

import (
	"encoding/base64"
	"errors"
	"time"
)

// reversedTime is the time at the head of a row key of table recent, before its
// digits are reversed: UTC, of one width, to the nanosecond.
const reversedTime = "20060102150405.000000000"

// RecentRow returns the row key in table recent of a conversation whose newest
// activity of a day was at the given moment. The newest moment sorts first; it
// counts to the nanosecond and lies in the years 0 to 9999. The partition is the
// [DayPartition] of the same moment, so that the order of rows is the order of
// partitions too.
func RecentRow(at time.Time, conversationKey string) string {
	return reverseTime(at) + string(partMark) + conversationKey
}

// ParseRecentRow returns what [RecentRow] was made from. It fails for text of
// another form, and where the key is not a [ValidKey].
func ParseRecentRow(row string) (at time.Time, conversationKey string, ok bool) {
	if len(row) <= len(reversedTime) || row[len(reversedTime)] != partMark {
		return time.Time{}, "", false
	}
	reversed, conversationKey := row[:len(reversedTime)], row[len(reversedTime)+1:]
	at, err := time.Parse(reversedTime, string(reverseDigits([]byte(reversed))))
	if err != nil || reverseTime(at) != reversed || !ValidKey(conversationKey) {
		return time.Time{}, "", false
	}
	return at, conversationKey, true
}

// reverseTime counts time down, so that the newest sorts first.
func reverseTime(at time.Time) string {
	return string(reverseDigits(at.UTC().AppendFormat(nil, reversedTime)))
}

// reverseDigits replaces each digit by what it lacks to nine, in place: the
// order of texts of one width turns round.
func reverseDigits(text []byte) []byte {
	for i, c := range text {
		if '0' <= c && c <= '9' {
			text[i] = '0' + '9' - c
		}
	}
	return text
}

// Span is the time from From up to before To. A zero time leaves that end open.
type Span struct {
	From, To time.Time
}

// Contains reports whether the moment lies in the span.
func (s Span) Contains(at time.Time) bool {
	return !at.Before(s.From) && (s.To.IsZero() || at.Before(s.To))
}

// RecentRange returns the bounds of an assistant's rows in table recent that lie
// in the span and come after the mark: all of them, and no others, are at or
// after from and before to, in the order of partitions and in these of rows. An
// empty partition bounds nothing, and where there can be no rows both bounds
// are equal.
func RecentRange(assistant string, span Span, after Mark) (from, to Key) {
	from.Partition, to.Partition = DayRange(assistant)
	if !span.To.IsZero() {
		last := span.To.Add(-time.Nanosecond).UTC()
		if last.Year() < 0 {
			return to, to
		}
		from = recentBound(assistant, last, "")
	}
	if at, _, ok := ParseRecentRow(after.row); ok {
		// No key begins with a character before the hyphen, so that this is
		// after the row itself and at or before the next one.
		from = later(from, Key{Partition: DayPartition(assistant, at), Row: after.row + "-"})
	}
	if first := span.From.UTC(); first.Year() >= 0 && !span.From.IsZero() {
		to = recentBound(assistant, first, string(hashMark))
	}
	return from, later(from, to)
}

// recentBound is the place of a moment in table recent, before the rows of that
// moment, or after them where suffix is a character that follows the mark
// between the parts. Rows do not tell moments after the year 9999 apart.
func recentBound(assistant string, at time.Time, suffix string) Key {
	if last := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC); at.After(last) {
		at = last
	}
	return Key{Partition: DayPartition(assistant, at), Row: reverseTime(at) + suffix}
}

func later(one, other Key) Key {
	if one.Partition > other.Partition || one.Partition == other.Partition && one.Row > other.Row {
		return one
	}
	return other
}

// Mark is where a page of conversations ended. It holds a moment and a
// conversation's key but no assistant, so that it can never point into the rows
// of another one. The zero Mark stands before the first conversation.
type Mark struct {
	row string // of table recent
}

// ErrMark says that a text is not one that a [Mark] writes.
var ErrMark = errors.New("no mark of a page of conversations")

// NewMark returns the mark of a page that ended with the given conversation,
// whose newest activity that counted was at the given moment. The zero Mark is
// returned for a key that is no [ValidKey].
func NewMark(at time.Time, conversationKey string) Mark {
	mark := Mark{row: RecentRow(at, conversationKey)}
	if _, _, ok := ParseRecentRow(mark.row); !ok {
		return Mark{}
	}
	return mark
}

// Row returns the row key in table recent after which to go on; nothing for the
// zero Mark.
func (m Mark) Row() string { return m.row }

// IsZero reports whether the mark stands before the first conversation.
func (m Mark) IsZero() bool { return m.row == "" }

// String returns the mark in base64url, which is nothing for the zero Mark.
func (m Mark) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(m.row))
}

// ParseMark undoes [Mark.String]. Any other text is [ErrMark]. The text may come
// from outside: what it points to is not what its sender may see.
func ParseMark(text string) (Mark, error) {
	if len(text) > base64.RawURLEncoding.EncodedLen(len(reversedTime)+1+maxConversationPart) {
		return Mark{}, ErrMark
	}
	row, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Mark{}, ErrMark
	}
	mark := Mark{row: string(row)}
	// The decoder skips line ends and loose bits at the end.
	if _, _, ok := ParseRecentRow(mark.row); !ok && !mark.IsZero() || mark.String() != text {
		return Mark{}, ErrMark
	}
	return mark, nil
}
