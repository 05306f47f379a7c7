package audit_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"
)

func noon() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func entry(at time.Time) *audit.Entry {
	return &audit.Entry{Assistant: "bankx", TenantID: "t", ObjectID: "o", Action: audit.Read, ConversationKey: "c", At: at, InvocationID: "i"}
}

func TestWhatALedgerRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*audit.Entry)
		fine   bool
	}{
		"nothing wrong":      {func(*audit.Entry) {}, true},
		"nobody":             {func(e *audit.Entry) { e.TenantID, e.ObjectID, e.Action = "", "", audit.Purge }, true},
		"the zero value":     {func(e *audit.Entry) { *e = audit.Entry{} }, false},
		"no assistant":       {func(e *audit.Entry) { e.Assistant = "" }, false},
		"no action":          {func(e *audit.Entry) { e.Action = "" }, false},
		"an unknown action":  {func(e *audit.Entry) { e.Action = "Read" }, false},
		"no time":            {func(e *audit.Entry) { e.At = time.Time{} }, false},
		"a time beyond keys": {func(e *audit.Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, false},
		"the last time":      {func(e *audit.Entry) { e.At = time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC) }, true},
		"much text":          {func(e *audit.Entry) { e.UserID = strings.Repeat("x", 16<<10-4) }, true},
		"too much text":      {func(e *audit.Entry) { e.UserID = strings.Repeat("x", 16<<10-3) }, false},
	}
	for name, test := range tests {
		changed := entry(noon())
		if test.change(changed); (changed.Check() == nil) != test.fine {
			t.Errorf("%s: %v", name, changed.Check())
		}
	}
}

func TestTheRefusalOfAnActionDoesNotRepeatAllOfIt(t *testing.T) {
	changed := entry(noon())
	changed.Action = audit.Action(strings.Repeat("x", 1<<20))
	if err := changed.Check(); err == nil || len(err.Error()) > 100 {
		t.Errorf("refused with %.200v", err)
	}
}

func TestEveryActionIsValid(t *testing.T) {
	actions := []audit.Action{audit.List, audit.Read, audit.Export, audit.EraseConversation, audit.EraseUser, audit.ReadAudit, audit.Purge}
	for _, action := range actions {
		if !action.IsValid() {
			t.Errorf("%q is not valid", action)
		}
	}
	if audit.Action("").IsValid() {
		t.Error("the zero value is valid")
	}
}

func anyTime() *rapid.Generator[time.Time] {
	first, last := time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(first, last).Draw(t, "seconds"), rapid.Int64Range(0, 999999999).Draw(t, "nanoseconds"))
	})
}

func TestKeysSortNewestFirstWithinTheAssistantsDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := anyTime().Draw(t, "one"), anyTime().Draw(t, "other")
		key, otherKey := audit.NewKey(entry(one)), audit.NewKey(entry(other))
		if one.After(other) && (key.Partition > otherKey.Partition || key.Row > otherKey.Row) {
			t.Fatalf("%v has %+v, %v has %+v", one, key, other, otherKey)
		}
		if key.Partition != transcript.DayPartition("bankx", one) {
			t.Fatalf("%v is in partition %s", one, key.Partition)
		}
	})
}

func TestEqualEntriesHaveKeysOfTheirOwn(t *testing.T) {
	seen := make(map[transcript.Key]bool)
	for range 1000 {
		key := audit.NewKey(entry(noon()))
		_, random, ok := transcript.ParseRecentRow(key.Row)
		if !ok || len(random) != 32 || seen[key] {
			t.Fatalf("key %+v comes twice, or has less than 128 random bits", key)
		}
		seen[key] = true
	}
}

func TestARangeGoesOnAfterTheRowAndStaysWithItsAssistant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		end, next := audit.NewKey(entry(anyTime().Draw(t, "end"))), audit.NewKey(entry(anyTime().Draw(t, "next")))
		from, to, err := audit.Range("bankx", end.Row)
		if err != nil {
			t.Fatal(err)
		}
		within := func(key transcript.Key) bool { return !before(key, from) && before(key, to) }
		if within(end) || within(next) != before(end, next) {
			t.Fatalf("%+v to %+v after %+v: itself %v, %+v %v", from, to, end, within(end), next, within(next))
		}
		if from, to, err = audit.Range("bankx", ""); err != nil || !within(end) {
			t.Fatalf("%+v is not within %+v to %+v: %v", end, from, to, err)
		}
		if from, to, err = audit.Range("bank", ""); err != nil || within(end) {
			t.Fatalf("%+v is within another assistant's %+v to %+v: %v", end, from, to, err)
		}
	})
}

func before(one, other transcript.Key) bool {
	return one.Partition < other.Partition || one.Partition == other.Partition && one.Row < other.Row
}

func TestTextThatEndsNoPageIsRefused(t *testing.T) {
	row := audit.NewKey(entry(noon())).Row
	for _, after := range []string{
		"x", row + "0", row[:len(row)-1], row + "'", row[1:], "bankx." + row, transcript.RecentRow(noon(), "c"), transcript.RecentRow(noon(), strings.Repeat("g", 32)),
	} {
		if from, to, err := audit.Range("bankx", after); !errors.Is(err, audit.ErrNext) || from != to {
			t.Errorf("%q leads from %+v to %+v, %v", after, from, to, err)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("")
	f.Add("x")
	f.Add(audit.NewKey(entry(noon())).Row)
	f.Add(transcript.RecentRow(noon(), "c"))
	f.Fuzz(func(t *testing.T, after string) {
		from, to, err := audit.Range("bankx", after)
		begin, end := transcript.DayRange("bankx")
		if err == nil && (from.Partition < begin || to.Partition > end || before(to, from)) {
			t.Errorf("%q leads from %+v to %+v", after, from, to)
		}
		if err != nil && from != to {
			t.Errorf("%q is refused and leads from %+v to %+v", after, from, to)
		}
	})
}
