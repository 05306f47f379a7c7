package tablestore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"chatgate/internal/transcript"
)

// edmTime is the form in which the service stores a date-time: UTC, to 100 ns.
const edmTime = "2006-01-02T15:04:05.9999999Z"

// The columns that hold an activity too long for one property are named
// gzipColumn and their number.
const gzipColumn = "ActivityGzip"

// columns is a row under construction, in the JSON that the service takes.
//
// It escapes as encoding/json does, because aztables decodes and encodes every
// entity of a transaction once more: only so are the bytes counted here the
// bytes that are sent.
type columns struct {
	json []byte
}

func newColumns(key transcript.Key, size int) *columns {
	c := &columns{json: make([]byte, 0, size+512)}
	c.json = append(c.json, '{')
	c.text("PartitionKey", key.Partition)
	c.text("RowKey", key.Row)
	return c
}

// text adds a string column, unless it is empty.
func (c *columns) text(name, value string) {
	if value == "" {
		return
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encoding a string: %v", err)) // which encoding/json never does
	}
	c.name(name)
	c.json = append(c.json, quoted...)
}

// instant adds a date-time column. The service takes the years 1601 to 9999,
// which is all that a record may hold.
func (c *columns) instant(name string, value time.Time) {
	c.annotate(name, "Edm.DateTime")
	c.name(name)
	c.json = append(c.json, '"')
	c.json = edmInstant(value).AppendFormat(c.json, edmTime)
	c.json = append(c.json, '"')
}

func (c *columns) binary(name string, value []byte) {
	c.annotate(name, "Edm.Binary")
	c.name(name)
	c.json = append(c.json, '"')
	c.json = base64.StdEncoding.AppendEncode(c.json, value)
	c.json = append(c.json, '"')
}

func (c *columns) number(name string, value int) {
	c.name(name)
	c.json = strconv.AppendInt(c.json, int64(value), 10)
}

func (c *columns) annotate(name, edmType string) {
	c.text(name+"@odata.type", edmType)
}

func (c *columns) name(name string) {
	if len(c.json) > 1 {
		c.json = append(c.json, ',')
	}
	c.json = append(c.json, '"')
	c.json = append(c.json, name...)
	c.json = append(c.json, '"', ':')
}

func (c *columns) entity() []byte {
	return append(c.json, '}')
}

// edmInstant returns t as the service gives it back: in UTC, in steps of 100 ns.
func edmInstant(t time.Time) time.Time {
	return t.UTC().Truncate(100 * time.Nanosecond)
}

// encodeRecord returns the row of table messages for an activity.
func encodeRecord(r *transcript.Record) []byte {
	c := newColumns(r.Key, len(r.Text)+max(len(r.Activity), len(r.Compressed)*4/3))
	c.text("Assistant", r.Assistant)
	c.text("ConversationId", r.ConversationID)
	c.text("ActivityId", r.ActivityID)
	c.text("Type", r.Type)
	c.text("Role", r.Role)
	c.text("FromId", r.FromID)
	c.text("FromName", r.FromName)
	c.text("Text", r.Text)
	c.text("ChannelId", r.ChannelID)
	c.text("ReplyToId", r.ReplyToID)
	c.instant("SentAt", r.SentAt)
	if r.Compressed == nil {
		c.text("Activity", string(r.Activity))
		return c.entity()
	}
	for i, rest := 0, r.Compressed; len(rest) > 0; i++ {
		size := min(len(rest), transcript.MaxProperty)
		c.binary(gzipColumn+strconv.Itoa(i), rest[:size])
		rest = rest[size:]
	}
	return c.entity()
}

// encodeSummary returns the row of table conversations.
func encodeSummary(s *transcript.DaySummary) []byte {
	c := newColumns(s.Key, len(s.LastText))
	c.text("ConversationId", s.ConversationID)
	c.text("UserId", s.UserID)
	c.text("UserName", s.UserName)
	c.text("ChannelId", s.ChannelID)
	c.instant("LastActivityAt", s.LastActivityAt)
	c.text("LastText", s.LastText)
	c.text("LastKey", s.LastKey)
	c.text("UserKey", s.UserKey)
	c.number("UserCertainty", int(s.UserCertainty))
	return c.entity()
}
