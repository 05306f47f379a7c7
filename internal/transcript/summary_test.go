package transcript

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func oldTime() time.Time { return time.Unix(0, 0).UTC() }

// anyRecord draws an activity of conversation c on the first day of 1970. All
// that is in it follows from one number, so that equal keys are equal records.
func anyRecord() *rapid.Generator[Record] {
	return rapid.Map(rapid.IntRange(0, 40), func(n int) Record {
		at := oldTime().Add(time.Duration(n/4) * time.Hour)
		id := strconv.Itoa(n)
		record := Record{
			Key: NewKey("bankx", "c", id, at), Assistant: "bankx", ConversationID: "c", ActivityID: id, SentAt: at,
			Text: fmt.Sprint("text ", n), ChannelID: fmt.Sprint("channel ", n%3),
		}
		if n%3 > 0 {
			record.User = Party{ID: fmt.Sprint("user ", n%11), Certainty: Certainty(n % 3)}
		}
		if n%5 == 0 && n%3 > 0 {
			record.User.Name = fmt.Sprint("name ", n)
		}
		return record
	})
}

// anySummary draws the summary of some activities, possibly none.
func anySummary() *rapid.Generator[DaySummary] {
	return rapid.Map(rapid.SliceOfN(anyRecord(), 0, 4), func(records []Record) DaySummary {
		var summary DaySummary
		for _, one := range Summarize(records) {
			summary, _ = summary.Merge(one)
		}
		return summary
	})
}

func merge(one, other DaySummary) DaySummary {
	merged, _ := one.Merge(other)
	return merged
}

func TestMergeIsCommutativeAssociativeAndIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anySummary().Draw(t, "a"), anySummary().Draw(t, "b"), anySummary().Draw(t, "c")
		if diff := cmp.Diff(merge(a, b), merge(b, a)); diff != "" {
			t.Fatalf("the order counts:\n%s", diff)
		}
		if diff := cmp.Diff(merge(merge(a, b), c), merge(a, merge(b, c))); diff != "" {
			t.Fatalf("the grouping counts:\n%s", diff)
		}
		if diff := cmp.Diff(a, merge(a, a)); diff != "" {
			t.Fatalf("repetition counts:\n%s", diff)
		}
	})
}

func TestMergeSaysWhetherAnythingChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anySummary().Draw(t, "a"), anySummary().Draw(t, "b")
		merged, changed := a.Merge(b)
		if changed == cmp.Equal(merged, a) {
			t.Fatalf("changed is %v between\n%+v and\n%+v", changed, a, merged)
		}
		if _, again := merged.Merge(b); again {
			t.Fatal("a redelivery changes the row")
		}
		if a.LastKey > merged.LastKey || merged.LastActivityAt.Before(a.LastActivityAt) {
			t.Fatalf("the last activity went back from %v to %v", a.LastActivityAt, merged.LastActivityAt)
		}
	})
}

func TestAnyHistoryGivesTheSummaryOfOneDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(anyRecord(), 1, 30).Draw(t, "records")
		want := Summarize(records)[0]
		var got DaySummary
		for rest := rapid.Permutation(records).Draw(t, "order"); len(rest) > 0; {
			batch := rapid.IntRange(1, len(rest)).Draw(t, "batch")
			got = merge(got, Summarize(rest[:batch])[0])
			rest = rest[batch:]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("summary (-one delivery +this one):\n%s", diff)
		}
	})
}

func TestASummaryIsOfTheNewestActivityAndTheSurestUser(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	record := func(id, text string, after time.Duration, user Party) Record {
		return Record{
			Key: NewKey("bankx", "c", id, at.Add(after)), Assistant: "bankx", ConversationID: "c", ActivityID: id,
			SentAt: at.Add(after), Text: text, ChannelID: "directline", User: user,
		}
	}
	records := []Record{
		record("5", "last", time.Second, Party{"dl_1", "by id", UserByID}),
		record("4", "same moment, lower id", time.Second, Party{}),
		record("1", "first", 0, Party{"u1", "", UserByRole}),
		record("2", "named", 0, Party{"u2", "Zoë", UserByRole}),
		record("6", "", 12*time.Hour, Party{}),
	}
	want := []DaySummary{{
		Conversation: Conversation{"bankx", "c", "u2", "Zoë", "directline", at.Add(time.Second), "last"},
		Key:          Key{DayPartition("bankx", at), ConversationRow("c")},
		LastKey:      records[0].Key.Row, UserKey: records[3].Key.Row, UserCertainty: UserByRole,
		Users: []string{"dl_1", "u1", "u2"}, Everyone: []string{"dl_1", "u1", "u2"},
	}, {
		Conversation: Conversation{"bankx", "c", "", "", "directline", at.Add(12 * time.Hour), ""},
		Key:          Key{DayPartition("bankx", at.Add(12*time.Hour)), ConversationRow("c")},
		LastKey:      records[4].Key.Row,
	}}
	if diff := cmp.Diff(want, Summarize(records)); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
	slices.Reverse(records)
	slices.Reverse(want)
	if diff := cmp.Diff(want, Summarize(records)); diff != "" {
		t.Errorf("summaries of the reverse (-want +got):\n%s", diff)
	}
}

func TestChangedContentOfTheSameActivityIsTaken(t *testing.T) {
	before := Record{Key: NewKey("bankx", "c", "1", oldTime()), Text: "before", SentAt: oldTime(), User: Party{"u", "Before", UserByRole}}
	after := before
	after.Text, after.User.Name = "after", "After"
	merged, changed := Summarize([]Record{before})[0].Merge(Summarize([]Record{after})[0])
	if !changed || merged.LastText != "after" || merged.UserName != "After" {
		t.Errorf("changed %v: %+v", changed, merged)
	}
}

func TestAnotherLocationIsNoChange(t *testing.T) {
	summary := Summarize([]Record{{Key: NewKey("bankx", "c", "1", oldTime()), SentAt: oldTime()}})[0]
	stored := summary
	stored.LastActivityAt = stored.LastActivityAt.In(time.FixedZone("", 3600))
	if _, changed := stored.Merge(summary); changed {
		t.Error("the same moment in another location would be written again")
	}
}
