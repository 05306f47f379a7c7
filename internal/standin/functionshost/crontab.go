package functionshost

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// crontab is an NCRONTAB expression: second, minute, hour, day of the month,
// month, day of the week (0 is Sunday). Unlike in Unix's cron a time must fit
// both the day of the month and the day of the week, and there are no @daily,
// L or 7 (NCrontab, CrontabSchedule.cs).
type crontab struct {
	seconds, minutes, hours, days, months, weekdays set
}

// set holds numbers up to 63.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

// crontabField is one field of an expression.
type crontabField struct {
	name     string
	min, max int
	names    []string // of min, min+1, …; nil: the values have none
	values   *set
}

func (c *crontab) fields() []crontabField {
	months := []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays := []string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	return []crontabField{
		{"second", 0, 59, nil, &c.seconds},
		{"minute", 0, 59, nil, &c.minutes},
		{"hour", 0, 23, nil, &c.hours},
		{"day", 1, 31, nil, &c.days},
		{"month", 1, 12, months, &c.months},
		{"day of the week", 0, 6, weekdays, &c.weekdays},
	}
}

// parseCrontab reads an expression of six fields, or of five, to which the host
// adds the second 0.
func parseCrontab(expression string) (*crontab, error) {
	texts := strings.Fields(expression)
	if len(texts) == 5 {
		texts = append([]string{"0"}, texts...)
	}
	parsed := &crontab{}
	fields := parsed.fields()
	if len(texts) != len(fields) {
		return nil, errors.New("a cron expression has six fields, or five without seconds")
	}
	for i, field := range fields {
		for element := range strings.SplitSeq(texts[i], ",") {
			if err := field.add(element); err != nil {
				return nil, fmt.Errorf("%s %q: %w", field.name, texts[i], err)
			}
		}
	}
	if parsed.next(time.Unix(0, 0)).IsZero() {
		return nil, errors.New("no day ever fits it")
	}
	return parsed, nil
}

// add reads one element of a list: *, a value, or a range, each with or without
// a step. A value with a step runs from there to the field's end.
func (f *crontabField) add(element string) error {
	element, stepText, stepped := strings.Cut(element, "/")
	step := 1
	if stepped {
		parsed, err := strconv.Atoi(stepText)
		if err != nil || parsed < 1 {
			return fmt.Errorf("%q is not a step", stepText)
		}
		step = parsed
	}
	first, last, err := f.span(element, stepped)
	if err != nil {
		return err
	}
	for n := first; n <= last; n += step {
		*f.values |= 1 << n
	}
	return nil
}

func (f *crontabField) span(element string, stepped bool) (first, last int, err error) {
	if element == "*" {
		return f.min, f.max, nil
	}
	from, to, ranged := strings.Cut(element, "-")
	if first, err = f.value(from); err != nil {
		return 0, 0, err
	}
	switch {
	case ranged:
		if last, err = f.value(to); err != nil {
			return 0, 0, err
		}
	case stepped:
		last = f.max
	default:
		last = first
	}
	if first > last {
		// The host swaps the two, so that 22-2 is not the night but the day.
		return 0, 0, fmt.Errorf("%q runs backwards", element)
	}
	return first, last, nil
}

// value reads a number or the beginning of a name. The host takes a single
// letter too, of which most stand for several names.
func (f *crontabField) value(text string) (int, error) {
	const shortest = 3
	for i, name := range f.names {
		if len(text) >= shortest && len(text) <= len(name) && strings.EqualFold(name[:len(text)], text) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || text[0] == '+' {
		return 0, fmt.Errorf("%q is not one of %d to %d", text, f.min, f.max)
	}
	return n, nil
}

// rarest is after how many days every expression has come true that ever does:
// 29 February falls on a given day of the week at least once in 40 years.
const rarest = 40*366 + 1

// next returns the first time after a given one that fits; zero: none does.
func (c *crontab) next(after time.Time) time.Time {
	from := after.UTC().Truncate(time.Second).Add(time.Second)
	year, month, date := from.Date()
	second := (from.Hour()*60+from.Minute())*60 + from.Second()
	for day := range rarest {
		midnight := time.Date(year, month, date+day, 0, 0, 0, 0, time.UTC)
		if c.months.has(int(midnight.Month())) && c.days.has(midnight.Day()) && c.weekdays.has(int(midnight.Weekday())) {
			if found := c.secondOfDay(second); found >= 0 {
				return midnight.Add(time.Duration(found) * time.Second)
			}
		}
		second = 0
	}
	return time.Time{}
}

// secondOfDay returns the first second of a day, not before from, that fits, or
// -1.
func (c *crontab) secondOfDay(from int) int {
	for second := from; second < 24*60*60; second++ {
		if c.hours.has(second/3600) && c.minutes.has(second/60%60) && c.seconds.has(second%60) {
			return second
		}
	}
	return -1
}

func (c *crontab) adjustsForDST() bool { return true }
