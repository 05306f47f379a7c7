package tablestore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// The columns that hold an activity too long for one property are named
// gzipColumn and their number.
const gzipColumn = "ActivityGzip"

// encodeRecord returns the row of table messages for an activity.
func encodeRecord(r *transcript.Record) []byte {
	e := tables.NewEntity(tables.Key(r.Key), len(r.Text)+max(len(r.Activity), len(r.Compressed)*4/3))
	e.Text("Assistant", r.Assistant)
	e.Text("ConversationId", r.ConversationID)
	e.Text("ActivityId", r.ActivityID)
	e.Text("Type", r.Type)
	e.Text("Role", r.Role)
	e.Text("FromId", r.FromID)
	e.Text("FromName", r.FromName)
	e.Text("Text", r.Text)
	e.Text("ChannelId", r.ChannelID)
	e.Text("ReplyToId", r.ReplyToID)
	e.Instant("SentAt", r.SentAt)
	if r.Compressed == nil {
		e.Text("Activity", string(r.Activity))
		return e.JSON()
	}
	for i, rest := 0, r.Compressed; len(rest) > 0; i++ {
		size := min(len(rest), transcript.MaxProperty)
		e.Binary(gzipColumn+strconv.Itoa(i), rest[:size])
		rest = rest[size:]
	}
	return e.JSON()
}

// encodeSummary returns the row of table conversations.
func encodeSummary(s *transcript.DaySummary) []byte {
	e := tables.NewEntity(tables.Key(s.Key), len(s.LastText))
	addSummary(e, s)
	return e.JSON()
}

// encodeRecent returns the row of table recent for a row of table conversations.
func encodeRecent(s *transcript.DaySummary) []byte {
	e := tables.NewEntity(tables.Key{Partition: s.Key.Partition, Row: recentRow(s)}, len(s.LastText))
	e.Text(keyColumn, s.Key.Row)
	addSummary(e, s)
	return e.JSON()
}

// keyColumn holds a conversation's key, where it is only part of the row key.
const keyColumn = "ConversationKey"

// recentRow is the row key in table recent that goes with a row of table
// conversations.
func recentRow(s *transcript.DaySummary) string {
	return transcript.RecentRow(lastTime(s), s.Key.Row)
}

// lastTime is when a day's last activity was, to the nanosecond.
func lastTime(s *transcript.DaySummary) time.Time {
	if at, ok := transcript.RowTime(s.LastKey); ok {
		return at
	}
	return s.LastActivityAt // of a row that something else wrote
}

func addSummary(e *tables.Entity, s *transcript.DaySummary) {
	e.Text("ConversationId", s.ConversationID)
	e.Text("UserId", s.UserID)
	e.Text("UserName", s.UserName)
	e.Text("ChannelId", s.ChannelID)
	e.Instant("LastActivityAt", s.LastActivityAt)
	e.Text("LastText", s.LastText)
	e.Text("LastKey", s.LastKey)
	e.Text("UserKey", s.UserKey)
	e.Number("UserCertainty", int(s.UserCertainty))
	if !slices.Equal(s.Users, onlyUser(s)) {
		e.Text("Users", textOf(s.Users))
	}
}

// onlyUser is what column Users of a row is where it is left out: the user that
// the row shows.
func onlyUser(s *transcript.DaySummary) []string {
	if s.UserCertainty == transcript.NoUser {
		return nil
	}
	return []string{transcript.UserPart(s.UserID)}
}

// textOf returns a list as a column holds it.
func textOf(list []string) string {
	text, err := json.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("encoding a list of strings: %v", err)) // which encoding/json never does
	}
	return string(text)
}
