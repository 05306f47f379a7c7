package transcript

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func anyPresence() *rapid.Generator[Presence] {
	return rapid.Custom(func(t *rapid.T) Presence {
		user, conversation := anyID().Draw(t, "user"), rapid.OneOf(anyID(), rapid.Just("c")).Draw(t, "conversation")
		day := rapid.SampledFrom([]string{"79738878", "00000000", "79738879"}).Draw(t, "day")
		return Presence{User: UserPart(user), Conversation: ConversationRow("x" + conversation), Day: day}
	})
}

func TestRowsOfDistinctPresencesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyPresence().Draw(t, "one"), anyPresence().Draw(t, "other")
		for _, row := range []string{one.RowByUser(), one.RowByConversation()} {
			wantStorableKey(t, row)
		}
		if same := one == other; same != (one.RowByUser() == other.RowByUser()) || same != (one.RowByConversation() == other.RowByConversation()) {
			t.Fatalf("%q and %q have the same row", one, other)
		}
		if one.RowByUser() == other.RowByConversation() {
			t.Fatalf("the row of the user in %q is that of the conversation in %q", one, other)
		}
	})
}

func TestARowTellsItsPresence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		presence := anyPresence().Draw(t, "presence")
		if key, ok := ParseUserRow(presence.RowByUser()); !ok || key != presence.Conversation {
			t.Fatalf("%q reads as %q, %v", presence.RowByUser(), key, ok)
		}
		if got, ok := ParsePresence(presence.RowByConversation()); !ok || got != presence {
			t.Fatalf("%q reads as %q, %v", presence.RowByConversation(), got, ok)
		}
	})
	day := ".79738878"
	for _, row := range []string{
		"", "user", "user.", "user.key", "user.key.", "user.key.7973887", "user.key.7973887x", "user.a.b" + day, "user.a/b" + day, "us/er.key" + day,
		"us~er.key" + day, "user.=2" + day, "~key.79738878.user", strings.Repeat("u", 89) + ".key" + day,
	} {
		if key, ok := ParseUserRow(row); ok {
			t.Errorf("%q reads as conversation %q", row, key)
		}
	}
	for _, row := range []string{"", "~", "~key", "~key" + day, "key" + day + ".user", "~.79738878.user", "~key.7973887.user", "~key" + day + ".us/er", "~key" + day + ".a.b"} {
		if presence, ok := ParsePresence(row); ok {
			t.Errorf("%q reads as %q", row, presence)
		}
	}
}

func TestThePresencesOfAConversationLieTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		presence, key := anyPresence().Draw(t, "presence"), anyPresence().Draw(t, "other").Conversation
		from, to := PresenceRange(key)
		if inside := from <= presence.RowByConversation() && presence.RowByConversation() < to; inside != (key == presence.Conversation) {
			t.Fatalf("%q inside [%q, %q): %v", presence.RowByConversation(), from, to, inside)
		}
		if row := presence.RowByUser(); from <= row && row < to {
			t.Fatalf("%q inside [%q, %q)", row, from, to)
		}
	})
}

func TestUserRangeHoldsOneUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyID().Draw(t, "one"), anyID().Draw(t, "other")
		from, to := UserRange(one)
		presence := anyPresence().Draw(t, "presence")
		presence.User = UserPart(other)
		row := presence.RowByUser()
		if inside := from <= row && row < to; inside != (one == other) {
			t.Fatalf("%q inside [%q, %q): %v", row, from, to, inside)
		}
	})
}

// crowd is the summary of a day on which the users with these numbers took part.
func crowd(numbers ...int) DaySummary {
	var merged DaySummary
	for _, n := range numbers {
		id := fmt.Sprintf("user %03d", n)
		record := Record{Key: NewKey("bankx", "c", id, oldTime()), SentAt: oldTime(), User: Party{ID: id, Certainty: UserByRole}}
		merged = merge(merged, Summarize([]Record{record})[0])
	}
	return merged
}

func TestASummaryNamesEverybodyOnceInOrder(t *testing.T) {
	summary := crowd(3, 1, 2, 3, 1)
	if want := []string{"user=20001", "user=20002", "user=20003"}; !slices.Equal(summary.Users, want) {
		t.Errorf("users %q, want %q", summary.Users, want)
	}
	day := strings.TrimPrefix(summary.Key.Partition, "bankx.")
	if want := []Presence{{"user=20001", "c", day}, {"user=20002", "c", day}, {"user=20003", "c", day}}; !slices.Equal(summary.Presences(), want) {
		t.Errorf("presences %q, want %q", summary.Presences(), want)
	}
}

func TestADayOfNobodyHasAPresence(t *testing.T) {
	summary := Summarize([]Record{{Key: NewKey("bankx", "c", "1", oldTime()), SentAt: oldTime()}})[0]
	presences := summary.Presences()
	if len(presences) != 1 || presences[0].User != "" || presences[0].DayKey("bankx") != summary.Key {
		t.Errorf("presences %q of %q", presences, summary.Key)
	}
}

func TestACrowdIsPresentWhole(t *testing.T) {
	numbers := make([]int, 200)
	for i := range numbers {
		numbers[i] = i
	}
	whole := crowd(numbers...)
	if len(whole.Users) != 64 || len(whole.Presences()) != 200 {
		t.Errorf("of 200 users %d are named and %d present", len(whole.Users), len(whole.Presences()))
	}
}

// What is left out must not depend on what came first.
func TestOfACrowdTheFirst64AreNamedWhateverTheOrder(t *testing.T) {
	numbers := make([]int, 80)
	for i := range numbers {
		numbers[i] = i
	}
	want := crowd(numbers[:64]...).Users
	if len(want) != 64 {
		t.Fatalf("%d users of 64 are named", len(want))
	}
	rapid.Check(t, func(t *rapid.T) {
		shuffled := rapid.Permutation(numbers).Draw(t, "order")
		cut := rapid.IntRange(0, len(shuffled)).Draw(t, "cut")
		one, other := crowd(shuffled[:cut]...), crowd(shuffled[cut:]...)
		if diff := cmp.Diff(want, merge(one, other).Users); diff != "" {
			t.Fatalf("users (-first 64 +merged):\n%s", diff)
		}
	})
}

func TestMergingLeavesUsersOfBothAsTheyWere(t *testing.T) {
	spacious := crowd(1, 5)
	spacious.Users = append(make([]string, 0, 8), spacious.Users...)
	more := crowd(3)
	merged := merge(spacious, more)
	again := merge(spacious, crowd(2))
	if len(merged.Users) != 3 || merged.Users[1] != "user=20003" || len(again.Users) != 3 || more.Users[0] != "user=20003" {
		t.Errorf("merged %q, again %q, more %q", merged.Users, again.Users, more.Users)
	}
	if whole := spacious.Users[:3]; whole[2] != "" {
		t.Errorf("the room behind the users holds %q", whole[2])
	}
}

func TestAUserThatIsNewChangesTheRow(t *testing.T) {
	summary, same := crowd(1), crowd(1)
	more := summary
	more.Users = []string{"another"}
	if merged, changed := summary.Merge(more); !changed || !slices.Equal(merged.Users, []string{"another", "user=20001"}) {
		t.Errorf("changed %v: %q", changed, merged.Users)
	}
	if _, changed := summary.Merge(same); changed {
		t.Error("the same user would be written again")
	}
}
