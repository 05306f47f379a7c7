package tablestore

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"chatgate/internal/tables"
)

func drawWindow(t *rapid.T) window {
	const first, last = -11_644_473_600, 253_402_300_799 // the years that a date-time property holds
	from := time.Unix(rapid.Int64Range(first, last).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).UTC()
	rest := nextDay(from).Sub(from) - 1
	return window{From: from, To: from.Add(time.Duration(rapid.Int64Range(0, int64(rest)).Draw(t, "length")))}
}

func TestJournalsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := journal{days: rapid.SliceOfN(rapid.Custom(drawWindow), 1, 5).Draw(t, "days")}
		if rapid.Bool().Draw(t, "bounded") {
			want.before = drawWindow(t).From
		}
		got, err := decodeJournal(encodeJournal(tables.Key{Partition: "p", Row: "r"}, &want))
		if err != nil || !slices.Equal(got.days, want.days) || got.before != want.before {
			t.Fatalf("%v came back as %v, %v", want, got, err)
		}
	})
}

func TestAFullJournalFitsAProperty(t *testing.T) {
	long := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)
	days := slices.Repeat([]window{{From: long, To: long}}, maxJournal)
	var row struct{ Days string }
	if err := json.Unmarshal(encodeJournal(tables.Key{Partition: "p", Row: "r"}, &journal{days: days}), &row); err != nil {
		t.Fatal(err)
	}
	if units := len(utf16.Encode([]rune(row.Days))); units > 32<<10 {
		t.Errorf("it takes %d characters", units)
	}
}

func TestWindowsHoldWhatLiesBetween(t *testing.T) {
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	day := window{From: noon, To: noon}
	for _, at := range []time.Time{noon.Add(time.Hour), noon.Add(-time.Hour), noon.Add(time.Minute)} {
		day.widen(at)
	}
	if day.From != noon.Add(-time.Hour) || day.To != noon.Add(time.Hour) {
		t.Errorf("the window is %v", day)
	}
	for at, want := range map[time.Time]bool{day.From: true, day.To: true, noon: true, day.From.Add(-1): false, day.To.Add(1): false} {
		if day.contains(at) != want {
			t.Errorf("it holds %v: %v", at, !want)
		}
	}
}

func FuzzDecodeJournal(f *testing.F) {
	for _, days := range []string{
		`[]`, `["2026-11-21T12:00:00Z/2026-11-21T13:00:00Z"]`, `["2026-11-21T12:00:00Z"]`, `["2026-11-21T12:00:00Z/2026-11-22T12:00:00Z"]`,
		`["2026-11-21T12:00:00Z/2026-11-21T11:00:00Z"]`, `["a/b/c"]`, `[1]`, `{}`,
	} {
		row, _ := json.Marshal(map[string]string{"Days": days})
		f.Add(row)
	}
	for _, before := range []string{"2026-11-21T12:00:00Z", "2026", "now"} {
		row, _ := json.Marshal(map[string]string{"Days": "[]", "Before": before})
		f.Add(row)
	}
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, entity []byte) {
		found, err := decodeJournal(entity)
		if err != nil {
			if len(found.days) > 0 || strings.Contains(err.Error(), "2026") {
				t.Errorf("a journal that cannot be read gives %v, %v", found, err)
			}
			return
		}
		for _, day := range found.days {
			if day.To.Before(day.From) || !day.To.Before(nextDay(day.From)) {
				t.Errorf("%v is no part of a day", day)
			}
		}
	})
}
