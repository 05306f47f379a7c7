package functionshost

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestNextOccurrences(t *testing.T) {
	for name, test := range map[string]struct {
		schedule, after string
		want            []string
	}{
		"daily":                       {"0 17 2 * * *", "2026-03-01 02:16:59", []string{"2026-03-01 02:17:00", "2026-03-02 02:17:00"}},
		"the time itself is past":     {"0 17 2 * * *", "2026-03-01 02:17:00", []string{"2026-03-02 02:17:00"}},
		"every second":                {"* * * * * *", "2026-12-31 23:59:58", []string{"2026-12-31 23:59:59", "2027-01-01 00:00:00"}},
		"five fields have no seconds": {"*/15 * * * *", "2026-03-01 10:44:30", []string{"2026-03-01 10:45:00", "2026-03-01 11:00:00"}},
		"a list and a range":          {"0 0 6,18-20 * * *", "2026-03-01 06:00:00", []string{"2026-03-01 18:00:00", "2026-03-01 19:00:00", "2026-03-01 20:00:00", "2026-03-02 06:00:00"}},
		"a value with a step":         {"0 50/4 * * * *", "2026-03-01 10:53:00", []string{"2026-03-01 10:54:00", "2026-03-01 10:58:00", "2026-03-01 11:50:00"}},
		"names in any case":           {"0 0 0 1 feb,December *", "2026-03-01 00:00:00", []string{"2026-12-01 00:00:00", "2027-02-01 00:00:00"}},
		"a range of names":            {"0 0 9 * * Mon-Fri", "2026-11-20 09:00:00", []string{"2026-11-23 09:00:00"}},
		// Unix's cron would also fire on each Friday.
		"the day of the month and that of the week": {"0 0 0 13 * 5", "2026-03-01 00:00:00", []string{"2026-03-13 00:00:00", "2026-11-13 00:00:00"}},
		"the last day of February":                  {"0 0 0 29 2 *", "2026-03-01 00:00:00", []string{"2028-02-29 00:00:00"}},
		"once in 40 years":                          {"0 0 0 29 2 1", "2072-03-01 00:00:00", []string{"2112-02-29 00:00:00"}},
		"months without a 31st are passed over":     {"0 0 0 31 * *", "2026-03-31 00:00:00", []string{"2026-05-31 00:00:00"}},
		"a time span":                               {"00:00:30", "2026-03-01 00:00:10", []string{"2026-03-01 00:00:40", "2026-03-01 00:01:10"}},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseSchedule(test.schedule, nil)
			if err != nil {
				t.Fatal(err)
			}
			now := at(t, test.after)
			for _, want := range test.want {
				if now = parsed.next(now); !now.Equal(at(t, want)) {
					t.Fatalf("%s, want %s", now, want)
				}
			}
		})
	}
}

func TestSchedulesThatAreNone(t *testing.T) {
	for schedule, want := range map[string]string{
		"x":                "six fields",
		"* * * * * * *":    "six fields",
		"@daily":           "six fields",
		"60 * * * * *":     `"60" is not one of 0 to 59`,
		"0 0 24 * * *":     `"24" is not one of 0 to 23`,
		"0 0 0 0 * *":      `"0" is not one of 1 to 31`,
		"0 0 0 * 13 *":     "month",
		"0 0 0 * * 7":      `"7" is not one of 0 to 6`, // Sunday is 0
		"0 0 0 L * *":      `"L"`,
		"0 0 0 * J *":      `"J"`, // the host takes it for January
		"0 0 0 * Janx *":   `"Janx"`,
		"0 0 22-2 * * *":   "runs backwards", // the host takes it for 2-22
		"0 */0 * * * *":    `"0" is not a step`,
		"0 */x * * * *":    `"x" is not a step`,
		"0 -5 * * * *":     `""`,
		"0 +5 * * * *":     `"+5"`,
		"0 , * * * *":      `""`,
		"0 0 0 30 Feb *":   "no day ever fits",
		"00:00:00":         "no time at all",
		"24:00:00":         "not a time span", // of which .NET makes 24 days
		"%Nowhere%":        "setting Nowhere is missing",
		"%Empty%":          "setting Empty is missing",
		"%Wrong%":          "six fields",
		"0 0 %Hour% * * *": `"%Hour%"`, // only a whole expression is a setting's
	} {
		if _, err := parseSchedule(schedule, settings{"Empty": "", "Wrong": "soon", "Hour": "2"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", schedule, err, want)
		}
	}
}

func TestAScheduleMayBeASetting(t *testing.T) {
	parsed, err := parseSchedule("%PurgeSchedule%", settings{"PurgeSchedule": "0 0 4 * * *"})
	if err != nil {
		t.Fatal(err)
	}
	if next := parsed.next(at(t, "2026-03-01 00:00:00")); !next.Equal(at(t, "2026-03-01 04:00:00")) {
		t.Errorf("next: %s", next)
	}
}

// TestNextIsTheFirstSecondThatFits holds next against a search second by second.
func TestNextIsTheFirstSecondThatFits(t *testing.T) {
	field := func(lowest, highest int) *rapid.Generator[set] {
		return rapid.Custom(func(t *rapid.T) (values set) {
			for _, n := range rapid.SliceOfN(rapid.IntRange(lowest, highest), 1, 3).Draw(t, "values") {
				values |= 1 << n
			}
			return values
		})
	}
	const allDays, allMonths = 1<<32 - 2, 1<<13 - 2
	rapid.Check(t, func(t *rapid.T) {
		c := &crontab{
			seconds: field(0, 59).Draw(t, "seconds"), minutes: field(0, 59).Draw(t, "minutes"), hours: field(0, 23).Draw(t, "hours"),
			days: allDays, months: allMonths, weekdays: field(0, 6).Draw(t, "weekdays"),
		}
		after := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "after"), rapid.Int64Range(0, 1e9-1).Draw(t, "fraction")).UTC()
		want := after.Truncate(time.Second).Add(time.Second)
		for !c.fits(want) {
			want = want.Add(time.Second)
		}
		if got := c.next(after); !got.Equal(want) {
			t.Fatalf("after %s: %s, want %s", after, got, want)
		}
	})
}

func (c *crontab) fits(at time.Time) bool {
	return c.seconds.has(at.Second()) && c.minutes.has(at.Minute()) && c.hours.has(at.Hour()) &&
		c.days.has(at.Day()) && c.months.has(int(at.Month())) && c.weekdays.has(int(at.Weekday()))
}

// FuzzSchedule: what is accepted comes true, later than now.
func FuzzSchedule(f *testing.F) {
	for _, text := range []string{"0 17 2 * * *", "*/5 * * * *", "00:05:00", "%x%", "0 0 0 29 Feb Mon"} {
		f.Add(text)
	}
	now := time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC) // from where 29 February is farthest
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseSchedule(text, nil)
		if err == nil && !parsed.next(now).After(now) {
			t.Errorf("%q is next at %s", text, parsed.next(now))
		}
	})
}
