package transcript

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestRowTimeIsThatOfTheKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := anyTime().Draw(t, "at")
		row := NewKey("a", "c", anyID().Draw(t, "id"), at).Row
		if got, ok := RowTime(row); !ok || !got.Equal(at) {
			t.Fatalf("%q has time %v (%v), want %v", row, got, ok, at)
		}
	})
}

func TestRowTimeRefusesOtherText(t *testing.T) {
	good := NewKey("a", "c", "id", oldTime()).Row
	texts := []string{
		"", good[:26], "x" + good, good + "/", good + ".", good + "'", strings.Replace(good, "000Z", "000z", 1), strings.Replace(good, ".0", ",0", 1),
		strings.Replace(good, "19700101", "19700132", 1), strings.Replace(good, "Z.", "Z ", 1), good[:27] + strings.Repeat("a", 471),
	}
	for _, text := range texts {
		if at, ok := RowTime(text); ok {
			t.Errorf("%.60q has time %v", text, at)
		}
	}
}

func TestTheKeyOfAnyConversationIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := anyConversation().Draw(t, "id")
		key := ConversationRow(id)
		if !ValidKey(key) {
			t.Fatalf("%q of %q is refused", key, id)
		}
		assistant := anyID().Draw(t, "assistant")
		if got, want := KeyPartition(assistant, key), ConversationPartition(assistant, id); got != want {
			t.Fatalf("partition %q, want %q", got, want)
		}
	})
}

// Near misses of keys: what gets through may become part of a filter or a path.
func notKeys() []string {
	hash := strings.Repeat("0f", 32)
	long := strings.Repeat("a", 335)
	return []string{
		"", ".", "..", "a.b", "a/b", "a b", "a'b", "a%2Fb", "=", "a=2", "a=2f", "a=61", "a=ZZ", "a~b", "a~", "~", "\x00", "é",
		strings.Repeat("a", 401), strings.Repeat("=2F", 134), "a~" + hash, long + "~" + hash + "0", long + "~" + strings.ToUpper(hash),
		strings.Repeat("a", 397) + "~0f", strings.Repeat("a", 100) + "~" + strings.Repeat("0", 299), long + "~" + hash[1:] + "g", strings.Repeat("a", 332) + "~" + hash, long[:334] + "=~" + hash, long[:334] + "~~" + hash[1:],
	}
}

func TestValidKeyRefusesWhatNoConversationHas(t *testing.T) {
	for _, text := range notKeys() {
		if ValidKey(text) {
			t.Errorf("%.80q is taken for a key", text)
		}
	}
	for _, text := range []string{"a", "Abc-_9", "a=2Fb", "=7E", strings.Repeat("a", 400), strings.Repeat("a", 333) + "~" + strings.Repeat("0f", 32)} {
		if !ValidKey(text) {
			t.Errorf("%.80q is refused", text)
		}
	}
}

func TestADayPlaceIsReadBackByItsAssistantAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		assistant, other := anyID().Draw(t, "assistant"), anyID().Draw(t, "other")
		day := Key{Partition: DayPartition(assistant, anyTime().Draw(t, "day")), Row: anyKey().Draw(t, "key")}
		got, ok := ParseDayPlace(assistant, DayPlace(day))
		if !ok || got != day {
			t.Fatalf("%q reads as %+v, %v", DayPlace(day), got, ok)
		}
		if _, ok := ParseDayPlace(other, DayPlace(day)); ok != (assistant == other) {
			t.Fatalf("%q is a place of %q: %v", DayPlace(day), other, ok)
		}
	})
	good := DayPartition("bankx", oldTime())
	for _, place := range []string{"", "/", good, good + "/", good + "/a/b", good + "/a.b", "bankx/a", "bankx./", "zzz.1/a"} {
		if day, ok := ParseDayPlace("bankx", place); ok {
			t.Errorf("%q reads as %+v", place, day)
		}
	}
}

func FuzzValidKey(f *testing.F) {
	f.Add("key", "a=2Fb")
	f.Add(ConversationRow(strings.Repeat("話", 200)), "bankx")
	for _, text := range notKeys() {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, key, id string) {
		if row := ConversationRow(id); ValidKey(row) != (id != "") {
			t.Errorf("the key %q of %q is refused", row, id)
		}
		if !ValidKey(key) {
			return
		}
		wantStorableKey(t, key)
		wantStorableKey(t, KeyPartition("bankx", key))
		if original, ok := unescape(key); ok && ConversationRow(original) != key {
			t.Errorf("%q is taken for a key, and that of %q is %q", key, original, ConversationRow(original))
		}
		if slices.Contains([]string{".", "..", ""}, key) {
			t.Errorf("%q is taken for a key", key)
		}
	})
}
