package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func lastActivityIsTheNewest(t *testing.T, s subject) {
	for i, after := range []time.Duration{time.Hour, 0, 3 * day, day, 3*day - 1, 3*day + 1} {
		s.must(t, s.record(t, "conversation", fmt.Sprint(i), noon().Add(after), ""))
	}
	s.must(t, s.record(t, "conversation1", "1", noon().Add(9*day), ""))
	at, err := s.LastActivity(t.Context(), s.assistant, keyOf("conversation"))
	if want := noon().Add(3*day + 1); err != nil || !at.Equal(want) {
		t.Errorf("last active at %v, %v; want %v", at, err, want)
	}
}

// ended are the days that have ended by the given moment, as texts.
func (s subject) ended(t *testing.T, before time.Time, limit int) []string {
	t.Helper()
	var days []string
	for _, row := range s.expired(t, before, limit) {
		days = append(days, row.Key+" "+row.Day.UTC().Format(time.DateTime))
	}
	return days
}

func daysExpire(t *testing.T, s subject) {
	s.must(t,
		s.record(t, "a", "1", noon(), ""), s.record(t, "a", "2", noon().Add(time.Hour), ""), s.record(t, "a", "3", noon().Add(2*day), ""),
		s.record(t, "b", "1", midnight(), ""), s.record(t, "b", "2", midnight().Add(-1), ""), s.record(t, "b", "3", noon().Add(-500*day), ""),
	)
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	longer.must(t, longer.record(t, "theirs", "1", noon().Add(-500*day), ""))
	const a2, a0, b0, before, ago = "a 2026-11-23 00:00:00", "a 2026-11-21 00:00:00", "b 2026-11-21 00:00:00", "b 2026-11-20 00:00:00", "b 2025-07-09 00:00:00"
	for moment, want := range map[time.Time][]string{
		noon().Add(1000 * day):       {a2, a0, b0, before, ago},
		midnight().Add(3 * day):      {a2, a0, b0, before, ago},
		midnight().Add(3*day - 1):    {a0, b0, before, ago},
		midnight().Add(day):          {a0, b0, before, ago},
		midnight().Add(day - 1):      {before, ago},
		noon():                       {before, ago},
		midnight():                   {before, ago},
		midnight().Add(-1):           {ago},
		noon().Add(-501 * day):       nil,
		time.Unix(0, 0).UTC():        nil,
		noon().Add(-499 * day).UTC(): {ago},
	} {
		if got := s.ended(t, moment, 100); !slices.Equal(got, want) {
			t.Errorf("by %v have ended %q, want %q", moment, got, want)
		}
	}
	s.erase(t, "b")
	if got := s.ended(t, noon().Add(1000*day), 100); !slices.Equal(got, []string{a2, a0}) {
		t.Errorf("after the erasure of b have ended %q", got)
	}
}

func expiredDaysComeInPages(t *testing.T, s subject) {
	s.crowd(t, 5)
	moment := noon().Add(9 * day)
	all := s.ended(t, moment, 1000)
	if len(all) < 15 {
		t.Fatalf("%d days have ended", len(all))
	}
	for _, limit := range []int{1, 4, len(all)} {
		if got := s.ended(t, moment, limit); !slices.Equal(got, all) {
			t.Errorf("by %d at a time have ended %q, want %q", limit, got, all)
		}
	}
	for _, limit := range []int{-1, 0} {
		if rows, err := s.Expired(t.Context(), s.assistant, moment, "", limit); err != nil || len(rows) != 1 {
			t.Errorf("with limit %d come %d days: %v", limit, len(rows), err)
		}
	}
	rows := s.expired(t, moment, 1000)
	if !slices.IsSortedFunc(rows, func(a, b transcript.DayRow) int { return b.Day.Compare(a.Day) }) {
		t.Errorf("the days are not newest first: %v", rows)
	}
	// What the purge removes meanwhile must not make it skip others.
	s.erase(t, "conversation 0")
	after, err := s.Expired(t.Context(), s.assistant, moment, rows[6].Place, 1000)
	left := slices.DeleteFunc(slices.Clone(rows[7:]), func(row transcript.DayRow) bool { return row.Key == keyOf("conversation 0") })
	if err != nil || !slices.EqualFunc(after, left, func(a, b transcript.DayRow) bool { return a.Place == b.Place && a.Key == b.Key && a.Day.Equal(b.Day) }) {
		t.Errorf("after place %q come %v, %v; want %v", rows[6].Place, after, err, left)
	}
	nobody := subject{Store: s.Store, assistant: s.assistant + "x"}
	if theirs, err := nobody.Expired(t.Context(), nobody.assistant, moment, rows[6].Place, 10); err != nil || len(theirs) > 0 {
		t.Errorf("the place shows another assistant %v, %v", theirs, err)
	}
}

func bookmarkIsKept(t *testing.T, s subject) {
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	other := subject{Store: s.open(t), assistant: s.assistant}
	want := func(s subject, want string) {
		t.Helper()
		if got, err := s.Bookmark(t.Context(), s.assistant); err != nil || got != want {
			t.Errorf("the bookmark is %q, %v; want %q", got, err, want)
		}
	}
	want(s, "")
	for _, place := range []string{"place", "another/place", strings.Repeat("a.b=2F~", 140), "place", "", "", "back"} {
		if err := s.SetBookmark(t.Context(), s.assistant, place); err != nil {
			t.Errorf("SetBookmark: %v", err)
		}
		want(s, place)
		want(other, place)
		want(longer, "")
	}
	if keys := s.unfinished(t); len(keys) > 0 {
		t.Errorf("with a bookmark unfinished are %q", keys)
	}
	s.must(t, s.record(t, "purge", "1", noon(), ""), s.record(t, "bookmark", "1", noon(), ""))
	s.erase(t, "purge")
	s.erase(t, "bookmark")
	want(s, "back")
	if _, err := s.LastActivity(t.Context(), s.assistant, keyOf("purge")); !errors.Is(err, transcript.ErrNoConversation) {
		t.Errorf("conversation purge is still there: %v", err)
	}
}
