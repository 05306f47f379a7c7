package transcript

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hostileIDs break keys, filters or URLs unless they are escaped.
func hostileIDs() []string {
	return []string{
		"a/b", "a'b", "a#b", `a\b`, "a?b", "a%b", "a%2Fb", `a"b`, "a b", "a=b", "a=2Fb", "a~b", "a.b", "..", "", "'", "''",
		"a\x00b", "a\x01b", "a\nb", "a\x7fb", "a\u0085b", "a\u2028b", "\ufeffa", "\ufffd", "a\ufffdb", "a\uffffb",
		"会話", "שיחה", "\u202eabc", "👩‍👩‍👧", "é", "e\u0301", "\xed\xa0\x80", "\xed\xa0\x81", "\xff",
		strings.Repeat("a", 900), strings.Repeat("a", 901), strings.Repeat("/", 900), strings.Repeat("話", 900), strings.Repeat("a", 898) + "=",
	}
}

// anyID draws ids that are likely to be mistaken for one another: few different
// characters, those that keys use themselves among them.
func anyID() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("aA2F=~.-_/'%|\u00e9話\U0001F600")), 0, 8, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(raw []byte) string { return string(raw) }),
		rapid.Map(rapid.IntRange(380, 520), func(n int) string { return strings.Repeat("a", n) }),
		rapid.Map(rapid.IntRange(130, 180), func(n int) string { return strings.Repeat("/", n) }),
		rapid.SampledFrom(hostileIDs()),
	)
}

func anyTime() *rapid.Generator[time.Time] {
	first, last := time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	return rapid.Custom(func(t *rapid.T) time.Time {
		seconds := rapid.OneOf(rapid.Int64Range(first, last), rapid.Int64Range(0, 3)).Draw(t, "seconds")
		nanos := rapid.OneOf(rapid.Int64Range(0, 999999999), rapid.Int64Range(0, 2)).Draw(t, "nanoseconds")
		zone := time.FixedZone("", rapid.IntRange(-14, 14).Draw(t, "zone")*60*60)
		return time.Unix(seconds, nanos).In(zone)
	})
}

// fatalf is what *testing.T and *rapid.T have in common here.
type fatalf interface {
	Helper()
	Fatalf(format string, arguments ...any)
}

// wantStorableKey holds a key to what Table Storage and its clients take.
func wantStorableKey(t fatalf, key string) {
	t.Helper()
	if len(key) > 500 || !regexp.MustCompile(`^[A-Za-z0-9._~=-]+$`).MatchString(key) {
		t.Fatalf("key %q of %d characters holds characters that are not allowed, or too many", key, len(key))
	}
}

func TestDistinctActivitiesHaveDistinctKeys(t *testing.T) {
	type activity struct{ assistant, conversation, id string }
	anyActivity := rapid.Custom(func(t *rapid.T) activity {
		return activity{anyID().Draw(t, "assistant"), anyID().Draw(t, "conversation"), anyID().Draw(t, "id")}
	})
	at := time.Unix(0, 0)
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyActivity.Draw(t, "one"), anyActivity.Draw(t, "other")
		key, otherKey := NewKey(one.assistant, one.conversation, one.id, at), NewKey(other.assistant, other.conversation, other.id, at)
		wantStorableKey(t, key.Partition)
		wantStorableKey(t, key.Row)
		if (one == other) != (key == otherKey) {
			t.Fatalf("%+v has %+v, %+v has %+v", one, key, other, otherKey)
		}
		if (one.conversation == other.conversation) != (ConversationRow(one.conversation) == ConversationRow(other.conversation)) {
			t.Fatalf("%q and %q have rows %q", one.conversation, other.conversation, ConversationRow(one.conversation))
		}
	})
}

func TestHostileIDsHaveDistinctKeys(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	seen := make(map[Key]string)
	for _, conversation := range hostileIDs() {
		for _, id := range hostileIDs() {
			key := NewKey("bankx", conversation, id, at)
			wantStorableKey(t, key.Partition)
			wantStorableKey(t, key.Row)
			if before, taken := seen[key]; taken {
				t.Errorf("%q in %q has the key of %s", id, conversation, before)
			}
			seen[key] = id + " in " + conversation
		}
	}
}

// An id that ends with a mark must not lend it to the next part.
func TestPartsOfAKeyAreToldApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.StringOfN(rapid.RuneFrom([]rune("a.~=-2E/")), 2, 12, -1).Draw(t, "whole")
		cut, otherCut := rapid.IntRange(0, len(whole)).Draw(t, "cut"), rapid.IntRange(0, len(whole)).Draw(t, "other cut")
		mark := rapid.SampledFrom([]int{0, 1}).Draw(t, "drop the character at the cut")
		parts := func(cut int) (string, string) { return whole[:cut], whole[min(cut+mark, len(whole)):] }
		assistant, conversation := parts(cut)
		otherAssistant, otherConversation := parts(otherCut)
		same := assistant == otherAssistant && conversation == otherConversation
		if same != (ConversationPartition(assistant, conversation) == ConversationPartition(otherAssistant, otherConversation)) {
			t.Fatalf("%q with %q and %q with %q: same %v", assistant, conversation, otherAssistant, otherConversation, same)
		}
	})
}

func TestAnyIDSurvivesInItsKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := anyID().Draw(t, "id")
		part := ConversationRow(id)
		if strings.ContainsRune(part, hashMark) {
			return // too long: only its hash survives
		}
		if survived, ok := unescape(part); !ok || survived != id {
			t.Fatalf("%q became %q, which reads %q", id, part, survived)
		}
	})
}

func TestRowKeysSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyTime().Draw(t, "one"), anyTime().Draw(t, "other")
		id, otherID := anyID().Draw(t, "id"), anyID().Draw(t, "other id")
		order := strings.Compare(NewKey("a", "c", id, one).Row, NewKey("a", "c", otherID, other).Row)
		if byTime := one.Compare(other); byTime != 0 && order != byTime {
			t.Fatalf("%v and %v compare %d, their rows %d", one, other, byTime, order)
		}
	})
}

func TestRowKeysOfOneMomentSortByID(t *testing.T) {
	at := time.Unix(1e9, 5)
	var rows []string
	for _, id := range []string{"conv|0000001", "conv|0000002", "conv|0000010"} {
		rows = append(rows, NewKey("a", "c", id, at).Row)
	}
	if !slices.IsSorted(rows) {
		t.Errorf("rows are out of order: %q", rows)
	}
}

func TestKeyIsReadable(t *testing.T) {
	at := time.Date(2019, 10, 28, 5, 33, 56, 59_000_001, time.FixedZone("", 2*60*60))
	got := NewKey("bankx", "Conv/1", "Conv/1|0000007", at)
	want := Key{Partition: "bankx.Conv=2F1", Row: "20191028T033356.059000001Z.Conv=2F1=7C0000007"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestLongIDKeepsItsBeginningAndWholeEscapes(t *testing.T) {
	for _, padding := range []string{"", "a", "aa"} {
		row := ConversationRow(padding + strings.Repeat("/", 900))
		head, hash, found := strings.Cut(row, "~")
		if !found || len(hash) != 64 || len(row) > maxConversationPart {
			t.Fatalf("%q is no shortened id", row)
		}
		if _, ok := unescape(head); !ok {
			t.Errorf("%q ends within an escape", head)
		}
	}
}

func TestDayPartitionsSortNewestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		assistant := rapid.StringMatching(`[a-z0-9]{1,32}`).Draw(t, "assistant")
		one, other := anyTime().Draw(t, "one"), anyTime().Draw(t, "other")
		partition, otherPartition := DayPartition(assistant, one), DayPartition(assistant, other)
		wantStorableKey(t, partition)
		day, otherDay := one.UTC().Truncate(24*time.Hour), other.UTC().Truncate(24*time.Hour)
		if strings.Compare(partition, otherPartition) != otherDay.Compare(day) {
			t.Fatalf("%v has %q, %v has %q", one, partition, other, otherPartition)
		}
		readAssistant, readDay, ok := ParseDayPartition(partition)
		if !ok || readAssistant != assistant || !readDay.Equal(day) {
			t.Fatalf("%q reads as %q on %v", partition, readAssistant, readDay)
		}
	})
}

func TestDayRangeHoldsOneAssistant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyID().Draw(t, "one"), anyID().Draw(t, "other")
		from, to := DayRange(one)
		partition := DayPartition(other, anyTime().Draw(t, "day"))
		if inside := from <= partition && partition < to; inside != (one == other) {
			t.Fatalf("%q inside [%q, %q): %v", partition, from, to, inside)
		}
	})
}

func TestParseDayPartitionRefusesOtherText(t *testing.T) {
	for _, text := range []string{
		"", "bankx", "bankx.", "bankx.7973887", "bankx.797388788", "bankx.+9738878", "bankx.99999999", "bankx.79738678", "bankx.79739769",
		"bank=2fx.79738878", "bank=x.79738878", "bank=2.79738878", "ban~k.79738878", "bankx.79738878.x", "bank/x.79738878",
	} {
		if assistant, day, ok := ParseDayPartition(text); ok {
			t.Errorf("%q reads as %q on %v", text, assistant, day)
		}
	}
}

func TestSummaryPlaceIsThatOfItsConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conversation, at := anyID().Draw(t, "conversation"), anyTime().Draw(t, "at")
		got := NewKey("bankx", conversation, "id", at).dayKey(at)
		want := Key{Partition: DayPartition("bankx", at), Row: ConversationRow(conversation)}
		if got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add("a/b", "a=2Fb", int64(0), int64(1))
	f.Add("", "~", int64(1<<40), int64(-1))
	f.Add(strings.Repeat("話", 200), strings.Repeat("話", 201), int64(0), int64(0))
	f.Add("\xed\xa0\x80", "\ufffd", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, one, other string, nanos, otherNanos int64) {
		at, otherAt := time.Unix(0, nanos), time.Unix(0, otherNanos)
		key, otherKey := NewKey("bankx", one, other, at), NewKey("bankx", other, one, otherAt)
		for _, text := range []string{key.Partition, key.Row, otherKey.Partition, otherKey.Row, ConversationRow(one) + "."} {
			wantStorableKey(t, text)
		}
		if (one == other) != (key.Partition == otherKey.Partition) {
			t.Errorf("%q has %q, %q has %q", one, key.Partition, other, otherKey.Partition)
		}
		if (one == other && nanos == otherNanos) != (key.Row == otherKey.Row) {
			t.Errorf("%q has %q, %q has %q", other, key.Row, one, otherKey.Row)
		}
		if nanos != otherNanos && strings.Compare(key.Row, otherKey.Row) != at.Compare(otherAt) {
			t.Errorf("%q and %q are not in the order of time", key.Row, otherKey.Row)
		}
	})
}
