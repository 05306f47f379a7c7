package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// crowd stores conversations of which each is active on several of five days,
// and returns what a list of all shows.
func (s subject) crowd(t *testing.T, conversations int) []string {
	t.Helper()
	var records []transcript.Record
	newest := make([]transcript.Record, conversations)
	for i := range conversations {
		name := fmt.Sprint("conversation ", i)
		for on := range 5 {
			if (i+on)%3 == 0 && on > 0 {
				continue
			}
			at := noon().Add(time.Duration(on)*day + time.Duration(i*7%conversations)*time.Minute)
			record := s.record(t, name, fmt.Sprint(on), at, fmt.Sprint("day ", on))
			records, newest[i] = append(records, record), record
		}
	}
	s.must(t, records...)
	slices.SortFunc(newest, func(a, b transcript.Record) int { return b.SentAt.Compare(a.SentAt) })
	texts := make([]string, len(newest))
	for i := range newest {
		texts[i] = newest[i].ConversationID + ": " + newest[i].Text
	}
	return texts
}

func pagesShowEachOnce(t *testing.T, s subject) {
	want := s.crowd(t, 13)
	for _, limit := range []int{1, 2, 5, 12, 13, 14, 1000} {
		wantShown(t, s.list(t, transcript.Span{}, limit), want...)
	}
	wantShown(t, subject{Store: s.open(t), assistant: s.assistant}.list(t, transcript.Span{}, 4), want...)
}

func pageKeepsToItsLimit(t *testing.T, s subject) {
	s.crowd(t, 4)
	for _, limit := range []int{-1, 0, 1} {
		page, err := s.Recent(t.Context(), s.assistant, transcript.Span{}, transcript.Mark{}, limit)
		if err != nil || len(page.Items) != 1 || !page.More {
			t.Errorf("with limit %d a page holds %d, more %v: %v", limit, len(page.Items), page.More, err)
		}
	}
	nobody := subject{Store: s.Store, assistant: newAssistant()}
	if page := nobody.page(t, transcript.Span{}, transcript.Mark{}, 5); len(page.Items) > 0 || page.More {
		t.Errorf("a list of nothing shows %q, more %v", shown(page.Items), page.More)
	}
}

// A conversation's older days are rows that a page has to read and must not
// show.
func pagesEndAfterOutdatedRows(t *testing.T, s subject) {
	var records []transcript.Record
	var want []string
	for i := range 30 {
		name := fmt.Sprintf("conversation %02d", i)
		for on := range 3 {
			records = append(records, s.record(t, name, fmt.Sprint(on), noon().Add(time.Duration(on)*day-time.Duration(i)*time.Second), fmt.Sprint("day ", on)))
		}
		want = append(want, name+": day 2")
	}
	alone := s.record(t, "alone", "1", noon().Add(-day), "long before")
	s.must(t, append(records, alone)...)
	for _, limit := range []int{2, 7, 100} {
		wantShown(t, s.list(t, transcript.Span{}, limit), append(slices.Clone(want), "alone: long before")...)
	}
	first := s.list(t, transcript.Span{To: midnight().Add(day)}, 7)
	if len(first) != 31 || first[30].ConversationID != "alone" || first[0].LastText != "day 0" {
		t.Errorf("the list of the first days shows %q", shown(first))
	}
}

func activeBetweenPages(t *testing.T, s subject) {
	all := s.crowd(t, 12)
	page := s.page(t, transcript.Span{}, transcript.Mark{}, 4)
	items := page.Items
	for len(items) < 4 && page.More {
		page = s.page(t, transcript.Span{}, page.Next, 4-len(items))
		items = append(items, page.Items...)
	}
	wantShown(t, items, all[:4]...)

	name := func(i int) string { id, _, _ := strings.Cut(all[i], ":"); return id }
	other := subject{Store: s.open(t), assistant: s.assistant}
	other.must(t,
		s.record(t, name(1), "new", noon().Add(9*day), "active again, already shown"),
		s.record(t, name(2), "late", noon().Add(-day), "a late one, already shown"),
		s.record(t, name(6), "new", noon().Add(9*day+1), "active again, not yet shown"),
		s.record(t, name(8), "late", noon().Add(-day), "a late one, not yet shown"),
		s.record(t, "newcomer", "1", noon().Add(9*day), "for the first time"),
	)
	seen := make(map[string]int)
	for _, item := range append(items, s.listAfter(t, transcript.Span{}, page.Next, 3)...) {
		seen[item.ConversationID]++
	}
	for i := range all {
		if count := seen[name(i)]; count > 1 || count == 0 && i != 6 {
			t.Errorf("%s, which was at place %d, came %d times", name(i), i, count)
		}
	}
	if got := s.list(t, transcript.Span{}, 5); len(got) != 13 || got[0].ConversationID != name(6) {
		t.Errorf("a new list shows %q", shown(got))
	}
}

func marksStayWithTheAssistant(t *testing.T, s subject) {
	s.crowd(t, 6)
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	want := longer.crowd(t, 3)
	for _, mark := range []transcript.Mark{
		s.page(t, transcript.Span{}, transcript.Mark{}, 2).Next,
		transcript.NewMark(noon().Add(100*day), keyOf("conversation 0")),
		transcript.NewMark(noon().Add(-100*day), keyOf("conversation 0")),
	} {
		var after []string
		for i, item := range longer.list(t, transcript.Span{}, 100) {
			if transcript.RecentRow(item.LastActivityAt, item.Key) > mark.Row() {
				after = append(after, want[i])
			}
		}
		wantShown(t, longer.listAfter(t, transcript.Span{}, mark, 2), after...)
		nobody := subject{Store: s.Store, assistant: newAssistant()}
		wantShown(t, nobody.listAfter(t, transcript.Span{}, mark, 2))
	}
}
