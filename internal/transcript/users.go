package transcript

import (
	"slices"
	"strconv"
	"strings"
)

// maxUserPart bounds the part of a row key that stands for a user: with the key
// of a conversation and a day it has to fit a row key.
const maxUserPart = 88

// maxUsers is how many users a [DaySummary] names at most.
const maxUsers = 64

// UserPart returns the part of a row key of table users that stands for a user.
// Distinct ids give distinct parts; one holds at most 88 of the characters that
// keys may hold.
func UserPart(userID string) string {
	return string(appendPart(nil, userID, maxUserPart))
}

// UsersPartition returns the partition of table users that tells in which of an
// assistant's conversations a user took part.
func UsersPartition(assistant string) string {
	return AssistantPart(assistant)
}

// Presence says that somebody was the user in a conversation on a day.
type Presence struct {
	// User is the [UserPart] of their id, or empty: the conversation was active on
	// that day, and nobody is known to be its user.
	User string
	// Conversation is the conversation's key.
	Conversation string
	// Day is what distinguishes the [DayPartition] of the day from the
	// assistant's others.
	Day string
}

// RowByUser returns the row key in table users by which the conversations of a
// user are found.
func (p Presence) RowByUser() string {
	return p.User + string(partMark) + p.Conversation + string(partMark) + p.Day
}

// RowByConversation returns the row key in table users by which the users and
// the days of a conversation are found. It is no [Presence.RowByUser] of any
// presence.
func (p Presence) RowByConversation() string {
	return string(hashMark) + p.Conversation + string(partMark) + p.Day + string(partMark) + p.User
}

// DayKey returns the place in table conversations of the conversation and day.
func (p Presence) DayKey(assistant string) Key {
	return Key{Partition: AssistantPart(assistant) + string(partMark) + p.Day, Row: p.Conversation}
}

// UserRange returns the bounds of a user's rows in table users: from is at or
// before the first of them, to is after the last, and no other user's row lies
// between.
func UserRange(userID string) (from, to string) {
	prefix := UserPart(userID) + string(partMark)
	return prefix, prefix + string(hashMark)
}

// PresenceRange returns the bounds of the rows that [Presence.RowByConversation]
// makes for a conversation, between which there are no others.
func PresenceRange(conversationKey string) (from, to string) {
	prefix := string(hashMark) + conversationKey + string(partMark)
	return prefix, prefix + string(hashMark)
}

// ParseUserRow returns the key of the conversation in a row key that
// [Presence.RowByUser] made. It fails for text of another form.
func ParseUserRow(row string) (conversationKey string, ok bool) {
	user, rest, _ := strings.Cut(row, string(partMark))
	conversationKey, day, _ := strings.Cut(rest, string(partMark))
	return conversationKey, isPart(user, maxUserPart) && ValidKey(conversationKey) && isReversedDay(day)
}

// ParsePresence returns what [Presence.RowByConversation] was made from. It fails
// for text of another form.
func ParsePresence(row string) (p Presence, ok bool) {
	row, marked := strings.CutPrefix(row, string(hashMark))
	var rest string
	p.Conversation, rest, _ = strings.Cut(row, string(partMark))
	p.Day, p.User, ok = strings.Cut(rest, string(partMark))
	return p, ok && marked && ValidKey(p.Conversation) && isReversedDay(p.Day) && isPart(p.User, maxUserPart)
}

func isReversedDay(text string) bool {
	_, err := strconv.ParseUint(text, 10, 32)
	return err == nil && len(text) == len("yyyymmdd")
}

// Presences returns who took part in the activities that were summarized: one of
// nobody where nobody is known to be the user.
func (s *DaySummary) Presences() []Presence {
	_, day, _ := strings.Cut(s.Key.Partition, string(partMark))
	if len(s.Everyone) == 0 {
		return []Presence{{Conversation: s.Key.Row, Day: day}}
	}
	presences := make([]Presence, len(s.Everyone))
	for i, user := range s.Everyone {
		presences[i] = Presence{User: user, Conversation: s.Key.Row, Day: day}
	}
	return presences
}

// firstUsers returns as many of users as a row names. Which ones these are does
// not depend on what was merged before, since one that is left out is left out
// however many more come.
func firstUsers(users []string) []string {
	return slices.Clip(users[:min(len(users), maxUsers)])
}

// mergeUsers returns all of both in byte order. It returns users itself where
// more adds nothing.
func mergeUsers(users, more []string) []string {
	if len(users) == 0 {
		return more
	}
	isNew := func(user string) bool {
		_, named := slices.BinarySearch(users, user)
		return !named
	}
	if !slices.ContainsFunc(more, isNew) {
		return users
	}
	merged := slices.Concat(users, more)
	slices.Sort(merged)
	return slices.Clip(slices.Compact(merged))
}
