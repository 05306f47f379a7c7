package retention_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/audit"
	"chatgate/internal/retention"
	"chatgate/internal/transcript"
)

var errAway = errors.New("the store is away")

func TestTheLastActivityDecides(t *testing.T) {
	w := newWorld(30)
	w.put(bank, "long-ago", ago(400, 0), ago(399, 0))
	w.put(bank, "just-past", ago(30, 1))
	w.put(bank, "to-the-moment", ago(30, 0))
	w.put(bank, "on-the-same-day", ago(29, 23))
	w.put(bank, "goes-on", ago(400, 0), ago(200, 0), ago(1, 0))
	w.put(bank, "new", ago(0, 1))
	report, err := w.run(t)
	if want := (retention.Report{Examined: 5, Erased: 2, Complete: true}); err != nil || report != want {
		t.Errorf("%+v %v, want %+v", report, err, want)
	}
	w.wantKeys(t, bank, "goes-on", "new", "on-the-same-day", "to-the-moment")
	want := []audit.Entry{{Assistant: bank, Action: audit.Purge, Count: 2, At: now(), InvocationID: "invocation"}}
	if diff := cmp.Diff(want, w.ledger.entries); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	if again := w.runs(t, 1); again.Erased != 0 || len(w.ledger.entries) != 1 {
		t.Errorf("a run with nothing to erase: %+v, ledger %+v", again, w.ledger.entries)
	}
}

func TestWithoutARetentionNothingIsErasedButWhatAnErasureLeft(t *testing.T) {
	for _, days := range []int{0, -1, math.MinInt} {
		w := newWorld(days)
		w.put(bank, "old", ago(4000, 0))
		w.put(bank, "interrupted", ago(1, 0))
		w.of(bank).journal["interrupted"] = struct{}{}
		report := w.runs(t, 1)
		if want := (retention.Report{Finished: 1, Complete: true}); report != want {
			t.Errorf("%d days: %+v, want %+v", days, report, want)
		}
		w.wantKeys(t, bank, "old")
		if entries := w.ledger.entries; len(entries) != 1 || entries[0].Count != 1 {
			t.Errorf("%d days: ledger %+v", days, entries)
		}
	}
}

// A number of days that leaves the calendar must not come out as the future.
func TestAnEndlessRetentionErasesNothing(t *testing.T) {
	for _, days := range []int{1 << 20, math.MaxInt32, math.MaxInt} {
		w := newWorld(days)
		w.put(bank, "old", ago(4000, 0))
		w.runs(t, 2)
		w.wantKeys(t, bank, "old")
	}
}

func TestADryRunCountsAndChangesNothing(t *testing.T) {
	w := newWorld(30)
	w.options.DryRun = true
	w.put(bank, "a", ago(31, 0), ago(35, 0))
	w.put(bank, "b", ago(50, 0))
	w.put(bank, "c", ago(50, 0), ago(2, 0))
	w.put(bank, "d", ago(31, 0))
	w.of(bank).journal["d"] = struct{}{}
	w.step = func(_ context.Context, step, _, _ string) error {
		if !slices.Contains([]string{"unfinished", "expired", "last", "bookmark"}, step) {
			t.Errorf("a dry run made the step %q", step)
		}
		return nil
	}
	for range 2 {
		report := w.runs(t, 1)
		if want := (retention.Report{Examined: 3, Erased: 2, Finished: 1, Complete: true, DryRun: true}); report != want {
			t.Errorf("%+v, want %+v", report, want)
		}
	}
	w.wantKeys(t, bank, "a", "b", "c", "d")
	if len(w.ledger.entries) > 0 {
		t.Errorf("ledger: %+v", w.ledger.entries)
	}
}

// A dry run tells of the beginning, wherever the others have come.
func TestADryRunStartsAtTheBeginning(t *testing.T) {
	w := newWorld(30)
	w.options.DryRun, w.options.MaxConversations = true, 2
	for i := range 5 {
		w.put(bank, fmt.Sprint(i), ago(31+i, 0))
	}
	w.of(bank).bookmark = transcript.DayPlace(transcript.Key{Partition: transcript.DayPartition(bank, ago(34, 0)), Row: "3"})
	_, keys := w.counting()
	report := w.runs(t, 1)
	if asked := keys["last"]; report.Erased != 2 || report.Complete || asked["0"] != 1 || asked["1"] != 1 {
		t.Errorf("%+v, asked %v, want the first two of five", report, asked)
	}
}

func TestWhatARunDoesIsBoundedAndTheNextGoesOn(t *testing.T) {
	w := newWorld(30)
	w.options.MaxConversations = 3
	for i := range 10 {
		w.put(bank, fmt.Sprint("c", i), ago(40+i, 0))
	}
	for run, left := range []int{7, 4, 1, 0} {
		report := w.runs(t, 1)
		if got := len(w.keys(bank)); got != left || report.Complete != (left == 0) {
			t.Errorf("run %d leaves %d, want %d: %+v", run, got, left, report)
		}
	}
}

// Conversations that go on stand before the one that has ended, in any order of
// days, and have many days.
func TestConversationsThatGoOnDoNotKeepARunFromTheOthers(t *testing.T) {
	w := newWorld(30)
	w.options.MaxConversations = 4
	for i := range 30 {
		for d := range 20 {
			w.put(bank, fmt.Sprintf("on%02d", i), ago(31+d, 0), ago(1, 0))
		}
	}
	w.put(bank, "ended", ago(60, 0), ago(45, 0))
	runs := 0
	for slices.Contains(w.keys(bank), "ended") {
		w.runs(t, 1)
		if runs++; runs > 200 {
			t.Fatal("it is never erased")
		}
	}
	if left := w.keys(bank); len(left) != 30 {
		t.Errorf("left: %q", left)
	}
}

// After the end the walk begins anew, for what has become old since.
func TestARunGoesRoundOnce(t *testing.T) {
	w := newWorld(30)
	for i := range 6 {
		w.put(bank, fmt.Sprint("on", i), ago(31+i, 0), ago(1, 0))
	}
	w.of(bank).bookmark = transcript.DayPlace(transcript.Key{Partition: transcript.DayPartition(bank, ago(33, 0)), Row: "on2"})
	steps, keys := w.counting()
	report := w.runs(t, 1)
	if report.Examined != 6 || !report.Complete || w.of(bank).bookmark != "" {
		t.Errorf("%+v, bookmark %q", report, w.of(bank).bookmark)
	}
	if steps["last"] != 6 || len(keys["last"]) != 6 {
		t.Errorf("asked: %v, want each once", keys["last"])
	}
	// From the bookmark, at the end, and once more from the beginning.
	if steps["expired"] != 3 {
		t.Errorf("%d pages were read", steps["expired"])
	}
}

// A conversation that was active on very many days costs no more than its share.
func TestThePagesOfARunAreBounded(t *testing.T) {
	w := newWorld(30)
	w.options.MaxConversations = 2
	for d := range 500 {
		w.put(bank, "on", ago(31+d, 0), ago(1, 0))
	}
	steps, _ := w.counting()
	if report := w.runs(t, 1); report.Complete || steps["expired"] != 3 {
		t.Errorf("%+v after %d pages", report, steps["expired"])
	}
}

func TestABookmarkThatIsNoneCountsAsTheBeginning(t *testing.T) {
	theirs := transcript.DayPlace(transcript.Key{Partition: transcript.DayPartition("other", ago(99, 0)), Row: "x"})
	for _, place := range []string{"?", "zzzz", theirs} {
		w := newWorld(30)
		w.put(bank, "old", ago(40, 0))
		w.of(bank).bookmark = place
		w.runs(t, 1)
		w.wantKeys(t, bank)
	}
}

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
	if report.Erased != 9 || report.Failed != 5 || report.Complete || !errors.Is(err, errAway) {
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
	if report.Failed != 5 || report.Complete || !errors.Is(err, errAway) {
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

// A day without activities is what an erasure of before there were journals, or
// one that met a writer, has left.
func TestADayWithoutActivitiesIsErased(t *testing.T) {
	w := newWorld(30)
	w.put(bank, "ghost", ago(40, 0))
	delete(w.of(bank).messages, "ghost")
	report := w.runs(t, 1)
	w.wantKeys(t, bank)
	if report.Finished != 1 || report.Erased != 0 {
		t.Errorf("%+v", report)
	}
}

// killed fails the nth step, from 0, and every one after it, as the end of the
// process does.
func killed(n int) (step func(context.Context, string, string, string) error, made func() int) {
	count := 0
	return func(context.Context, string, string, string) error {
		count++
		if count > n {
			return errors.New("killed")
		}
		return nil
	}, func() int { return count }
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

// The host may give up on an invocation; what was erased by then is recorded.
func TestACancelledRunRecordsWhatItErased(t *testing.T) {
	w := newWorld(30)
	for i := range 5 {
		w.put(bank, fmt.Sprint("c", i), ago(40+i, 0))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.step = func(_ context.Context, step, _, key string) error {
		if step == "messages" && key == "c2" {
			cancel()
		}
		return nil
	}
	report, err := retention.New(w.options).Run(ctx, "")
	if report.Erased != 2 || report.Complete || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v %v", report, err)
	}
	if entries := w.ledger.entries; len(entries) != 1 || entries[0].Count != 2 {
		t.Errorf("ledger: %+v", entries)
	}
	w.step = nil
	if report := w.runs(t, 1); report.Finished != 1 || report.Erased != 2 {
		t.Errorf("the next run: %+v", report)
	}
	w.wantKeys(t, bank)
}

// slowly makes each erasure take a while.
func slowly(takes time.Duration) func(context.Context, string, string, string) error {
	return func(ctx context.Context, step, _, _ string) error {
		if step != "messages" {
			return nil
		}
		select {
		case <-time.After(takes):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
}

func TestARunEndsInTimeAndGivesEachAssistantItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30, "a", "b")
		for i := range 50 {
			w.put("a", fmt.Sprintf("c%02d", i), ago(40+i, 0))
			w.put("b", fmt.Sprintf("c%02d", i), ago(40+i, 0))
		}
		w.step = slowly(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		began := time.Now()
		report, err := retention.New(w.options).Run(ctx, "")
		if took := time.Since(began); took > 4*time.Minute-5*time.Second || took < 3*time.Minute {
			t.Errorf("it took %s of 4 minutes", took)
		}
		// 115 s each, and 20 s a conversation; that time runs out is no error.
		if err != nil || report.Complete || report.Erased != 10 || report.Failed != 0 {
			t.Errorf("%+v %v", report, err)
		}
		for _, assistant := range w.options.Assistants {
			if left := len(w.keys(assistant)); left != 45 {
				t.Errorf("%s: %d are left", assistant, left)
			}
		}
		if len(w.ledger.entries) != 2 {
			t.Errorf("ledger: %+v", w.ledger.entries)
		}
	})
}

// The time that one assistant does not need is the others'.
func TestTimeThatIsLeftIsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30, "a", "b")
		for i := range 50 {
			w.put("b", fmt.Sprintf("c%02d", i), ago(40+i, 0))
		}
		w.step = slowly(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		report, err := retention.New(w.options).Run(ctx, "")
		if err != nil || report.Erased != 11 {
			t.Errorf("%+v %v", report, err)
		}
	})
}

func TestWithoutTimeNothingIsBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30)
		w.put(bank, "old", ago(40, 0))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		report, err := retention.New(w.options).Run(ctx, "")
		if err != nil || report != (retention.Report{}) {
			t.Errorf("%+v %v", report, err)
		}
		w.wantKeys(t, bank, "old")
	})
}

// An erasure that takes longer than a run is made over several.
func TestAnErasureLongerThanARunIsFinishedByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30)
		w.put(bank, "old", ago(40, 0))
		w.step = slowly(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		if report, err := retention.New(w.options).Run(ctx, ""); err != nil || report.Erased != 0 || report.Failed != 0 {
			t.Errorf("%+v %v", report, err)
		}
		w.step = nil
		if report := w.runs(t, 1); report.Finished != 1 {
			t.Errorf("%+v", report)
		}
		w.wantKeys(t, bank)
	})
}

func TestTwoRunsAtOnce(t *testing.T) {
	w := newWorld(30)
	w.options.MaxConversations = 7
	for i := range 40 {
		w.put(bank, fmt.Sprint("old", i), ago(40+i, 0))
		w.put(bank, fmt.Sprint("on", i), ago(40+i, 0), ago(1, 0))
	}
	purger := retention.New(w.options)
	done := make(chan error, 2)
	for range 2 {
		go func() {
			var err error
			for range 20 {
				_, failure := purger.Run(t.Context(), "")
				err = errors.Join(err, failure)
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
	if left := w.keys(bank); len(left) != 40 {
		t.Errorf("left: %q", left)
	}
}
