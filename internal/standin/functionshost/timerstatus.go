package functionshost

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// timerStatus is what the host remembers of a timer; the handler is told it as
// ScheduleStatus.
type timerStatus struct {
	last    time.Time // zero: it never fired
	next    time.Time
	updated time.Time
}

// timerStatusText is a timerStatus as the host writes it.
type timerStatusText struct {
	Last        string
	Next        string
	LastUpdated string
}

// never is how .NET writes a time that is not set.
const never = "0001-01-01T00:00:00"

func (s timerStatus) text() timerStatusText {
	write := func(at time.Time) string {
		if at.IsZero() {
			return never
		}
		return at.UTC().Format(dateTimeOffset)
	}
	return timerStatusText{write(s.last), write(s.next), write(s.updated)}
}

func (t timerStatusText) status() (status timerStatus, err error) {
	for _, field := range []struct {
		text string
		at   *time.Time
	}{{t.Last, &status.last}, {t.Next, &status.next}, {t.LastUpdated, &status.updated}} {
		if field.text == never {
			continue
		}
		if *field.at, err = time.Parse(dateTimeOffset, field.text); err != nil {
			return timerStatus{}, fmt.Errorf("reading a time: %w", err)
		}
	}
	return status, nil
}

// monitor remembers the status of timers: in files, in place of the host's
// storage account, or, without a folder, until the host ends.
type monitor struct {
	folder string

	mu       sync.Mutex
	statuses map[string]timerStatus
}

func newMonitor(folder string) *monitor {
	return &monitor{folder: folder, statuses: map[string]timerStatus{}}
}

func (m *monitor) path(function string) string {
	return filepath.Join(m.folder, function+".json")
}

// load returns the status of a function's timer; false: there is none. One that
// cannot be read counts as none, as in the host.
func (m *monitor) load(function string) (timerStatus, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if status, known := m.statuses[function]; known || m.folder == "" {
		return status, known
	}
	content, err := os.ReadFile(m.path(function))
	if err != nil {
		return timerStatus{}, false
	}
	var text timerStatusText
	if json.Unmarshal(content, &text) != nil {
		return timerStatus{}, false
	}
	status, err := text.status()
	return status, err == nil
}

// save remembers a status. Its file is replaced as a whole, so that the end of
// the process leaves the one or the other.
func (m *monitor) save(function string, status timerStatus) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.statuses[function] = status
	if m.folder == "" {
		return nil
	}
	content, err := json.Marshal(status.text())
	if err != nil {
		return fmt.Errorf("writing a timer's status: %w", err)
	}
	if err := os.MkdirAll(m.folder, 0o700); err != nil {
		return fmt.Errorf("writing a timer's status: %w", err)
	}
	draft := m.path(function) + ".new"
	if err := os.WriteFile(draft, content, 0o600); err != nil {
		return fmt.Errorf("writing a timer's status: %w", err)
	}
	if err := os.Rename(draft, m.path(function)); err != nil {
		return fmt.Errorf("writing a timer's status: %w", err)
	}
	return nil
}

// pastDue reports whether an occurrence was missed while no host ran, and brings
// the status up to date: the first one is remembered at once, so that nothing is
// missed from now on, and one of another schedule is not taken for missed
// (ScheduleMonitor.CheckPastDueAsync of azure-webjobs-sdk-extensions).
func (s *timerStatus) pastDue(on schedule, known bool, now time.Time) bool {
	if !known {
		*s = timerStatus{next: on.next(now), updated: now}
		return false
	}
	since := s.last
	if since.IsZero() {
		since = s.updated
	}
	if expected := on.next(since); !s.next.Equal(expected) {
		if now.After(expected) {
			since, expected = now, on.next(now)
		}
		*s = timerStatus{next: expected, updated: since}
	}
	return now.After(s.next)
}
