package storetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func everyColumnComesBack(t *testing.T, s subject) {
	at := noon().Add(123456700 * time.Nanosecond)
	full := transcript.Record{
		Key:            transcript.NewKey(s.assistant, "conversation", "activity", at.Add(89)),
		Assistant:      s.assistant,
		ConversationID: "conversation",
		ActivityID:     "activity",
		Type:           "message",
		Role:           "user",
		FromID:         "dl_visitor",
		FromName:       "Zoë 山田 \U0001F600",
		Text:           "quotes \" ' and\r\n\ttabs, אבג, \u0001, \uFFFD",
		ChannelID:      "directline",
		ReplyToID:      "before|0000001",
		SentAt:         at,
		User:           transcript.Party{ID: "dl_visitor", Name: "Zoë", Certainty: transcript.UserByRole},
		Activity:       []byte("{ \"type\":\"message\" ,\n\"text\":\"\\u0041\" }"),
	}
	bare := s.record(t, "conversation", "bare", noon().Add(time.Hour), "")
	bare.Type = "event"
	s.must(t, full, bare)

	wantRecords(t, s.activities(t, "conversation"), []transcript.Record{full, bare})
	second := subject{Store: s.open(t), assistant: s.assistant}
	wantRecords(t, second.activities(t, "conversation"), []transcript.Record{full, bare})
	wantConversations(t, s.conversations(t), []transcript.Conversation{{
		Assistant:      s.assistant,
		ConversationID: "conversation",
		UserID:         "dl_visitor",
		UserName:       "Zoë",
		LastActivityAt: bare.SentAt,
	}})
}

func activityComesBackByteForByte(t *testing.T, s subject) {
	units := func(n int) []byte {
		return fmt.Appendf(nil, `{"type":"message","text":%q}`, strings.Repeat("x", n))
	}
	frame := len(units(0))
	activities := map[string][]byte{
		"small":                       []byte(`{"type":"message", "a":1.0e+2,"a":"\/","b":"` + "\u2028" + `"}`),
		"as much as a property holds": units(transcript.MaxProperty/2 - frame),
		"one more":                    units(transcript.MaxProperty/2 - frame + 1),
		"CJK, beyond a property":      []byte(`{"type":"message","text":"` + strings.Repeat("漢字", 20_000) + `"}`),
		"128 KB":                      units(128 << 10),
		"two properties of gzip":      activityOf(transcript.MaxProperty + 1),
		"nearly a row of gzip":        activityOf(transcript.MaxRow - 40<<10),
	}
	for name, activity := range activities {
		t.Run(name, func(t *testing.T) {
			record := s.record(t, name, "id", noon(), "")
			setActivity(t, &record, activity)
			s.must(t, record)
			got := s.activities(t, name)
			if len(got) != 1 || !bytes.Equal(got[0].Activity, activity) {
				t.Errorf("%d records came back, or the activity of %d bytes changed", len(got), len(activity))
			}
		})
	}
}

// hostileIDs are ids that break keys, filters or URLs unless they are escaped.
func hostileIDs() []string {
	return []string{
		"a/b", "a'b", "a''b", "a#b", `a\b`, "a?b", "a%b", "a%2Fb", `a"b`, "a b", " a", "a ", "a=b", "a=2Fb", "a~b", "a.b", "..", "a+b", "a&b",
		"a\x00b", "a\x01b", "a\nb", "a\x7fb", "a\u0085b", "a\u2028b", "\ufeffa", "a\ufffdb", "a\uffffb",
		"会話", "שיחה", "\u202eabc", "👩‍👩‍👧", "é", "e\u0301", "' or PartitionKey ne '", "a')(b",
		strings.Repeat("a", 900), strings.Repeat("a", 901), strings.Repeat("a", 899) + "b", strings.Repeat("/", 900), strings.Repeat("話", 900),
	}
}

func anyIDIsKeptAndFound(t *testing.T, s subject) {
	const together = "all in one conversation"
	var all []transcript.Record
	var owned []transcript.Record
	for _, id := range hostileIDs() {
		all = append(all, s.record(t, together, id, noon(), "text of "+id))
		owned = append(owned, s.record(t, id, id, noon(), "text of "+id))
	}
	s.must(t, append(slices.Clone(all), owned...)...)

	for i := range owned {
		wantRecords(t, s.activities(t, owned[i].ConversationID), owned[i:i+1])
	}
	slices.SortFunc(all, func(a, b transcript.Record) int { return strings.Compare(a.Key.Row, b.Key.Row) })
	wantRecords(t, s.activities(t, together), all)
	if got, want := len(s.conversations(t)), len(owned)+1; got != want {
		t.Errorf("%d conversations are listed, want %d", got, want)
	}
}

func lettersCaseCounts(t *testing.T, s subject) {
	lower := s.record(t, "abc", "id", noon(), "lower")
	upper := s.record(t, "ABC", "id", noon(), "upper")
	upperID := s.record(t, "abc", "ID", noon(), "upper id")
	s.must(t, lower, upper, upperID)
	wantRecords(t, s.activities(t, "ABC"), []transcript.Record{upper})
	wantRecords(t, s.activities(t, "abc"), []transcript.Record{upperID, lower})
}

func activitiesComeInOrder(t *testing.T, s subject) {
	times := []time.Time{
		time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		noon(),
		noon().Add(100),
		noon().Add(time.Millisecond),
		noon().Add(24 * time.Hour),
		time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC),
	}
	var want []transcript.Record
	for i, at := range times {
		want = append(want, s.record(t, "conversation", strconv.Itoa(9-i), at, ""))
	}
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	s.must(t, backwards...)
	wantRecords(t, s.activities(t, "conversation"), want)
}

func unknownConversationIsEmpty(t *testing.T, s subject) {
	s.must(t, s.record(t, "known", "id", noon(), ""))
	for _, unknown := range []string{"unknown", "know", "known.", "known~", "KNOWN", ""} {
		if got := s.activities(t, unknown); len(got) > 0 {
			t.Errorf("%d records of unknown conversation %q", len(got), unknown)
		}
	}
	nobody := subject{Store: s.Store, assistant: newAssistant()}
	if got := nobody.conversations(t); len(got) > 0 {
		t.Errorf("%d conversations of an unknown assistant", len(got))
	}
}

func conversationsNewestFirst(t *testing.T, s subject) {
	day := 24 * time.Hour
	s.must(t,
		s.record(t, "long", "1", noon().Add(-400*day), "first"),
		s.record(t, "long", "2", noon(), "noon"),
		s.record(t, "long", "3", noon().Add(time.Hour), "later that day"),
		s.record(t, "long", "4", noon().Add(12*time.Hour), "midnight, so the next day"),
		s.record(t, "short", "5", noon().Add(5*day), "newest"),
	)
	row := func(conversation string, after time.Duration, text string) transcript.Conversation {
		return transcript.Conversation{
			Assistant: s.assistant, ConversationID: conversation, LastActivityAt: noon().Add(after), LastText: text,
		}
	}
	wantConversations(t, s.conversations(t), []transcript.Conversation{
		row("short", 5*day, "newest"),
		row("long", 12*time.Hour, "midnight, so the next day"),
		row("long", time.Hour, "later that day"),
		row("long", -400*day, "first"),
	})
}

func assistantsStayApart(t *testing.T, s subject) {
	longer := subject{Store: s.Store, assistant: s.assistant + "x"}
	s.must(t,
		s.record(t, "shared", "1", noon(), "ours"),
		longer.record(t, "shared", "1", noon(), "theirs"),
	)
	for _, each := range []struct {
		subject
		text string
	}{{s, "ours"}, {longer, "theirs"}} {
		rows, records := each.conversations(t), each.activities(t, "shared")
		if len(rows) != 1 || rows[0].LastText != each.text || len(records) != 1 || records[0].Text != each.text {
			t.Errorf("assistant %s reads %v and %d records, want %q alone", each.assistant, rows, len(records), each.text)
		}
	}
}

func readerStopsEarly(t *testing.T, s subject) {
	var records []transcript.Record
	for i := range 10 {
		records = append(records, s.record(t, strconv.Itoa(i), "1", noon(), ""), s.record(t, "one", strconv.Itoa(i), noon(), ""))
	}
	s.must(t, records...)
	for record, err := range s.Activities(t.Context(), s.assistant, "one") {
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, record)
		break
	}
	for row, err := range s.Conversations(t.Context(), s.assistant) {
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, s.record(t, row.ConversationID, "2", noon(), ""))
		break
	}
	s.must(t, records...)
}

func endedContextIsAnError(t *testing.T, s subject) {
	record := s.record(t, "conversation", "1", noon(), "")
	s.must(t, record)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := s.Put(ended, []transcript.Record{record}); err == nil {
		t.Error("Put stored although its context had ended")
	}
	var readError error
	for _, err := range s.Activities(ended, s.assistant, "conversation") {
		readError = err
	}
	if readError == nil {
		t.Error("Activities read although its context had ended")
	}
	readError = nil
	for _, err := range s.Conversations(ended, s.assistant) {
		readError = err
	}
	if readError == nil {
		t.Error("Conversations read although its context had ended")
	}
}
