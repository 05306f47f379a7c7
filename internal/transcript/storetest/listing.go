package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"chatgate/internal/transcript"

	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

// midnight is when the day of noon begins.
func midnight() time.Time { return noon().Add(-12 * time.Hour) }

func keyOf(conversation string) string { return transcript.ConversationRow(conversation) }

// list reads the list page by page to its end. It holds each page to its limit,
// and carries the mark to the next one as text and to another instance, as the
// requests of a consultant would.
func (s subject) list(t *testing.T, span transcript.Span, limit int) []transcript.Listed {
	t.Helper()
	return s.listAfter(t, span, transcript.Mark{}, limit)
}

func (s subject) listAfter(t *testing.T, span transcript.Span, after transcript.Mark, limit int) (items []transcript.Listed) {
	t.Helper()
	const endless = 500
	for range endless {
		page := s.page(t, span, after, limit)
		items = append(items, page.Items...)
		if !page.More {
			return items
		}
		next, err := transcript.ParseMark(page.Next.String())
		if err != nil || next.Row() <= after.Row() {
			t.Fatalf("after %q comes a page that ends with %q: %v", after.Row(), page.Next.Row(), err)
		}
		after = next
	}
	t.Fatalf("%d pages, and the list has not ended", endless)
	return nil
}

// page reads one page and holds it to its limit.
func (s subject) page(t *testing.T, span transcript.Span, after transcript.Mark, limit int) transcript.Listing {
	t.Helper()
	page, err := s.Recent(t.Context(), s.assistant, span, after, limit)
	if err != nil {
		t.Fatalf("Recent: %v", err)
	}
	if len(page.Items) > limit {
		t.Errorf("a page of at most %d holds %d", limit, len(page.Items))
	}
	for i := range page.Items {
		if item := &page.Items[i]; item.Assistant != s.assistant || item.Key != keyOf(item.ConversationID) {
			t.Errorf("%q of assistant %s, not %s, is listed with key %q", item.ConversationID, item.Assistant, s.assistant, item.Key)
		}
	}
	return page
}

// shown is what a list shows, one conversation a text: its id and what was said
// last.
func shown(items []transcript.Listed) []string {
	texts := make([]string, len(items))
	for i := range items {
		texts[i] = items[i].ConversationID + ": " + items[i].LastText
	}
	return texts
}

func wantShown(t *testing.T, items []transcript.Listed, want ...string) {
	t.Helper()
	if got := shown(items); !slices.Equal(got, want) {
		t.Errorf("the list shows %q, want %q", got, want)
	}
}

func listIsNewestFirst(t *testing.T, s subject) {
	s.must(t,
		s.record(t, "two days", "1", noon(), "noon"),
		s.record(t, "two days", "2", noon().Add(2*day), "two days later"),
		s.record(t, "later that day", "1", noon().Add(2*day+100), "100 ns more"),
		s.record(t, "earlier that day", "1", noon().Add(2*day-time.Nanosecond), "1 ns less"),
		s.record(t, "tie b", "1", noon().Add(day), "same moment"),
		s.record(t, "tie a", "2", noon().Add(day), "same moment"),
		s.record(t, "tie a-", "3", noon().Add(day), "same moment"),
		s.record(t, "before midnight", "1", midnight().Add(-100), "yesterday"),
		s.record(t, "at midnight", "1", midnight(), "today"),
		s.record(t, "long ago", "1", time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC), "first"),
		s.record(t, "far ahead", "1", time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC), "last"),
	)
	for _, limit := range []int{100, 1} {
		wantShown(t, s.list(t, transcript.Span{}, limit),
			"far ahead: last", "later that day: 100 ns more", "two days: two days later", "earlier that day: 1 ns less",
			"tie a: same moment", "tie a-: same moment", "tie b: same moment",
			"at midnight: today", "before midnight: yesterday", "long ago: first")
	}
}

func listedAsOfItsNewestDay(t *testing.T, s subject) {
	older := s.record(t, "conversation", "1", noon(), "older")
	older.User = transcript.Party{ID: "older user", Name: "Older", Certainty: transcript.UserByRole}
	newer := s.record(t, "conversation", "2", noon().Add(day), "newer")
	newer.User = transcript.Party{ID: "dl_newer", Name: "Zoë 山田", Certainty: transcript.UserByID}
	newer.ChannelID = "directline"
	s.must(t, newer)
	s.must(t, older) // late
	want := []transcript.Listed{{
		Key: keyOf("conversation"),
		Conversation: transcript.Conversation{
			Assistant: s.assistant, ConversationID: "conversation", UserID: "dl_newer", UserName: "Zoë 山田",
			ChannelID: "directline", LastActivityAt: newer.SentAt, LastText: "newer",
		},
	}}
	got := s.list(t, transcript.Span{}, 10)
	for i := range got {
		got[i].LastActivityAt = got[i].LastActivityAt.UTC()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func listKeepsToItsSpan(t *testing.T, s subject) {
	at := func(days, hours int) time.Time {
		return midnight().Add(time.Duration(days)*day + time.Duration(hours)*time.Hour)
	}
	s.must(t,
		s.record(t, "a", "1", at(0, 12), "day 0"),
		s.record(t, "a", "2", at(1, 10), "day 1, 10:00"),
		s.record(t, "a", "3", at(1, 15), "day 1, 15:00"),
		s.record(t, "a", "4", at(3, 9), "day 3"),
		s.record(t, "b", "1", at(1, 12), "day 1"),
		s.record(t, "c", "1", at(2, 0), "day 2, midnight"),
	)
	tests := []struct {
		name string
		span transcript.Span
		want []string
	}{
		{"all of time", transcript.Span{}, []string{"a: day 3", "c: day 2, midnight", "b: day 1"}},
		{"one day", transcript.Span{From: at(1, 0), To: at(2, 0)}, []string{"a: day 1, 15:00", "b: day 1"}},
		{"two days", transcript.Span{From: at(0, 0), To: at(2, 0)}, []string{"a: day 1, 15:00", "b: day 1"}},
		{"the day that begins with an activity", transcript.Span{From: at(2, 0), To: at(3, 0)}, []string{"c: day 2, midnight"}},
		{"from a day on", transcript.Span{From: at(2, 0)}, []string{"a: day 3", "c: day 2, midnight"}},
		{"from after midnight on", transcript.Span{From: at(2, 0).Add(1)}, []string{"a: day 3"}},
		{"up to a day", transcript.Span{To: at(1, 0)}, []string{"a: day 0"}},
		{"up to within a day, before some of its last activities", transcript.Span{To: at(1, 13)}, []string{"b: day 1", "a: day 0"}},
		{"within a day, before its last activity", transcript.Span{From: at(1, 9), To: at(1, 11)}, nil},
		{"up to the very activity", transcript.Span{To: at(1, 15)}, []string{"b: day 1", "a: day 0"}},
		{"up to just after it", transcript.Span{To: at(1, 15).Add(1)}, []string{"a: day 1, 15:00", "b: day 1"}},
		{"from the very activity", transcript.Span{From: at(1, 15), To: at(2, 0)}, []string{"a: day 1, 15:00"}},
		{"from just after it", transcript.Span{From: at(1, 15).Add(1), To: at(2, 0)}, nil},
		{"in another zone", transcript.Span{From: at(1, 0).In(time.FixedZone("", -9*3600)), To: at(2, 0).In(time.FixedZone("", 9*3600))}, []string{"a: day 1, 15:00", "b: day 1"}},
		{"before everything", transcript.Span{To: at(0, 0)}, nil},
		{"after everything", transcript.Span{From: at(4, 0)}, nil},
		{"of no length", transcript.Span{From: at(1, 12), To: at(1, 12)}, nil},
		{"turned round", transcript.Span{From: at(3, 0), To: at(1, 0)}, nil},
		{"beyond the years of keys", transcript.Span{From: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC)}, []string{"a: day 3", "c: day 2, midnight", "b: day 1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantShown(t, s.list(t, test.span, 10), test.want...)
			wantShown(t, s.list(t, test.span, 1), test.want...)
		})
	}
}

func earlierActivitiesLeaveNothing(t *testing.T, s subject) {
	for _, minute := range []int{3, 1, 4, 4, 0, 5, 2} {
		for _, conversation := range []string{"a", "b"} {
			s.must(t, s.record(t, conversation, strconv.Itoa(minute), noon().Add(time.Duration(minute)*time.Minute), fmt.Sprint("minute ", minute)))
		}
	}
	for _, limit := range []int{1, 2, 10} {
		wantShown(t, s.list(t, transcript.Span{}, limit), "a: minute 5", "b: minute 5")
	}
	changed := s.record(t, "a", "5", noon().Add(5*time.Minute), "changed")
	s.must(t, changed)
	wantShown(t, s.list(t, transcript.Span{}, 10), "a: changed", "b: minute 5")
}

func anyIDIsListedAndRead(t *testing.T, s subject) {
	var records []transcript.Record
	for i, id := range hostileIDs() {
		records = append(records, s.record(t, id, id, noon().Add(-time.Duration(i)*time.Minute), "text of "+id))
	}
	s.must(t, records...)
	items := s.list(t, transcript.Span{}, 25)
	if len(items) != len(records) {
		t.Fatalf("%d of %d conversations are listed", len(items), len(records))
	}
	for i, item := range items {
		if item.ConversationID != records[i].ConversationID {
			t.Errorf("%q is listed in place of %q", item.ConversationID, records[i].ConversationID)
		}
		if got, err := s.Conversation(t.Context(), s.assistant, item.Key); err != nil || got.ConversationID != item.ConversationID {
			t.Errorf("%q is read as %+v: %v", item.ConversationID, got, err)
		}
		wantRecords(t, s.excerpts(t, item.Key, 10, 1<<20), records[i:i+1])
	}
}

// Rows that a writer left behind because another was faster must not show.
func writersLeaveOneList(t *testing.T, s subject) {
	conversations := []string{"a", "b", "c"}
	stores := []Store{s.Store, s.open(t)}
	var writers sync.WaitGroup
	for writer := range 6 {
		writers.Go(func() {
			mine := subject{Store: stores[writer%len(stores)], assistant: s.assistant}
			for i := range 12 {
				var records []transcript.Record
				for _, conversation := range conversations {
					records = append(records, mine.dialogue(t, conversation, 24)[(i*5+writer*4)%24])
				}
				mine.must(t, records...)
			}
		})
	}
	writers.Wait()
	alone := subject{Store: s.Store, assistant: newAssistant()}
	for _, conversation := range conversations {
		alone.must(t, alone.dialogue(t, conversation, 24)...)
	}
	for _, span := range []transcript.Span{{}, {To: midnight().Add(2 * day)}, {To: midnight().Add(day)}} {
		wantShown(t, s.list(t, span, 2), shown(alone.list(t, span, 100))...)
	}
}
