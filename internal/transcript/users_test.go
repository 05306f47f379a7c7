package transcript

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestUserRowsOfDistinctUsersAndConversationsDiffer(t *testing.T) {
	type pair struct{ user, conversation string }
	anyPair := rapid.Custom(func(t *rapid.T) pair {
		return pair{anyID().Draw(t, "user"), anyID().Draw(t, "conversation")}
	})
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyPair.Draw(t, "one"), anyPair.Draw(t, "other")
		row, otherRow := UserRow(one.user, ConversationRow(one.conversation)), UserRow(other.user, ConversationRow(other.conversation))
		wantStorableKey(t, row)
		if (one == other) != (row == otherRow) {
			t.Fatalf("%q and %q have rows %q and %q", one, other, row, otherRow)
		}
	})
}

func TestAUserRowTellsItsConversation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user, key := anyID().Draw(t, "user"), ConversationRow(anyID().Draw(t, "conversation"))
		got, ok := ParseUserRow(UserRow(user, key))
		if ok != (key != "") || ok && got != key {
			t.Fatalf("%q reads as %q, %v", UserRow(user, key), got, ok)
		}
	})
	for _, row := range []string{"", "user", "user.", "user.a.b", "user.a/b", "us/er.key", "us~er.key", "user.=2", strings.Repeat("u", 97) + ".key"} {
		if key, ok := ParseUserRow(row); ok {
			t.Errorf("%q reads as conversation %q", row, key)
		}
	}
}

func TestUserRangeHoldsOneUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyID().Draw(t, "one"), anyID().Draw(t, "other")
		from, to := UserRange(one)
		row := UserRow(other, ConversationRow(anyID().Draw(t, "conversation")))
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
	if want := []string{"user=20001.c", "user=20002.c", "user=20003.c"}; !slices.Equal(summary.UserRows(), want) {
		t.Errorf("rows %q, want %q", summary.UserRows(), want)
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
