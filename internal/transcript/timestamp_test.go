package transcript

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimestampsOfBotsAreRead(t *testing.T) {
	tests := map[string]string{
		"2018-12-14T14:27:00.865Z":              "2018-12-14T14:27:00.865Z", // JavaScript's toISOString
		"2019-10-25T11:07:11.5980000+00:00":     "2019-10-25T11:07:11.598Z", // .NET's "o" of a DateTimeOffset
		"2019-10-25T11:07:11.5980001":           "2019-10-25T11:07:11.5980001Z",
		"2019-10-25T11:07:11.123456789Z":        "2019-10-25T11:07:11.123456789Z",
		"2019-10-25T11:07:11.1234567899999999Z": "2019-10-25T11:07:11.123456789Z",
		"2019-10-25T11:07:11+05:30":             "2019-10-25T05:37:11Z",
		"2019-10-25T23:07:11-0800":              "2019-10-26T07:07:11Z",
		"2019-10-25T11:07:11":                   "2019-10-25T11:07:11Z",
		"2019-10-25t11:07:11z":                  "2019-10-25T11:07:11Z",     // RFC 3339 section 5.6 allows small letters
		"2019-10-25 11:07:11.598000+00:00":      "2019-10-25T11:07:11.598Z", // Python's str
		"1601-01-01T00:00:00Z":                  "1601-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z":        "9999-12-31T23:59:59.999999999Z",
		"2000-02-29T00:00:00Z":                  "2000-02-29T00:00:00Z",
	}
	for text, want := range tests {
		written, _ := json.Marshal(text)
		enqueued := time.Unix(1, 0)
		if got := sentAt(written, enqueued).Format(time.RFC3339Nano); got != want {
			t.Errorf("%s reads as %s, want %s", text, got, want)
		}
	}
}

func TestOtherTimestampsGiveTheBrokersTime(t *testing.T) {
	enqueued := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	for _, written := range []string{
		``, `null`, `12`, `1572000000000`, `true`, `{"a":"2019-10-25T11:07:11Z"}`, `["2019-10-25T11:07:11Z"]`, `""`, `"yesterday"`, `"2019-10-25"`,
		`"2019-02-30T00:00:00Z"`, `"2019-10-25T25:07:11Z"`, `"0001-01-01T00:00:00"`, `"0001-01-01T00:00:00Z"`, `"1600-12-31T23:59:59.9999999Z"`,
		`"9999-12-31T23:59:59-01:00"`, `"1601-01-01T00:00:00+01:00"`, `"10000-01-01T00:00:00Z"`, `"-2019-10-25T11:07:11Z"`, `"2019-10-25T11:07:11ZZ"`,
	} {
		if got := sentAt(value(written), enqueued); !got.Equal(enqueued) {
			t.Errorf("%s gives %v, want the enqueued time", written, got)
		}
	}
}

func TestNoTimeAtAllGivesTheBeginningOf1970(t *testing.T) {
	for _, enqueued := range []time.Time{{}, time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got := sentAt(nil, enqueued); !got.Equal(time.Unix(0, 0)) || got.Location() != time.UTC {
			t.Errorf("enqueued %v gives %v", enqueued, got)
		}
	}
}
