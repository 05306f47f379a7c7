package functionshost

import (
	"fmt"
	"strings"
	"time"
)

// schedule says when a timer trigger fires. Times are UTC, which is Azure's zone
// where WEBSITE_TIME_ZONE does not say otherwise.
type schedule interface {
	// next returns the first occurrence after a time.
	next(after time.Time) time.Time
	// adjustsForDST is what the handler is told as Schedule.AdjustForDST.
	adjustsForDST() bool
}

// interval is a schedule of equal steps. Azure runs it in plans with instances
// of their own only.
type interval time.Duration

func (i interval) next(after time.Time) time.Time { return after.Add(time.Duration(i)) }

func (i interval) adjustsForDST() bool { return false }

// parseSchedule reads the schedule of a timer trigger: a cron expression, a time
// span, or the setting that holds one.
func parseSchedule(text string, env settings) (schedule, error) {
	text, err := env.expand(text)
	if err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	if strings.Contains(text, ":") {
		step, err := parseTimeSpan(text)
		if err == nil && step <= 0 {
			err = fmt.Errorf("%q is no time at all", text)
		}
		if err != nil {
			return nil, fmt.Errorf("schedule: %w", err)
		}
		return interval(step), nil
	}
	parsed, err := parseCrontab(text)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", text, err)
	}
	return parsed, nil
}

// isFrequent reports whether a schedule has two occurrences within the next
// minute, or a step below one: the host does not remember when such a timer fired
// last, whatever useMonitor says (TimerSchedule of azure-webjobs-sdk-extensions).
func isFrequent(s schedule, now time.Time) bool {
	if step, ok := s.(interval); ok {
		return time.Duration(step) < time.Minute
	}
	return s.next(s.next(now)).Before(now.Add(time.Minute))
}
