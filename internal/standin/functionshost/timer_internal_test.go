package functionshost

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// firing is one run of a timer.
type firing struct {
	after   time.Duration // since the test began
	pastDue bool
	last    string // of the status; "" without one
}

// world runs timers in the time of a bubble, which begins at midnight.
type world struct {
	began    time.Time
	takes    func(n int) time.Duration // the nth run, from 0; nil: nothing
	skew     atomic.Int64              // of the clock
	firings  []firing
	handlers int // after so many runs there is no handler any more; 0: there is
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }

// run lets a function's timer run for a while.
func (w *world) run(t *testing.T, f *function, remember *monitor, lasting time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	f.decideMonitoring(w.now())
	set := &timer{function: f, now: w.now, logger: slog.New(slog.DiscardHandler)}
	if f.remembered {
		set.monitor = remember
	}
	busy := false
	set.fire = func(ctx context.Context, info timerInfo) bool {
		if busy {
			t.Error("two runs at a time")
		}
		if w.handlers > 0 && len(w.firings) == w.handlers {
			return false
		}
		fired := firing{after: time.Since(w.began), pastDue: info.pastDue}
		if info.status != nil {
			fired.last = info.status.text().Last
		}
		w.firings = append(w.firings, fired)
		if w.takes != nil {
			busy = true
			sleepFor(ctx, w.takes(len(w.firings)-1))
			busy = false
		}
		return ctx.Err() == nil
	}
	set.run(ctx)
}

func sleepFor(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// times are when the runs were.
func (w *world) times() []time.Duration {
	var times []time.Duration
	for _, f := range w.firings {
		times = append(times, f.after)
	}
	return times
}

func timed(t *testing.T, schedule string) *function {
	t.Helper()
	parsed, err := parseSchedule(schedule, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &function{name: "Purge", schedule: parsed, trigger: binding{Type: typeTimerTrigger, Name: "timer"}}
}

func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &world{began: time.Now()}) })
}

func (w *world) want(t *testing.T, times ...time.Duration) {
	t.Helper()
	if got := w.times(); !slices.Equal(got, times) {
		t.Errorf("fired after %v, want %v", got, times)
	}
}

func TestATimerFiresOnSchedule(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.run(t, timed(t, "0 17 2 * * *"), newMonitor(""), 49*time.Hour)
		first := 2*time.Hour + 17*time.Minute
		w.want(t, first, first+24*time.Hour)
		// The first run ever is told of no earlier one, by .NET's year 1.
		if got := w.firings[0]; got.last != never || got.pastDue {
			t.Errorf("the first run: %+v", got)
		}
		if got, want := w.firings[1].last, "2000-01-01T02:17:00+00:00"; got != want {
			t.Errorf("the second run's last was %q, want %q", got, want)
		}
	})
}

func TestARunThatOutlastsTheNextIsFollowedByItAtOnceAndMissesTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.takes = func(n int) time.Duration { return []time.Duration{150 * time.Second, 0, 0}[min(n, 2)] }
		w.run(t, timed(t, "0 * * * * *"), newMonitor(""), 5*time.Minute-time.Second)
		// The first takes from minute 1 to 3½. The one of minute 2 follows at 3½, the
		// one of minute 3 is lost.
		w.want(t, time.Minute, 210*time.Second, 4*time.Minute)
	})
}

func TestRunOnStartup(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		f := timed(t, "0 0 * * * *")
		f.trigger.RunOnStartup = true
		w.run(t, f, newMonitor(""), 90*time.Minute)
		w.want(t, 0, time.Hour)
	})
}

func TestWhatWasMissedWhileNoHostRanIsMadeUpForOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		f := timed(t, "0 0 * * * *")
		folder := filepath.Join(t.TempDir(), "timers")
		w.run(t, f, newMonitor(folder), 90*time.Minute)
		time.Sleep(4 * time.Hour)
		w.run(t, f, newMonitor(folder), time.Hour)
		w.want(t, time.Hour, 330*time.Minute, 6*time.Hour)
		if w.firings[0].pastDue || !w.firings[1].pastDue || w.firings[2].pastDue {
			t.Errorf("past due: %+v", w.firings)
		}
	})
}

func TestAnOccurrenceMissedBeforeTheFirstRunIsMadeUpForToo(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		folder := t.TempDir()
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), time.Minute)
		time.Sleep(2 * time.Hour)
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), time.Minute)
		w.want(t, 121*time.Minute)
		if !w.firings[0].pastDue {
			t.Error("it is not past due")
		}
	})
}

func TestAHostThatStartsAtTheMomentIsInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		folder := t.TempDir()
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), time.Minute)
		time.Sleep(59 * time.Minute)
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), time.Minute)
		w.want(t, time.Hour)
		if w.firings[0].pastDue {
			t.Error("it is past due")
		}
	})
}

func TestANewScheduleIsNotPastDue(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		folder := t.TempDir()
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), 61*time.Minute)
		time.Sleep(2 * time.Hour)
		w.run(t, timed(t, "0 30 * * * *"), newMonitor(folder), 30*time.Minute)
		w.want(t, time.Hour, 210*time.Minute)
		if w.firings[1].pastDue {
			t.Error("the new schedule's first run is past due")
		}
	})
}

func TestARunThatWasCutOffIsMadeUpFor(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		folder := t.TempDir()
		w.takes = func(int) time.Duration { return time.Minute }
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), time.Hour+time.Second)
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), 10*time.Minute)
		w.want(t, time.Hour, time.Hour+time.Second)
		if !w.firings[1].pastDue {
			t.Error("the second run is not past due")
		}
	})
}

func TestAStatusThatCannotBeReadCountsAsNone(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON":   "{",
		"no time":    `{"Last":"soon","Next":"soon","LastUpdated":"soon"}`,
		"no members": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				folder := t.TempDir()
				if err := os.WriteFile(filepath.Join(folder, "Purge.json"), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				w.run(t, timed(t, "0 0 * * * *"), newMonitor(folder), 90*time.Minute)
				w.want(t, time.Hour)
			})
		})
	}
}

func TestAStatusThatCannotBeWrittenStopsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.run(t, timed(t, "0 0 * * * *"), newMonitor(filepath.Join(file, "timers")), 130*time.Minute)
		w.want(t, time.Hour, 2*time.Hour)
	})
}

func TestTheStatusOfSomeTimersIsNotKept(t *testing.T) {
	no, yes := false, true
	for name, test := range map[string]struct {
		schedule   string
		useMonitor *bool
		kept       bool
	}{
		"by default":         {"0 0 * * * *", nil, true},
		"as asked":           {"0 0 * * * *", &yes, true},
		"as not asked":       {"0 0 * * * *", &no, false},
		"thrice a minute":    {"*/20 * * * * *", &yes, false},
		"each minute":        {"0 * * * * *", &yes, true},
		"a short time span":  {"00:00:59", &yes, false},
		"a time span":        {"00:01:00", &yes, true},
		"each second at two": {"* 0 2 * * *", &yes, true}, // it is not two o'clock
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				f, folder := timed(t, test.schedule), t.TempDir()
				f.trigger.UseMonitor = test.useMonitor
				w.run(t, f, newMonitor(folder), 121*time.Minute)
				if _, err := os.Stat(filepath.Join(folder, "Purge.json")); (err == nil) != test.kept {
					t.Errorf("kept: %t, want %t", err == nil, test.kept)
				}
				if len(w.firings) == 0 || (w.firings[0].last != "") != test.kept {
					t.Errorf("runs: %+v", w.firings[:min(1, len(w.firings))])
				}
			})
		})
	}
}

// A machine that was suspended wakes up with a clock that is ahead of what its
// timers have slept.
func TestAClockThatIsSetIsNoticedWithinAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		go func() {
			time.Sleep(10*time.Minute + time.Second)
			w.skew.Store(int64(23 * time.Hour))
		}()
		w.run(t, timed(t, "0 17 2 * * *"), newMonitor(""), time.Hour)
		w.want(t, 11*time.Minute)
	})
}

func TestWithoutAHandlerTheTimerEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.handlers = 2
		remember := newMonitor("")
		w.run(t, timed(t, "0 0 * * * *"), remember, 100*time.Hour)
		if since := time.Since(w.began); since != 3*time.Hour {
			t.Errorf("it ended after %s", since)
		}
		if status, _ := remember.load("Purge"); !status.last.Equal(w.began.Add(2 * time.Hour)) {
			t.Errorf("a run that was not made is remembered: %+v", status)
		}
	})
}
