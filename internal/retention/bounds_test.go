package retention_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"chatgate/internal/retention"
	"chatgate/internal/transcript"
)

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
