package tablestore

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"chatgate/internal/login"
	"chatgate/internal/tables"
)

// lastColumn holds the latest time of a row, by which old ones are found.
const lastColumn = "LastTime"

// errRow means that a row is not one that this package wrote. It does not quote
// the row.
var errRow = errors.New("a row of another form")

// marked is a row with what tells who wrote it.
type marked struct {
	row  login.Row
	mark string
}

// columns is a row of the table as the service gives it back. Times that are not
// set have no column.
type columns struct {
	State                string
	Attempt              string
	ExpiresAt            time.Time
	IntervalMilliseconds int64
	NotBefore            time.Time
	CoolDownUntil        time.Time
	Denials              int
	Starts               string
	Mark                 string
}

func encode(key tables.Key, m marked) []byte {
	const size = 400
	e := tables.NewEntity(key, size)
	e.Text("State", string(m.row.State))
	e.Text("Attempt", m.row.Attempt)
	instant(e, "ExpiresAt", m.row.ExpiresAt)
	e.Number("IntervalMilliseconds", int(m.row.Interval/time.Millisecond))
	instant(e, "NotBefore", m.row.NotBefore)
	instant(e, "CoolDownUntil", m.row.CoolDownUntil)
	e.Number("Denials", m.row.Denials)
	e.Text("Starts", encodeStarts(m.row.Starts))
	e.Text("Mark", m.mark)
	e.Instant(lastColumn, storable(m.row.LastTime()))
	return e.JSON()
}

// instant adds a time, unless it is not set: the year 1 cannot be stored.
func instant(e *tables.Entity, name string, at time.Time) {
	if !at.IsZero() {
		e.Instant(name, at)
	}
}

// storable returns at, or the first time that the service can store.
func storable(at time.Time) time.Time {
	first := time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC)
	if at.Before(first) {
		return first
	}
	return at
}

// encodeStarts writes times as a JSON list: the service has no columns of lists.
func encodeStarts(starts []time.Time) string {
	if len(starts) == 0 {
		return ""
	}
	list := make([]string, len(starts))
	for i, at := range starts {
		list[i] = tables.Instant(at).Format(time.RFC3339Nano)
	}
	return `["` + strings.Join(list, `","`) + `"]`
}

func decode(entity []byte) (marked, error) {
	var c columns
	if err := json.Unmarshal(entity, &c); err != nil {
		return marked{}, errRow
	}
	var starts []time.Time
	if c.Starts != "" && json.Unmarshal([]byte(c.Starts), &starts) != nil || len(starts) > login.MaxStarts {
		return marked{}, errRow
	}
	return marked{mark: c.Mark, row: login.Row{
		State:         login.State(c.State),
		Attempt:       c.Attempt,
		ExpiresAt:     c.ExpiresAt,
		Interval:      time.Duration(c.IntervalMilliseconds) * time.Millisecond,
		NotBefore:     c.NotBefore,
		CoolDownUntil: c.CoolDownUntil,
		Denials:       c.Denials,
		Starts:        starts,
	}}, nil
}

func decodeKey(entity []byte) (string, error) {
	var key struct{ RowKey string }
	if json.Unmarshal(entity, &key) != nil || key.RowKey == "" {
		return "", errRow
	}
	return key.RowKey, nil
}
