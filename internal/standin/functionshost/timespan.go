package functionshost

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// timeSpanPattern is .NET's constant format of a TimeSpan, [d.]hh:mm:ss[.fffffff].
var timeSpanPattern = regexp.MustCompile(`^(?:(\d{1,8})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?$`)

// parseTimeSpan reads a duration as host.json has them.
func parseTimeSpan(text string) (time.Duration, error) {
	parts := timeSpanPattern.FindStringSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a time span hh:mm:ss", text)
	}
	hours, minutes, seconds := number(parts[2]), number(parts[3]), number(parts[4])
	if hours > 23 || minutes > 59 || seconds > 59 {
		return 0, fmt.Errorf("%q is not a time span: hours end at 23, minutes and seconds at 59", text)
	}
	total := time.Duration(number(parts[1]))*24*time.Hour + time.Duration(hours)*time.Hour +
		time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second
	if fraction := parts[5]; fraction != "" {
		total += time.Duration(number((fraction + "000000000")[:9]))
	}
	return total, nil
}

// number reads digits that a pattern has found; none are 0.
func number(digits string) int {
	value, _ := strconv.Atoi(digits)
	return value
}
