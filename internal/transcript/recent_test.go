package transcript

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyConversation draws the id of a conversation: any that is not empty.
func anyConversation() *rapid.Generator[string] {
	return anyID().Filter(func(id string) bool { return id != "" })
}

func anyKey() *rapid.Generator[string] { return rapid.Map(anyConversation(), ConversationRow) }

func TestRecentRowsSortNewestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyTime().Draw(t, "one"), anyTime().Draw(t, "other")
		key, otherKey := anyKey().Draw(t, "key"), anyKey().Draw(t, "other key")
		want := other.Compare(one)
		if want == 0 {
			want = strings.Compare(key, otherKey)
		}
		if got := strings.Compare(RecentRow(one, key), RecentRow(other, otherKey)); got != want {
			t.Fatalf("%v and %v compare %d, want %d", one, other, got, want)
		}
		if DayPartition("a", one) < DayPartition("a", other) && RecentRow(one, key) > RecentRow(other, otherKey) {
			t.Fatalf("partitions and rows of %v and %v are in different orders", one, other)
		}
	})
}

func TestARecentRowIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, key := anyTime().Draw(t, "at"), anyKey().Draw(t, "key")
		row := RecentRow(at, key)
		wantStorableKey(t, row)
		gotAt, gotKey, ok := ParseRecentRow(row)
		if !ok || !gotAt.Equal(at) || gotKey != key {
			t.Fatalf("%q reads as %v and %q", row, gotAt, gotKey)
		}
	})
}

func TestARecentRowIsReadable(t *testing.T) {
	at := time.Date(2026, 11, 21, 13, 30, 0, 7, time.FixedZone("", 60*60))
	if got, want := RecentRow(at, "key"), "79738878876999.999999992.key"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// notRecentRows are near what RecentRow makes, and are not it.
func notRecentRows() []string {
	return []string{
		"", ".", "key", "79738878876999.999999992", "79738878876999.999999992.", "79738878876999.999999992key", "79738878876999.999999992/key",
		"79738878876999.99999999.key", "79738878876999.9999999922.key", "79738878876999,999999992.key", "+9738878876999.999999992.key",
		"79738678876999.999999992.key", "79738878746999.999999992.key", "79738878876999.999999992.k/y", "79738878876999.999999992.k.y",
		"79738878876999.999999992.k=2fy", "79738878876999.999999992.k~y", "79738878876999.999999992." + strings.Repeat("k", 401),
	}
}

func TestParseRecentRowRefusesOtherText(t *testing.T) {
	for _, text := range notRecentRows() {
		if at, key, ok := ParseRecentRow(text); ok {
			t.Errorf("%q reads as %v and %q", text, at, key)
		}
	}
}

func TestSpanHoldsItsBeginningAndNotItsEnd(t *testing.T) {
	day, next := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		span Span
		at   time.Time
		want bool
	}{
		{"all of time", Span{}, day, true},
		{"the beginning", Span{From: day, To: next}, day, true},
		{"before the beginning", Span{From: day, To: next}, day.Add(-1), false},
		{"the last moment", Span{From: day, To: next}, next.Add(-1), true},
		{"the end", Span{From: day, To: next}, next, false},
		{"without an end", Span{From: day}, next, true},
		{"without a beginning", Span{To: next}, day.Add(-1), true},
		{"turned round", Span{From: next, To: day}, day, false},
		{"of no length", Span{From: day, To: day}, day, false},
		{"in another zone", Span{From: day.In(time.FixedZone("", -3600)), To: next}, day, true},
	}
	for _, test := range tests {
		if got := test.span.Contains(test.at); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// anySpan draws spans with open ends too, some of them turned round.
func anySpan() *rapid.Generator[Span] {
	anyEnd := rapid.OneOf(anyTime(), rapid.Just(time.Time{}))
	return rapid.Custom(func(t *rapid.T) Span {
		return Span{From: anyEnd.Draw(t, "from"), To: anyEnd.Draw(t, "to")}
	})
}

func TestRecentRangeHoldsTheSpanAfterTheMark(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := anySpan().Draw(t, "span")
		at := rapid.OneOf(anyTime(), rapid.Just(span.From), rapid.Just(span.To), rapid.Just(span.To.Add(-1))).
			Filter(func(at time.Time) bool { return at.Year() >= 1601 }).Draw(t, "at")
		key := anyKey().Draw(t, "key")
		var mark Mark
		if rapid.Bool().Draw(t, "with a mark") {
			markAt := rapid.OneOf(anyTime(), rapid.Just(at)).Draw(t, "mark at")
			mark = NewMark(markAt, rapid.OneOf(anyKey(), rapid.Just(key), rapid.Just(key[:1])).Draw(t, "mark key"))
		}
		from, to := RecentRange("bankx", span, mark)
		place := Key{Partition: DayPartition("bankx", at), Row: RecentRow(at, key)}
		want := span.Contains(at) && (mark.IsZero() || place.Row > mark.Row())
		if got := !before(place, from) && before(place, to); got != want {
			t.Fatalf("%+v between %+v and %+v: %v, want %v", place, from, to, got, want)
		}
		if before(to, from) {
			t.Fatalf("the bounds %+v and %+v are turned round", from, to)
		}
	})
}

func before(one, other Key) bool { return one != other && later(one, other) == other }

func TestRecentRangeHoldsOneAssistant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyID().Draw(t, "one"), anyID().Draw(t, "other")
		mark := NewMark(anyTime().Draw(t, "mark"), anyKey().Draw(t, "mark key"))
		from, to := RecentRange(one, anySpan().Draw(t, "span"), mark)
		at := anyTime().Draw(t, "at")
		place := Key{Partition: DayPartition(other, at), Row: RecentRow(at, "key")}
		if one != other && !before(place, from) && before(place, to) {
			t.Fatalf("%+v of %q is between %+v and %+v of %q", place, other, from, to, one)
		}
	})
}

// A time that a consultant asks for can lie, in UTC, outside the years that keys
// have.
func TestRecentRangeTakesAnyTime(t *testing.T) {
	early, late := time.Date(-1, 12, 31, 23, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 1, 0, 0, 0, time.UTC)
	place := Key{Partition: DayPartition("bankx", oldTime()), Row: RecentRow(oldTime(), "key")}
	tests := map[string]struct {
		span Span
		want bool
	}{
		"from early on": {Span{From: early}, true}, "up to late": {Span{To: late}, true}, "both": {Span{early, late}, true},
		"from late on": {Span{From: late}, false}, "up to early": {Span{To: early}, false},
	}
	for name, test := range tests {
		from, to := RecentRange("bankx", test.span, Mark{})
		if got := !before(place, from) && before(place, to); got != test.want {
			t.Errorf("%s: %v, between %+v and %+v", name, got, from, to)
		}
		for _, bound := range []Key{from, to} {
			if !regexp.MustCompile(`^bankx\.(|~|[0-9]{8})$`).MatchString(bound.Partition) {
				t.Errorf("%s: %q is not near any partition", name, bound.Partition)
			}
		}
	}
}

// A key may begin with another one, and go on with any character of keys.
func TestRecentRangeGoesOnWithTheNextKeyOfTheSameMoment(t *testing.T) {
	for _, next := range []string{"key-", "key0", "key=2F", "keyA", "key_", "keya"} {
		from, _ := RecentRange("bankx", Span{}, NewMark(oldTime(), "key"))
		place := Key{Partition: DayPartition("bankx", oldTime()), Row: RecentRow(oldTime(), next)}
		if before(place, from) {
			t.Errorf("%s is before %+v", next, from)
		}
	}
}

func TestMarksComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := NewMark(anyTime().Draw(t, "at"), anyKey().Draw(t, "key"))
		if mark.IsZero() {
			t.Fatal("no mark was made")
		}
		if got, err := ParseMark(mark.String()); err != nil || got != mark {
			t.Fatalf("%q reads as %+v, %v; want %+v", mark.String(), got, err, mark)
		}
	})
	if got, err := ParseMark(Mark{}.String()); err != nil || !got.IsZero() {
		t.Errorf("the zero mark reads as %+v, %v", got, err)
	}
}

func TestAMarkIsOfAConversation(t *testing.T) {
	for _, key := range []string{"", "a/b", "a.b", "a~b"} {
		if mark := NewMark(oldTime(), key); !mark.IsZero() {
			t.Errorf("key %q has mark %s", key, mark.Row())
		}
	}
}

func TestParseMarkRefusesAnythingElse(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	mark := NewMark(oldTime(), "key").String()
	texts := []string{
		"x", mark + "=", mark + "\n", "\n" + mark, mark[:10] + "\r\n" + mark[10:], " " + mark, mark + mark, mark[:len(mark)-1],
		encode([]byte("bankx/" + RecentRow(oldTime(), "key"))), base64.StdEncoding.EncodeToString([]byte(RecentRow(oldTime(), "~~?"))),
		strings.Repeat("A", 1<<20),
	}
	for _, row := range notRecentRows()[1:] {
		texts = append(texts, encode([]byte(row)))
	}
	for _, text := range texts {
		if got, err := ParseMark(text); !errors.Is(err, ErrMark) || !got.IsZero() {
			t.Errorf("%.60q reads as %+v, %v", text, got, err)
		}
	}
}

// The loose bits at the end of a base64 text must not give a mark a second name.
func TestAMarkHasOneText(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, key := range []string{"k", "ke", "key"} {
		mark := NewMark(oldTime(), key)
		text := mark.String()
		for _, last := range alphabet {
			got, err := ParseMark(text[:len(text)-1] + string(last))
			if err == nil && got == mark && !strings.HasSuffix(text, string(last)) {
				t.Errorf("%s ends with %c too", text, last)
			}
		}
	}
}

func FuzzParseRecentRow(f *testing.F) {
	f.Add(RecentRow(oldTime(), "key"))
	f.Add(RecentRow(time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), ConversationRow(strings.Repeat("話", 200))))
	for _, row := range notRecentRows() {
		f.Add(row)
	}
	f.Fuzz(func(t *testing.T, row string) {
		at, key, ok := ParseRecentRow(row)
		if !ok {
			return
		}
		wantStorableKey(t, row)
		if RecentRow(at, key) != row || !ValidKey(key) {
			t.Errorf("%q reads as %v and %q, which make %q", row, at, key, RecentRow(at, key))
		}
	})
}

func FuzzParseMark(f *testing.F) {
	f.Add("")
	f.Add(NewMark(oldTime(), "key").String())
	for _, row := range notRecentRows() {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(row)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		mark, err := ParseMark(text)
		if err != nil {
			if !errors.Is(err, ErrMark) || !mark.IsZero() {
				t.Errorf("%q reads as %+v, %v", text, mark, err)
			}
			return
		}
		if mark.String() != text {
			t.Errorf("%q reads as the mark %q", text, mark.String())
		}
		if mark.IsZero() != (text == "") {
			t.Errorf("%q reads as the mark %+v", text, mark)
		}
		from, to := RecentRange("bankx", Span{}, mark)
		begin, end := DayRange("bankx")
		if before(from, Key{Partition: begin}) || before(Key{Partition: end}, to) {
			t.Errorf("%q points to %+v, outside the assistant's rows", text, from)
		}
	})
}
