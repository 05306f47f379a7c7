package retention_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var errAway = errors.New("the store is away")

func TestAFailureOfOneConversationDoesNotKeepTheOthersFromBeingErased(t *testing.T) {
	for _, step := range append([]string{"last"}, erasing...) {
		t.Run(step, func(t *testing.T) {
			w := newWorld(30)
			for i := range 8 {
				w.put(bank, fmt.Sprint("c", i), ago(40+i, 0))
			}
			w.step = failing(step, "c3", errAway)
			report, err := w.run(t)
			if report.Failed != 1 || report.Erased != 7 || !report.Complete || !errors.Is(err, errAway) {
				t.Errorf("%+v %v", report, err)
			}
			if !strings.Contains(err.Error(), bank) || strings.Contains(err.Error(), "c3") {
				t.Errorf("%v: want the assistant and not the conversation", err)
			}
			w.step = nil
			w.runs(t, 1)
			w.wantKeys(t, bank)
		})
	}
}

// An interrupted erasure that fails for ever does not keep the walk from going on.
func TestErasuresThatCannotBeFinishedDoNotStopTheWalk(t *testing.T) {
	w := newWorld(30)
	for i := range 9 {
		w.of(bank).journal[fmt.Sprint("broken", i)] = struct{}{}
		w.put(bank, fmt.Sprint("old", i), ago(40, 0))
	}
	w.step = failing("messages", "broken", errAway)
	report, err := w.run(t)
	if report.Erased != 9 || report.Failed < 5 || report.Complete || !errors.Is(err, errAway) {
		t.Errorf("%+v %v", report, err)
	}
}

// Failures are counted in a row, and anew after the interrupted erasures.
func TestSomeFailuresDoNotMeanThatTheStoreIsAway(t *testing.T) {
	w := newWorld(30)
	for i := range 4 {
		w.of(bank).journal[fmt.Sprint("bad", i)] = struct{}{}
	}
	for i := range 10 {
		w.put(bank, fmt.Sprint("bad-day", i), ago(40+2*i, 0))
		w.put(bank, fmt.Sprint("good-day", i), ago(41+2*i, 0))
	}
	w.step = failing("journal", "bad", errAway)
	report, err := w.run(t)
	if report.Failed != 14 || report.Erased != 10 || !report.Complete || !errors.Is(err, errAway) {
		t.Errorf("%+v %v", report, err)
	}
}

func TestAStoreThatIsAwayIsNotAskedForEver(t *testing.T) {
	w := newWorld(30)
	for i := range 100 {
		w.put(bank, fmt.Sprint("c", i), ago(40+i, 0))
	}
	w.step = failing("last", "", errAway)
	report, err := w.run(t)
	// Five in a row, and those that were under way by then.
	if report.Failed < 5 || report.Failed > 12 || report.Complete || !errors.Is(err, errAway) {
		t.Errorf("%+v %v", report, err)
	}
	if told := strings.Count(err.Error(), errAway.Error()); told > 3 {
		t.Errorf("it is told %d times: %v", told, err)
	}
	w.step = nil
	w.runs(t, 2)
	w.wantKeys(t, bank)
}

func TestEachStepOfARunMayFail(t *testing.T) {
	for _, step := range []string{"unfinished", "bookmark", "expired", "set bookmark"} {
		w := newWorld(30)
		w.put(bank, "old", ago(40, 0))
		w.step = failing(step, "", errAway)
		report, err := w.run(t)
		if !errors.Is(err, errAway) || report.Complete {
			t.Errorf("%s: %+v %v", step, report, err)
		}
		w.step = nil
		w.runs(t, 1)
		w.wantKeys(t, bank)
	}
}

func TestOneAssistantsFailureDoesNotKeepTheOthersFromBeingPurged(t *testing.T) {
	w := newWorld(30, "a", "b", "c")
	for _, assistant := range w.options.Assistants {
		w.put(assistant, "old", ago(40, 0))
	}
	w.step = func(_ context.Context, step, assistant, _ string) error {
		if step == "expired" && assistant == "b" {
			return errAway
		}
		return nil
	}
	report, err := w.run(t)
	if report.Erased != 2 || report.Complete || err == nil || !strings.Contains(err.Error(), "assistant b") {
		t.Errorf("%+v %v", report, err)
	}
	w.wantKeys(t, "a")
	w.wantKeys(t, "b", "old")
	w.wantKeys(t, "c")
	var recorded []string
	for _, entry := range w.ledger.entries {
		recorded = append(recorded, entry.Assistant)
	}
	if !slices.Equal(recorded, []string{"a", "c"}) {
		t.Errorf("recorded: %q", recorded)
	}
}

func TestAnErasureThatCannotBeRecordedIsToldOf(t *testing.T) {
	w := newWorld(30)
	w.put(bank, "old", ago(40, 0))
	w.ledger.failure = errors.New("the ledger is away")
	report, err := w.run(t)
	if !errors.Is(err, w.ledger.failure) || report.Erased != 1 {
		t.Errorf("%+v %v", report, err)
	}
}

// killed fails the nth step, from 0, and every one after it, as the end of the
// process does.
func killed(n int) (step func(context.Context, string, string, string) error, made func() int) {
	var count atomic.Int64
	return func(context.Context, string, string, string) error {
		if count.Add(1) > int64(n) {
			return errors.New("killed")
		}
		return nil
	}, func() int { return int(count.Load()) }
}

func TestARunMayEndAtAnyStep(t *testing.T) {
	for n := 0; ; n++ {
		w := newWorld(30, bank, "other")
		w.options.MaxConversations = 4
		for i := range 3 {
			w.put(bank, fmt.Sprint("old", i), ago(40, i), ago(50+i, 0))
			w.put(bank, fmt.Sprint("on", i), ago(45, 0), ago(1, i))
			w.put("other", fmt.Sprint("old", i), ago(40, 0))
		}
		step, made := killed(n)
		w.step = step
		_, err := w.run(t)
		if made() <= n {
			if n < 30 || err != nil {
				t.Fatalf("%d steps: %v", n, err)
			}
			return
		}
		w.step = nil
		if report := w.runs(t, 3); !report.Complete {
			t.Errorf("killed at step %d: three runs are not enough", n)
		}
		w.wantKeys(t, bank, "on0", "on1", "on2")
		w.wantKeys(t, "other")
		if t.Failed() {
			t.Fatalf("after step %d", n)
		}
	}
}
