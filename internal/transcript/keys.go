package transcript

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// How long the parts of a key may get. With the separators and the time every
// key stays within 500 characters: Table Storage allows 1 KiB, which is 512
// UTF-16 units.
const (
	maxAssistantPart    = 96
	maxConversationPart = 400
	maxActivityPart     = 470
)

// The marks between the parts of a key. Neither is ever part of an escaped id,
// so that a key is read in one way only.
const (
	partMark = '.'
	hashMark = '~'
)

// rowTime is the time at the head of a row key: UTC, of one width for all years
// up to 9999, so that the order of the text is the order of time.
const rowTime = "20060102T150405.000000000Z"

// hashPart is what a shortened id ends with: the mark and SHA-256 in hex.
const hashPart = 1 + 2*sha256.Size

// NewKey returns the place of an activity in table messages.
//
// Distinct ids give distinct keys, whatever characters they hold and however
// long they are; letter case counts. Keys of one conversation sort by time, and
// where that is equal by id. The ids need not be valid UTF-8. at lies in the
// years 0 to 9999; it counts to the nanosecond.
func NewKey(assistant, conversationID, activityID string, at time.Time) Key {
	return Key{
		Partition: ConversationPartition(assistant, conversationID),
		Row:       activityRow(activityID, at),
	}
}

// ConversationPartition returns the partition of table messages that holds the
// activities of a conversation.
func ConversationPartition(assistant, conversationID string) string {
	key := make([]byte, 0, len(assistant)+1+len(conversationID)+8)
	key = appendPart(key, assistant, maxAssistantPart)
	key = append(key, partMark)
	key = appendPart(key, conversationID, maxConversationPart)
	return string(key)
}

// KeyPartition returns the partition of table messages that holds the activities
// of the conversation with a given key. For the key of an id, which is
// [ConversationRow], it is what [ConversationPartition] returns for the id.
func KeyPartition(assistant, conversationKey string) string {
	return AssistantPart(assistant) + string(partMark) + conversationKey
}

// AssistantPart returns the part of a key that stands for an assistant: the
// first in partitions of several parts, and the whole of those that hold rows of
// the assistant without further division.
func AssistantPart(assistant string) string {
	return string(appendPart(nil, assistant, maxAssistantPart))
}

// activityRow returns the row key of an activity within its conversation.
func activityRow(activityID string, at time.Time) string {
	key := make([]byte, 0, len(rowTime)+1+len(activityID)+8)
	key = at.UTC().AppendFormat(key, rowTime)
	key = append(key, partMark)
	key = appendPart(key, activityID, maxActivityPart)
	return string(key)
}

// DayPartition returns the partition of table conversations that holds an
// assistant's conversations of one day (UTC). The newest day sorts first.
func DayPartition(assistant string, day time.Time) string {
	return AssistantPart(assistant) + string(partMark) + reversedDay(day)
}

// ConversationRow returns the row key of a conversation in table conversations.
// It is also the part of [ConversationPartition] that follows the assistant, and
// the conversation's key: what names a conversation where its id, which may hold
// anything, will not do.
func ConversationRow(conversationID string) string {
	return string(appendPart(nil, conversationID, maxConversationPart))
}

// ValidKey reports whether text is the key of a conversation: what
// [ConversationRow] makes of some id that is not empty. Nothing else may become
// part of a store's keys.
func ValidKey(conversationKey string) bool {
	return conversationKey != "" && isPart(conversationKey, maxConversationPart)
}

// RowTime returns the moment that stands at the head of a row key of table
// messages, to the nanosecond. It fails for text that is no such row key.
func RowTime(messageRow string) (at time.Time, ok bool) {
	if len(messageRow) <= len(rowTime) || messageRow[len(rowTime)] != partMark {
		return time.Time{}, false
	}
	at, err := time.Parse(rowTime, messageRow[:len(rowTime)])
	if err != nil || at.Format(rowTime) != messageRow[:len(rowTime)] { // Parse takes a comma for the point
		return time.Time{}, false
	}
	return at, isPart(messageRow[len(rowTime)+1:], maxActivityPart)
}

// DayRange returns the bounds of an assistant's partitions in table
// conversations: from is at or before the first of them, to is after the last,
// and no other assistant's partition lies between.
func DayRange(assistant string) (from, to string) {
	prefix := AssistantPart(assistant) + string(partMark)
	return prefix, prefix + string(hashMark)
}

// ParseDayPartition returns what [DayPartition] was made from. It fails for text
// of another form, and for an assistant's id so long that the key holds only its
// hash.
func ParseDayPartition(partition string) (assistant string, day time.Time, ok bool) {
	part, reversed, found := strings.Cut(partition, string(partMark))
	if !found || len(reversed) != len("yyyymmdd") {
		return "", time.Time{}, false
	}
	number, err := strconv.ParseUint(reversed, 10, 32)
	if err != nil {
		return "", time.Time{}, false
	}
	day, err = time.Parse("20060102", paddedDay(99999999-int(number)))
	if err != nil {
		return "", time.Time{}, false
	}
	assistant, ok = unescape(part)
	return assistant, day, ok
}

// dayKey is the place in table conversations of the activity's conversation on
// the day of at. It is taken from the key, since only the key tells ids apart
// whose columns look alike.
func (k Key) dayKey(at time.Time) Key {
	assistant, conversation, _ := strings.Cut(k.Partition, string(partMark))
	return Key{Partition: assistant + string(partMark) + reversedDay(at), Row: conversation}
}

// reversedDay counts days down, so that the newest sorts first.
func reversedDay(day time.Time) string {
	year, month, date := day.UTC().Date()
	return paddedDay(99999999 - (year*10000 + int(month)*100 + date))
}

func paddedDay(number int) string {
	digits := strconv.Itoa(number)
	return strings.Repeat("0", max(0, len("yyyymmdd")-len(digits))) + digits
}

// appendPart appends id in the characters that keys may hold, in at most limit
// of them. An id that would take more keeps its beginning, for people, and ends
// with a hash of the whole of it.
func appendPart(key []byte, id string, limit int) []byte {
	start := len(key)
	key = appendEscaped(key, id)
	if len(key)-start <= limit {
		return key
	}
	end := wholeEscapes(key, start+limit-hashPart)
	sum := sha256.Sum256([]byte(id))
	key = append(key[:end], hashMark)
	return hex.AppendEncode(key, sum[:])
}

// isPart reports whether text is what appendPart makes of some id within limit.
func isPart(text string, limit int) bool {
	const longestEscape = len("=2F")
	head, hash, shortened := strings.Cut(text, string(hashMark))
	if _, ok := unescape(head); !ok || len(text) > limit {
		return false
	}
	if !shortened {
		return true
	}
	sum, err := hex.DecodeString(hash)
	return err == nil && len(sum) == sha256.Size && hex.EncodeToString(sum) == hash && len(text) > limit-longestEscape
}

// wholeEscapes returns the greatest length up to end at which key can be cut
// without parting an escape.
func wholeEscapes(key []byte, end int) int {
	for back := 1; back <= 2; back++ {
		if key[end-back] == '=' {
			return end - back
		}
	}
	return end
}

// appendEscaped appends id with every byte that a key may not hold, and the
// marks, as = and two hex digits. Table Storage forbids / \ # ? and control
// characters in keys; % breaks clients, and aztables doubles quotes.
func appendEscaped(key []byte, id string) []byte {
	const hexDigits = "0123456789ABCDEF"
	for i := range len(id) {
		c := id[i]
		if isPlain(c) {
			key = append(key, c)
			continue
		}
		key = append(key, '=', hexDigits[c>>4], hexDigits[c&15])
	}
	return key
}

func isPlain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// unescape undoes appendEscaped. It fails for text that appendEscaped does not
// write.
func unescape(part string) (string, bool) {
	var id []byte
	for i := 0; i < len(part); i++ {
		if isPlain(part[i]) {
			id = append(id, part[i])
			continue
		}
		if part[i] != '=' || i+2 >= len(part) {
			return "", false
		}
		decoded, err := hex.DecodeString(part[i+1 : i+3])
		if err != nil {
			return "", false
		}
		id = append(id, decoded...)
		i += 2
	}
	return string(id), string(appendEscaped(nil, string(id))) == part
}
