package tables

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// edmTime is the form in which the service stores a date-time: UTC, to 100 ns.
const edmTime = "2006-01-02T15:04:05.9999999Z"

// Entity is a row under construction, in the JSON that the service takes. Create
// it with [NewEntity].
//
// It escapes as encoding/json does, because aztables decodes and encodes every
// entity of a transaction once more: only so are the bytes counted here the
// bytes that are sent.
type Entity struct {
	json []byte
}

// NewEntity returns a row with nothing but its key. size is about how many bytes
// of columns will be added.
func NewEntity(key Key, size int) *Entity {
	e := &Entity{json: make([]byte, 0, size+512)}
	e.json = append(e.json, '{')
	e.Text("PartitionKey", key.Partition)
	e.Text("RowKey", key.Row)
	return e
}

// Text adds a string column, unless it is empty.
func (e *Entity) Text(name, value string) {
	if value == "" {
		return
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encoding a string: %v", err)) // which encoding/json never does
	}
	e.name(name)
	e.json = append(e.json, quoted...)
}

// Instant adds a date-time column. The service takes the years 1601 to 9999.
func (e *Entity) Instant(name string, value time.Time) {
	e.annotate(name, "Edm.DateTime")
	e.name(name)
	e.json = append(e.json, '"')
	e.json = Instant(value).AppendFormat(e.json, edmTime)
	e.json = append(e.json, '"')
}

// Binary adds a column of bytes.
func (e *Entity) Binary(name string, value []byte) {
	e.annotate(name, "Edm.Binary")
	e.name(name)
	e.json = append(e.json, '"')
	e.json = base64.StdEncoding.AppendEncode(e.json, value)
	e.json = append(e.json, '"')
}

// Number adds a column of a whole number of 32 bits.
func (e *Entity) Number(name string, value int) {
	e.name(name)
	e.json = strconv.AppendInt(e.json, int64(value), 10)
}

// JSON returns the row, to which nothing is added any more.
func (e *Entity) JSON() []byte {
	return append(e.json, '}')
}

func (e *Entity) annotate(name, edmType string) {
	e.Text(name+"@odata.type", edmType)
}

func (e *Entity) name(name string) {
	if len(e.json) > 1 {
		e.json = append(e.json, ',')
	}
	e.json = append(e.json, '"')
	e.json = append(e.json, name...)
	e.json = append(e.json, '"', ':')
}

// Instant returns t as the service gives it back: in UTC, in steps of 100 ns.
func Instant(t time.Time) time.Time {
	return t.UTC().Truncate(100 * time.Nanosecond)
}
