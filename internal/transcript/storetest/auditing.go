package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/audit"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// entry is that of a reading by a consultant, told from others by its
// invocation.
func (s subject) entry(at time.Time, invocation string) audit.Entry {
	return audit.Entry{
		Assistant: s.assistant, TenantID: "tenant", ObjectID: "object", Action: audit.Read,
		ConversationKey: "conversation", Count: 1, At: at, InvocationID: invocation,
	}
}

func (s subject) append(t *testing.T, entries ...audit.Entry) {
	t.Helper()
	for _, entry := range entries {
		if err := s.Ledger().Append(t.Context(), entry); err != nil {
			t.Errorf("Append: %v", err)
		}
	}
}

// entries reads the ledger page by page to its end.
func (s subject) entries(t *testing.T, after string, limit int) (entries []audit.Entry) {
	t.Helper()
	for {
		page, err := s.Ledger().Page(t.Context(), s.assistant, after, limit)
		if err != nil {
			t.Fatalf("Page: %v", err)
		}
		if len(page.Entries) > limit {
			t.Errorf("a page of at most %d holds %d", limit, len(page.Entries))
		}
		entries = append(entries, page.Entries...)
		if page.Next == "" {
			return entries
		}
		if page.Next <= after {
			t.Fatalf("after %q comes a page that ends with %q", after, page.Next)
		}
		after = page.Next
	}
}

func wantEntries(t *testing.T, got, want []audit.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func everyColumnOfAnEntryComesBack(t *testing.T, s subject) {
	at := noon().Add(123456700 * time.Nanosecond)
	var want []audit.Entry
	for i, action := range []audit.Action{audit.List, audit.Read, audit.Export, audit.EraseConversation, audit.EraseUser, audit.ReadAudit, audit.Purge} {
		entry := audit.Entry{Assistant: s.assistant, Action: action, At: at.Add(-time.Duration(i) * time.Hour)}
		if i > 0 {
			entry.TenantID, entry.ObjectID = "0b2d7f6e-0000-4000-8000-000000000001", "0b2d7f6e-0000-4000-8000-000000000002"
			entry.ConversationKey, entry.UserID = keyOf("a/b'c"), "dl_Zoë \"' \\ \u0001\n 山田 \U0001F600 "
			entry.Count, entry.InvocationID = i*1_000_000, "invocation"
		}
		want = append(want, entry)
	}
	s.append(t, want...)
	wantEntries(t, s.entries(t, "", 100), want)
	second := subject{Store: s.open(t), assistant: s.assistant}
	wantEntries(t, second.entries(t, "", 100), want)
}

// series is entries of several days, newest first.
func (s subject) series(count int) []audit.Entry {
	entries := make([]audit.Entry, count)
	for i := range entries {
		entries[i] = s.entry(noon().Add(-time.Duration(i)*5*time.Hour), fmt.Sprint("entry ", i))
	}
	return entries
}

func entriesComeNewestFirst(t *testing.T, s subject) {
	want := append(s.series(9),
		s.entry(noon().Add(-40*time.Hour-100), "100 ns earlier"),
		s.entry(midnight().Add(-9*day), "at midnight"),
		s.entry(midnight().Add(-9*day-100), "before midnight"),
		s.entry(noon().Add(-800*day), "years ago"),
	)
	shuffled := slices.Clone(want)
	slices.Reverse(shuffled)
	shuffled[2], shuffled[7] = shuffled[7], shuffled[2]
	s.append(t, shuffled...)
	wantEntries(t, s.entries(t, "", 100), want)
}

func entriesComeInPages(t *testing.T, s subject) {
	want := s.series(6)
	s.append(t, want...)
	for _, limit := range []int{1, 2, 4, 6, 7, 1000} {
		wantEntries(t, s.entries(t, "", limit), want)
	}
	whole, err := s.Ledger().Page(t.Context(), s.assistant, "", 6)
	if err != nil || len(whole.Entries) != 6 || whole.Next != "" {
		t.Errorf("a page that holds everything has %d entries, then %q: %v", len(whole.Entries), whole.Next, err)
	}
	for _, limit := range []int{-1, 0} {
		if one, err := s.Ledger().Page(t.Context(), s.assistant, "", limit); err != nil || len(one.Entries) != 1 {
			t.Errorf("with limit %d a page has %d entries: %v", limit, len(one.Entries), err)
		}
	}
	first, err := s.Ledger().Page(t.Context(), s.assistant, "", 2)
	if err != nil {
		t.Fatal(err)
	}
	s.append(t, s.entry(noon().Add(time.Hour), "while somebody reads"))
	wantEntries(t, s.entries(t, first.Next, 3), want[2:])
}

func equalEntriesAreKept(t *testing.T, s subject) {
	entry := s.entry(noon(), "the same")
	s.append(t, entry, entry, entry)
	wantEntries(t, s.entries(t, "", 2), []audit.Entry{entry, entry, entry})
}

func entriesOfOthersStayOut(t *testing.T, s subject) {
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	ours, theirs := s.series(3), longer.series(2)
	s.append(t, ours...)
	longer.append(t, theirs...)
	wantEntries(t, s.entries(t, "", 2), ours)
	wantEntries(t, longer.entries(t, "", 2), theirs)
	page, err := s.Ledger().Page(t.Context(), s.assistant, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range longer.entries(t, page.Next, 100) {
		if entry.Assistant != longer.assistant {
			t.Errorf("the end of a page of another assistant shows %+v", entry)
		}
	}
	nobody := subject{Store: s.Store, assistant: newAssistant()}
	wantEntries(t, nobody.entries(t, "", 100), nil)
	wantEntries(t, nobody.entries(t, page.Next, 100), nil)
}

func uselessEntriesAreRefused(t *testing.T, s subject) {
	nothing, nowhere, noTime := s.entry(noon(), ""), s.entry(noon(), ""), s.entry(time.Time{}, "")
	nothing.Action, nowhere.Assistant = "", ""
	for _, entry := range []audit.Entry{{}, nothing, nowhere, noTime} {
		if err := s.Ledger().Append(t.Context(), entry); err == nil {
			t.Errorf("%+v was added", entry)
		}
	}
	wantEntries(t, s.entries(t, "", 100), nil)
}

func whatEndsNoPageIsRefused(t *testing.T, s subject) {
	s.append(t, s.series(3)...)
	page, err := s.Ledger().Page(t.Context(), s.assistant, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []string{"x", page.Next[1:], page.Next + "0", "' or PartitionKey ne '", "\x00", strings.Repeat("9", 100_000)} {
		if page, err := s.Ledger().Page(t.Context(), s.assistant, after, 10); !errors.Is(err, audit.ErrNext) {
			t.Errorf("after %.40q come %d entries, %v", after, len(page.Entries), err)
		}
	}
}

func entriesOutliveConversations(t *testing.T, s subject) {
	s.must(t, s.record(t, "conversation", "1", noon(), ""))
	want := s.series(2)
	s.append(t, want...)
	s.erase(t, "conversation")
	wantEntries(t, s.entries(t, "", 100), want)
}

func endedContextEndsAuditing(t *testing.T, s subject) {
	ended, end := context.WithCancel(t.Context())
	end()
	wantAllFail(t, map[string]func() error{
		"Append": func() error { return s.Ledger().Append(ended, s.entry(noon(), "")) },
		"Page":   func() error { _, err := s.Ledger().Page(ended, s.assistant, "", 10); return err },
	})
	wantEntries(t, s.entries(t, "", 100), nil)
}
