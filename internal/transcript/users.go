package transcript

import (
	"slices"
	"strings"
)

// maxUserPart bounds the part of a row key that stands for a user: with the key
// of a conversation it has to fit a row key.
const maxUserPart = 96

// maxUsers is how many users a [DaySummary] names at most.
const maxUsers = 64

// UserPart returns the part of a row key of table users that stands for a user.
// Distinct ids give distinct parts; one holds at most 96 of the characters that
// keys may hold.
func UserPart(userID string) string {
	return string(appendPart(nil, userID, maxUserPart))
}

// UsersPartition returns the partition of table users that tells in which of an
// assistant's conversations a user took part.
func UsersPartition(assistant string) string {
	return AssistantPart(assistant)
}

// UserRow returns the row key in table users that says that the user took part
// in the conversation.
func UserRow(userID, conversationKey string) string {
	return userRow(UserPart(userID), conversationKey)
}

func userRow(userPart, conversationKey string) string {
	return userPart + string(partMark) + conversationKey
}

// UserRange returns the bounds of a user's rows in table users: from is at or
// before the first of them, to is after the last, and no other user's row lies
// between.
func UserRange(userID string) (from, to string) {
	prefix := userRow(UserPart(userID), "")
	return prefix, prefix + string(hashMark)
}

// ParseUserRow returns the key of the conversation in a row key that [UserRow]
// made. It fails for text of another form.
func ParseUserRow(row string) (conversationKey string, ok bool) {
	user, conversationKey, found := strings.Cut(row, string(partMark))
	return conversationKey, found && isPart(user, maxUserPart) && ValidKey(conversationKey)
}

// UserRows returns the row keys in table users of those whom the summary names.
func (s *DaySummary) UserRows() []string {
	rows := make([]string, len(s.Users))
	for i, user := range s.Users {
		rows[i] = userRow(user, s.Key.Row)
	}
	return rows
}

// mergeUsers returns the first of both in byte order. Which ones these are does
// not depend on what was merged before, since one that is left out is left out
// however many more come. It returns users itself where more adds nothing.
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
	merged = slices.Compact(merged)
	return slices.Clip(merged[:min(len(merged), maxUsers)])
}
