package retention_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/audit"
	"chatgate/internal/retention"
	"chatgate/internal/transcript"
)

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

// Whoever writes between the look at the last activity and the erasure is not
// erased with what is old.
func TestWhatComesDuringARunIsKept(t *testing.T) {
	w := newWorld(30)
	w.put(bank, "ended", ago(50, 0))
	w.put(bank, "resumed", ago(40, 0))
	w.step = func(_ context.Context, step, _, key string) error {
		if step == "look" && key == "resumed" {
			w.put(bank, key, ago(0, 0))
		}
		return nil
	}
	report := w.runs(t, 1)
	if want := (retention.Report{Examined: 2, Erased: 1, Complete: true}); report != want {
		t.Errorf("%+v, want %+v", report, want)
	}
	w.wantKeys(t, bank, "resumed")
	if entries := w.ledger.entries; len(entries) != 1 || entries[0].Count != 1 {
		t.Errorf("ledger: %+v", entries)
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

// Of the interrupted erasures some keep a conversation that goes on, and others are
// finished by somebody else by the time that their turn comes.
func TestAnErasureThatIsNotDoneIsNeitherCountedNorRecorded(t *testing.T) {
	w := newWorld(30)
	for _, key := range []string{"goes on", "interrupted", "overtaken"} {
		w.put(bank, key, ago(1, 0))
		w.of(bank).journal[key] = struct{}{}
	}
	w.of(bank).goingOn["goes on"] = true
	w.step = func(_ context.Context, step, _, key string) error {
		if step == "look" && key == "overtaken" {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.of(bank).journal, key)
		}
		return nil
	}
	report := w.runs(t, 1)
	if want := (retention.Report{Finished: 1, Complete: true}); report != want || w.ledger.recorded() != 1 {
		t.Errorf("%+v, want %+v; %d are recorded", report, want, w.ledger.recorded())
	}
	w.wantKeys(t, bank, "goes on", "overtaken")
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
