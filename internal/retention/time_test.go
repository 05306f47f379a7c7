package retention_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/retention"
)

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
	if report.Complete || !errors.Is(err, context.Canceled) || report.Failed > 0 {
		t.Errorf("%+v %v", report, err)
	}
	if recorded := w.ledger.recorded(); recorded != report.Erased {
		t.Errorf("%d are recorded of %+v", recorded, report)
	}
	w.step = nil
	next := w.runs(t, 1)
	if next.Finished == 0 || report.Erased+next.Finished+next.Erased != 5 {
		t.Errorf("first %+v, then %+v, want all five", report, next)
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
		for i := range 300 {
			w.put("a", fmt.Sprintf("c%03d", i), ago(40+i, 0))
			w.put("b", fmt.Sprintf("c%03d", i), ago(40+i, 0))
		}
		w.step = slowly(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		began := time.Now()
		report, err := retention.New(w.options).Run(ctx, "")
		if took := time.Since(began); took > 4*time.Minute-5*time.Second || took < 3*time.Minute {
			t.Errorf("it took %s of 4 minutes", took)
		}
		// 115 s each, and 20 s for eight conversations; that time runs out is no error.
		if err != nil || report.Complete || report.Erased != 2*5*8 || report.Failed != 0 {
			t.Errorf("%+v %v", report, err)
		}
		for _, assistant := range w.options.Assistants {
			if left := len(w.keys(assistant)); left != 300-5*8 {
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
		for i := range 300 {
			w.put("b", fmt.Sprintf("c%03d", i), ago(40+i, 0))
		}
		w.step = slowly(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		report, err := retention.New(w.options).Run(ctx, "")
		if err != nil || report.Erased != 11*8 {
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
