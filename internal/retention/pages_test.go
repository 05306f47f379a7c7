package retention_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/retention"
	"chatgate/internal/transcript"
)

// old puts so many conversations that are past the retention, each of a day of
// its own, the first of them on the newest.
func (w *world) old(count int) {
	for i := range count {
		w.put(bank, fmt.Sprintf("c%04d", i), ago(40+i, 0))
	}
}

// placeOf is where the i-th of them stands.
func placeOf(i int) string {
	day := transcript.DayPartition(bank, ago(40+i, 0))
	return transcript.DayPlace(transcript.Key{Partition: day, Row: fmt.Sprintf("c%04d", i)})
}

func TestConversationsAreErasedEightAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30)
		w.old(200)
		var mu sync.Mutex
		now, most := 0, 0
		add := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
		}
		w.step = func(ctx context.Context, step, _, _ string) error {
			if step != "messages" {
				return nil
			}
			add(1)
			defer add(-1)
			time.Sleep(time.Second)
			return ctx.Err()
		}
		began := time.Now()
		report := w.runs(t, 1)
		// Two pages of 100, each in 13 rounds.
		if took := time.Since(began); report.Erased != 200 || took != 26*time.Second || most != 8 {
			t.Errorf("%+v in %s, %d at a time", report, took, most)
		}
	})
}

// One that is still under way when time runs out holds the place back, and not
// the conversations before it.
func TestThePlaceDoesNotPassAConversationThatIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(30)
		w.old(60)
		w.step = func(ctx context.Context, step, _, key string) error {
			if step == "last" && key == "c0020" {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		report, err := retention.New(w.options).Run(ctx, "")
		if err != nil || report.Erased != 59 || report.Complete {
			t.Errorf("%+v %v", report, err)
		}
		if place := w.of(bank).bookmark; place != placeOf(19) {
			t.Errorf("the place is %q, want %q", place, placeOf(19))
		}
	})
}

// A run that is killed gets to do nothing any more: what it had done must be
// recorded by then, and the place not be beyond that.
func TestAPageIsRecordedBeforeThePlaceIsKept(t *testing.T) {
	w := newWorld(30)
	w.old(350)
	pages := 0
	w.step = func(_ context.Context, step, _, _ string) error {
		if step == "set bookmark" {
			if pages++; pages <= 3 && w.ledger.recorded() != 100*pages {
				t.Errorf("with page %d %d erasures are recorded", pages, w.ledger.recorded())
			}
		}
		return nil
	}
	report := w.runs(t, 1)
	if report.Erased != 350 || w.ledger.recorded() != 350 || len(w.ledger.entries) != 4 {
		t.Errorf("%+v, recorded %+v", report, w.ledger.entries)
	}
	for _, entry := range w.ledger.entries {
		if entry.InvocationID != "invocation" || entry.Count < 50 {
			t.Errorf("recorded is %+v", entry)
		}
	}
}

// What cannot be recorded must not go on.
func TestWithoutALedgerNothingMoreIsErased(t *testing.T) {
	w := newWorld(30)
	w.old(350)
	w.ledger.failure = errors.New("the ledger is away")
	report, err := w.run(t)
	if !errors.Is(err, w.ledger.failure) || report.Erased != 100 || report.Complete || w.of(bank).bookmark != "" {
		t.Errorf("%+v %v, bookmark %q", report, err, w.of(bank).bookmark)
	}
	w.ledger.failure = nil
	if report := w.runs(t, 1); report.Erased != 250 || !report.Complete {
		t.Errorf("then %+v", report)
	}
}

// Interrupted erasures are recorded by pages too.
func TestFinishedErasuresAreRecordedByPages(t *testing.T) {
	w := newWorld(0)
	for i := range 250 {
		w.of(bank).journal[fmt.Sprintf("c%04d", i)] = struct{}{}
	}
	report := w.runs(t, 1)
	if report.Finished != 250 || w.ledger.recorded() != 250 || len(w.ledger.entries) != 3 {
		t.Errorf("%+v, recorded %+v", report, w.ledger.entries)
	}
}
