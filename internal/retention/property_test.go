package retention_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"chatgate/internal/retention"
)

// TestAfterEnoughRunsExactlyTheExpiredAreGone: whatever there is, and whatever
// fails on the way.
func TestAfterEnoughRunsExactlyTheExpiredAreGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.IntRange(1, 20).Draw(t, "days")
		w := newWorld(days, "a", "a1")
		w.options.MaxConversations = rapid.IntRange(1, 6).Draw(t, "at most")
		kept := map[string][]string{}
		for _, assistant := range w.options.Assistants {
			for i := range rapid.IntRange(0, 8).Draw(t, "conversations") {
				key := fmt.Sprint("c", i)
				hours := rapid.SliceOfN(rapid.IntRange(0, 40*24), 1, 4).Draw(t, "hours ago")
				for _, h := range hours {
					w.put(assistant, key, ago(0, h))
				}
				if slices.Min(hours) <= days*24 {
					kept[assistant] = append(kept[assistant], key)
				}
			}
		}
		faults := rapid.SliceOfN(rapid.IntRange(0, 60), 0, 6).Draw(t, "failing steps")
		w.step = atSteps(faults)
		purger := retention.New(w.options)
		// A run that examines one conversation gets over one day at least, of the 32
		// that an assistant may have. What fails comes again a round later.
		for range 2*32 + len(faults) {
			_, _ = purger.Run(t.Context(), "") // which fails where it is to fail
			w.checkKept(t, kept)
		}
		for _, assistant := range w.options.Assistants {
			if left := w.keys(assistant); !slices.Equal(left, kept[assistant]) {
				t.Fatalf("of %s is left %q, want %q", assistant, left, kept[assistant])
			}
		}
		if erased := w.ledger.recorded(); erased > 16 || (erased == 0) != (len(w.ledger.entries) == 0) {
			t.Fatalf("recorded: %+v", w.ledger.entries)
		}
	})
}

// atSteps fails the steps of the given numbers.
func atSteps(numbers []int) func(context.Context, string, string, string) error {
	var count atomic.Int64
	return func(context.Context, string, string, string) error {
		if slices.Contains(numbers, int(count.Add(1)-1)) {
			return errAway
		}
		return nil
	}
}

// checkKept makes sure that nothing is touched that is to be kept.
func (w *world) checkKept(t *rapid.T, kept map[string][]string) {
	for assistant, keys := range kept {
		for _, key := range keys {
			if of := w.of(assistant); len(of.messages[key]) == 0 {
				t.Fatalf("%s of %s is gone", key, assistant)
			}
		}
	}
}
