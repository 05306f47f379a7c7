package transcript

import (
	"cmp"
	"slices"
)

// DaySummary is a row of table conversations: a [Conversation] together with
// what it takes to bring it up to date without reading the activities again.
//
// Summaries of the same conversation and day are merged by [DaySummary.Merge].
// The order, the grouping and the repetition of the activities make no
// difference to the outcome, so that redelivery and several writers at once
// leave the row that one clean delivery leaves. The zero value is the summary
// of no activities.
type DaySummary struct {
	Conversation

	// Key is the row's place: [DayPartition] and [ConversationRow].
	Key Key

	// LastKey (column LastKey) is the row key of the newest activity of the
	// day, from which LastActivityAt, LastText and ChannelID come.
	LastKey string
	// UserKey (column UserKey) is the row key of the activity from which UserID
	// and UserName come.
	UserKey string
	// UserCertainty (column UserCertainty) is how sure that activity was.
	UserCertainty Certainty

	// Users (column Users) are the [UserPart] of everybody who is the user in
	// some activity of the day, each once and in byte order, and of more than 64
	// the first 64. They are not changed in place, since summaries share them.
	Users []string

	// Everyone is all of them, as far as the activities tell that were summarized
	// here. It is no column: table users has a row for each.
	Everyone []string `json:"-"`
}

// Summarize returns one summary for each conversation and day among records, in
// the order of their first activity.
func Summarize(records []Record) []DaySummary {
	var summaries []DaySummary
	places := make(map[Key]int)
	for i := range records {
		summary := summaryOf(&records[i])
		place, seen := places[summary.Key]
		if !seen {
			places[summary.Key] = len(summaries)
			summaries = append(summaries, summary)
			continue
		}
		summaries[place], _ = summaries[place].Merge(summary)
	}
	return summaries
}

// summaryOf is the summary of a single activity.
func summaryOf(r *Record) DaySummary {
	summary := DaySummary{
		Conversation: Conversation{
			Assistant:      r.Assistant,
			ConversationID: r.ConversationID,
			ChannelID:      r.ChannelID,
			LastActivityAt: r.SentAt,
			LastText:       r.Text,
		},
		Key:     r.Key.dayKey(r.SentAt),
		LastKey: r.Key.Row,
	}
	if r.User.Certainty > NoUser {
		summary.UserID, summary.UserName = r.User.ID, r.User.Name
		summary.UserCertainty, summary.UserKey = r.User.Certainty, r.Key.Row
		summary.Users = []string{UserPart(r.User.ID)}
		summary.Everyone = summary.Users
	}
	return summary
}

// Merge returns the summary of the activities of both, and whether it differs
// from s, so that a redelivery need not be written. Both are of the same
// conversation and day, or zero. Where both hold the same activity with other
// content, more's is taken.
//
// The newest activity decides LastActivityAt, LastText and ChannelID. The
// party that is most surely the user decides UserID and UserName; between
// equals one that has a name, and then the newest. Users are those of both.
func (s DaySummary) Merge(more DaySummary) (merged DaySummary, changed bool) {
	merged = s
	if more.LastKey >= s.LastKey {
		merged.takeLast(&more)
	}
	if more.compareUser(&s) >= 0 {
		merged.takeUser(&more)
	}
	merged.Users = firstUsers(mergeUsers(s.Users, more.Users))
	merged.Everyone = mergeUsers(s.Everyone, more.Everyone)
	return merged, !merged.equal(&s)
}

func (s *DaySummary) takeLast(from *DaySummary) {
	s.Key, s.Assistant, s.ConversationID = from.Key, from.Assistant, from.ConversationID
	s.ChannelID, s.LastActivityAt, s.LastText = from.ChannelID, from.LastActivityAt, from.LastText
	s.LastKey = from.LastKey
}

func (s *DaySummary) takeUser(from *DaySummary) {
	s.UserID, s.UserName = from.UserID, from.UserName
	s.UserCertainty, s.UserKey = from.UserCertainty, from.UserKey
}

// compareUser orders summaries by how good their claim to know the user is.
func (s *DaySummary) compareUser(other *DaySummary) int {
	return cmp.Or(
		cmp.Compare(s.UserCertainty, other.UserCertainty),
		cmp.Compare(min(len(s.UserName), 1), min(len(other.UserName), 1)),
		cmp.Compare(s.UserKey, other.UserKey),
	)
}

// equal compares the columns, and moments, not their representation: a store may
// hand a time back in another location.
func (s *DaySummary) equal(other *DaySummary) bool {
	shifted := s.Conversation
	shifted.LastActivityAt = other.LastActivityAt
	return s.LastActivityAt.Equal(other.LastActivityAt) && shifted == other.Conversation &&
		s.Key == other.Key && s.LastKey == other.LastKey &&
		s.UserKey == other.UserKey && s.UserCertainty == other.UserCertainty && slices.Equal(s.Users, other.Users)
}
