package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// excerpts reads a conversation page by page to its end, and holds each page to
// its limit.
func (s subject) excerpts(t *testing.T, key string, limit, maxBytes int) (records []transcript.Record) {
	t.Helper()
	after := ""
	for {
		page := s.excerpt(t, key, after, limit, maxBytes)
		records = append(records, page.Records...)
		if page.Next == "" {
			return records
		}
		if last := len(page.Records) - 1; last < 0 || page.Next != page.Records[last].Key.Row || page.Next <= after {
			t.Fatalf("after %q comes an excerpt of %d records that ends with %q", after, len(page.Records), page.Next)
		}
		after = page.Next
	}
}

func (s subject) excerpt(t *testing.T, key, after string, limit, maxBytes int) transcript.Excerpt {
	t.Helper()
	page, err := s.Excerpt(t.Context(), s.assistant, key, transcript.Part{After: after, Limit: limit, MaxBytes: maxBytes})
	if err != nil {
		t.Fatalf("Excerpt(%q): %v", key, err)
	}
	size := 0
	for i := range page.Records {
		size += len(page.Records[i].Activity)
	}
	if len(page.Records) > max(1, limit) || len(page.Records) > 1 && size > maxBytes {
		t.Errorf("an excerpt of at most %d records and %d bytes holds %d and %d", limit, maxBytes, len(page.Records), size)
	}
	return page
}

// notKeys are what no conversation has for a key, near misses of the key given
// among them.
func notKeys(key string) []string {
	return []string{
		"", "unknown", key + "x", key[:len(key)-1], strings.ToUpper(key), key + ".", key + "~", key + "/", key + "'", "'" + key, " " + key, key + "=2f",
		"' or RowKey ne '", "é", "\x00", ".", "..", "=", "~", strings.Repeat("a", 401), strings.Repeat("=2F", 1000), strings.Repeat("x", 100_000),
	}
}

func conversationIsTheNewestDay(t *testing.T, s subject) {
	first := s.record(t, "conversation", "1", noon(), "first")
	first.User = transcript.Party{ID: "user", Name: "First", Certainty: transcript.UserByRole}
	last := s.record(t, "conversation", "2", noon().Add(3*day), "last")
	last.User = transcript.Party{ID: "dl_user", Name: "Last", Certainty: transcript.UserByID}
	last.ChannelID = "directline"
	between := s.record(t, "conversation", "3", noon().Add(day), "between, and late")
	s.must(t, first)
	s.must(t, last)
	s.must(t, between)
	got, err := s.Conversation(t.Context(), s.assistant, keyOf("conversation"))
	if err != nil {
		t.Fatal(err)
	}
	wantConversations(t, []transcript.Conversation{got}, []transcript.Conversation{{
		Assistant: s.assistant, ConversationID: "conversation", UserID: "dl_user", UserName: "Last",
		ChannelID: "directline", LastActivityAt: last.SentAt, LastText: "last",
	}})
	nobody := newAssistant()
	if got, err := s.Conversation(t.Context(), nobody, keyOf("conversation")); !errors.Is(err, transcript.ErrNoConversation) {
		t.Errorf("another assistant reads %+v, %v", got, err)
	}
}

func whatIsNoKeyNamesNothing(t *testing.T, s subject) {
	s.must(t, s.record(t, "conversation", "1", noon(), ""), s.record(t, "=2", "1", noon(), ""))
	for _, key := range notKeys("conversation") {
		if got, err := s.Conversation(t.Context(), s.assistant, key); !errors.Is(err, transcript.ErrNoConversation) {
			t.Errorf("%.40q is conversation %+v, %v", key, got, err)
		}
		if at, err := s.LastActivity(t.Context(), s.assistant, key); !errors.Is(err, transcript.ErrNoConversation) {
			t.Errorf("%.40q was last active at %v, %v", key, at, err)
		}
		if got := s.excerpt(t, key, "", 10, 1<<20); len(got.Records) > 0 || got.Next != "" {
			t.Errorf("%.40q has an excerpt of %d records, then %q", key, len(got.Records), got.Next)
		}
	}
}

func excerptsFollowEachOther(t *testing.T, s subject) {
	records := s.dialogue(t, "conversation", 12)
	s.must(t, records...)
	for _, limit := range []int{1, 5, 6, 11, 12, 13, 1000} {
		wantRecords(t, s.excerpts(t, keyOf("conversation"), limit, 1<<20), records)
	}
	for _, limit := range []int{-1, 0} {
		page := s.excerpt(t, keyOf("conversation"), "", limit, 1<<20)
		wantRecords(t, page.Records, records[:1])
	}
	whole := s.excerpt(t, keyOf("conversation"), "", 12, 1<<20)
	if len(whole.Records) != 12 || whole.Next != "" {
		t.Errorf("an excerpt that holds the whole has %d records, then %q", len(whole.Records), whole.Next)
	}
	late := s.record(t, "conversation", "late", noon().Add(time.Minute), "late, between two that were read")
	page := s.excerpt(t, keyOf("conversation"), "", 6, 1<<20)
	s.must(t, late)
	rest := s.excerpt(t, keyOf("conversation"), page.Next, 100, 1<<20)
	wantRecords(t, rest.Records, records[6:])
}

func excerptKeepsToItsBytes(t *testing.T, s subject) {
	var records []transcript.Record
	for i, size := range []int{100, 200, 50_000, 100, 100, 300_000, 100} {
		record := s.record(t, "conversation", fmt.Sprint(i), noon().Add(time.Duration(i)*time.Second), "")
		frame := len(`{"type":"message","text":""}`)
		setActivity(t, &record, fmt.Appendf(nil, `{"type":"message","text":"%s"}`, strings.Repeat("x", size-frame)))
		records = append(records, record)
	}
	s.must(t, records...)
	tests := []struct {
		maxBytes int
		want     []int // records on each page
	}{
		{-1, []int{1, 1, 1, 1, 1, 1, 1}},
		{99, []int{1, 1, 1, 1, 1, 1, 1}},
		{200, []int{1, 1, 1, 2, 1, 1}},
		{299, []int{1, 1, 1, 2, 1, 1}},
		{300, []int{2, 1, 2, 1, 1}},
		{50_299, []int{2, 3, 1, 1}},
		{50_300, []int{3, 2, 1, 1}},
		{350_599, []int{6, 1}},
		{350_600, []int{7}},
	}
	for _, test := range tests {
		after, begin := "", 0
		for _, count := range test.want {
			page := s.excerpt(t, keyOf("conversation"), after, 100, test.maxBytes)
			if end := begin + count; len(page.Records) != count || end == len(records) != (page.Next == "") {
				t.Errorf("of %d bytes, after record %d: %d records, then %q, want %d", test.maxBytes, begin, len(page.Records), page.Next, count)
				break
			}
			after, begin = page.Next, begin+count
		}
		wantRecords(t, s.excerpts(t, keyOf("conversation"), 100, test.maxBytes), records)
	}
}

func excerptStaysWithinItsConversation(t *testing.T, s subject) {
	record := s.record(t, "b", "1", noon(), "")
	s.must(t, s.record(t, "a", "1", noon().Add(day), ""), record, s.record(t, "b1", "1", noon().Add(day), ""), s.record(t, "c", "1", noon().Add(day), ""))
	for after, want := range map[string]int{
		"": 1, "0": 1, "1": 1, record.Key.Row[:20]: 1,
		record.Key.Row: 0, record.Key.Row + "x": 0, "~": 0, "x": 0, "zzz": 0, "' or PartitionKey ne '": 1, "x' or PartitionKey ne 'x": 0, "x/": 0,
	} {
		page := s.excerpt(t, keyOf("b"), after, 10, 1<<20)
		if len(page.Records) != want || want == 1 && page.Records[0].Key != record.Key || page.Next != "" {
			t.Errorf("after %q come %d records, then %q, want %d", after, len(page.Records), page.Next, want)
		}
	}
}

func endedContextEndsReading(t *testing.T, s subject) {
	s.must(t, s.record(t, "conversation", "1", noon(), ""))
	ended, end := context.WithCancel(t.Context())
	end()
	key := keyOf("conversation")
	calls := map[string]func() error{
		"Recent": func() error {
			_, err := s.Recent(ended, s.assistant, transcript.Span{}, transcript.Mark{}, 10)
			return err
		},
		"Conversation": func() error { _, err := s.Conversation(ended, s.assistant, key); return err },
		"Excerpt": func() error {
			_, err := s.Excerpt(ended, s.assistant, key, transcript.Part{Limit: 10, MaxBytes: 1 << 20})
			return err
		},
	}
	wantAllFail(t, calls)
}

// wantAllFail expects failures that are none of the answers of the contract.
func wantAllFail(t *testing.T, calls map[string]func() error) {
	t.Helper()
	for name, call := range calls {
		if err := call(); err == nil || errors.Is(err, transcript.ErrNoConversation) {
			t.Errorf("%s: %v, although its context had ended", name, err)
		}
	}
}
