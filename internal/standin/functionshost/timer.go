package functionshost

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// maxSleep bounds how long a timer sleeps before it looks at the clock again: a
// machine that was suspended, or a clock that was set, is noticed within it.
const maxSleep = time.Minute

// timer fires a function with a timer trigger, one run at a time and the next one
// never before the last has ended, as TimerListener of azure-webjobs-sdk-extensions
// does. A run that fails is not repeated: the next is that of the schedule.
type timer struct {
	function *function
	monitor  *monitor // nil: its status is not remembered
	status   timerStatus
	now      func() time.Time
	logger   *slog.Logger
	// fire invokes the function and returns when the invocation has ended; false:
	// there was no handler, or the host ended before.
	fire func(ctx context.Context, info timerInfo) bool
}

// timerInfo is what a handler is told of a run.
type timerInfo struct {
	schedule schedule
	status   *timerStatus // nil: the host does not remember
	pastDue  bool
}

// reason is why a timer fires.
type reason int

const (
	scheduled reason = iota
	missed           // an occurrence was missed while no host ran
	onStartup
)

// run fires until ctx ends, or the last handler has.
func (t *timer) run(ctx context.Context) {
	why := t.start()
	running := why == scheduled || t.invoke(ctx, why)
	for running {
		running = t.sleep(ctx) && t.invoke(ctx, scheduled)
	}
}

// start finds out when the timer fires next, and whether it does so at once.
func (t *timer) start() reason {
	now, isMissed := t.now(), false
	if t.monitor == nil {
		t.status = timerStatus{next: t.function.schedule.next(now)}
	} else {
		status, known := t.monitor.load(t.function.name)
		isMissed = status.pastDue(t.function.schedule, known, now)
		t.remember(status)
	}
	switch {
	case isMissed:
		t.logger.Info("A timer is past due. It fires now.", "source", "host", "function", t.function.name)
		return missed
	case t.function.trigger.RunOnStartup:
		return onStartup
	}
	t.logger.Info("A timer is set.", "source", "host", "function", t.function.name, "next", t.status.next.Format(time.RFC3339))
	return scheduled
}

func (t *timer) remember(status timerStatus) {
	t.status = status
	if t.monitor == nil {
		return
	}
	if err := t.monitor.save(t.function.name, status); err != nil {
		t.logger.Error("A timer's status is lost.", "source", "host", "function", t.function.name, "cause", err.Error())
	}
}

// sleep waits for the next occurrence; false: ctx ended before.
func (t *timer) sleep(ctx context.Context) bool {
	for {
		left := t.status.next.Sub(t.now())
		if left <= 0 {
			return ctx.Err() == nil
		}
		alarm := time.NewTimer(min(left, maxSleep))
		select {
		case <-alarm.C:
		case <-ctx.Done():
			alarm.Stop()
			return false
		}
	}
}

// invoke fires the function and sets the timer anew, by the time at which the run
// began. A run that outlasts the next occurrence is followed by that one at once.
func (t *timer) invoke(ctx context.Context, why reason) bool {
	began := t.now()
	info := timerInfo{schedule: t.function.schedule, pastDue: why == missed}
	if t.monitor != nil {
		status := t.status
		info.status = &status
	}
	if !t.fire(ctx, info) {
		return false // and the run that was not made is made up for
	}
	t.remember(timerStatus{last: began, next: t.function.schedule.next(began), updated: began})
	return true
}

// timerOf returns the timer of a function.
func (h *Host) timerOf(f *function) *timer {
	set := &timer{
		function: f, now: h.now, logger: h.logger,
		fire: func(ctx context.Context, info timerInfo) bool { return h.fire(ctx, f, info) },
	}
	if f.remembered {
		set.monitor = h.monitor
	}
	return set
}

// decideMonitoring decides whether the status of a function's timer is kept.
func (f *function) decideMonitoring(now time.Time) {
	wanted := f.trigger.UseMonitor == nil || *f.trigger.UseMonitor
	f.remembered = wanted && f.trigger.Type == typeTimerTrigger && !isFrequent(f.schedule, now)
}

// fire invokes a function with a timer trigger; false: there was no handler, or
// the host ended before the function did.
func (h *Host) fire(life context.Context, f *function, info timerInfo) bool {
	fault := h.nextFault(f.name)
	ctx, current, err := h.begin(life, f.name)
	if err != nil {
		return false
	}
	body, err := timerEnvelope(f, info, h.now(), fault.kind == withoutMetadata)
	if err == nil {
		err = h.invoke(ctx, current, f, body, fault)
	}
	h.finish(current, err)
	return err == nil || life.Err() == nil
}

// timerEnvelope builds the body by which the host invokes a function with a timer
// trigger.
func timerEnvelope(f *function, info timerInfo, now time.Time, bare bool) ([]byte, error) {
	value := struct {
		Schedule struct {
			AdjustForDST bool
		}
		ScheduleStatus *timerStatusText
		IsPastDue      bool
	}{IsPastDue: info.pastDue}
	value.Schedule.AdjustForDST = info.schedule.adjustsForDST()
	if info.status != nil {
		text := info.status.text()
		value.ScheduleStatus = &text
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("binding %s: %w", f.trigger.Name, err)
	}
	var metadata []member
	if !bare {
		metadata = []member{systemMetadata(f.name, now)}
	}
	return wrap(f.trigger.Name, encoded, metadata), nil
}
