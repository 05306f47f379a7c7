package retention_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/audit"
	"chatgate/internal/retention"
	"chatgate/internal/transcript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	bank = "bankx"
	day  = 24 * time.Hour
)

// now is the clock of the tests.
func now() time.Time { return time.Date(2026, 11, 21, 2, 17, 0, 0, time.UTC) }

// ago is a moment so many days and hours before now.
func ago(days, hours int) time.Time {
	return now().AddDate(0, 0, -days).Add(-time.Duration(hours) * time.Hour)
}

// store is an Eraser in memory, whose erasures are made of as many steps as in
// tables. Before each step a test may have its say.
type store struct {
	mu         sync.Mutex
	assistants map[string]*tables
	// step is asked before each, by several goroutines at once; nil: nobody is.
	step func(ctx context.Context, name, assistant, key string) error
}

// tables are those of one assistant.
type tables struct {
	messages map[string][]time.Time       // times of activities by conversation
	index    map[string]transcript.DayRow // days by place
	journal  map[string]struct{}          // erasures under way
	goingOn  map[string]bool              // conversations that Finish keeps, since they go on
	bookmark string
}

func newStore() *store { return &store{assistants: map[string]*tables{}} }

func (s *store) of(assistant string) *tables {
	if s.assistants[assistant] == nil {
		s.assistants[assistant] = &tables{
			messages: map[string][]time.Time{}, index: map[string]transcript.DayRow{}, journal: map[string]struct{}{}, goingOn: map[string]bool{},
		}
	}
	return s.assistants[assistant]
}

// put stores activities of a conversation.
func (s *store) put(assistant, key string, times ...time.Time) {
	of := s.of(assistant)
	for _, at := range times {
		of.messages[key] = append(of.messages[key], at)
		place := transcript.DayPlace(transcript.Key{Partition: transcript.DayPartition(assistant, at), Row: key})
		of.index[place] = transcript.DayRow{Key: key, Day: at.Truncate(day), Place: place}
	}
}

// keys are the conversations of which anything is left, in order.
func (s *store) keys(assistant string) []string {
	of := s.of(assistant)
	left := slices.Collect(maps.Keys(of.messages))
	for _, row := range of.index {
		left = append(left, row.Key)
	}
	left = slices.AppendSeq(left, maps.Keys(of.journal))
	slices.Sort(left)
	return slices.Compact(left)
}

// take asks the test, and then does one step.
func (s *store) take(ctx context.Context, name, assistant, key string, do func(*tables)) error {
	if s.step != nil {
		if err := s.step(ctx, name, assistant, key); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	do(s.of(assistant))
	return nil
}

// The steps of an erasure, in order.
var erasing = []string{"journal", "index", "messages", "done"}

// Finish is an erasure with other words, of a conversation that does not go on:
// who interrupted it is no matter here.
func (s *store) Finish(ctx context.Context, assistant, key string) (done bool, err error) {
	isThere, goesOn := false, false
	err = s.take(ctx, "look", assistant, key, func(of *tables) {
		_, isThere = of.journal[key]
		if goesOn = of.goingOn[key]; goesOn {
			delete(of.journal, key)
		}
	})
	if err != nil || !isThere || goesOn {
		return false, err
	}
	err = s.erase(ctx, assistant, key)
	return err == nil, err
}

func (s *store) Erase(context.Context, string, string) error {
	return errors.New("an erasure without a bound erases what comes meanwhile")
}

// EraseIdle looks at the activities after the first step.
func (s *store) EraseIdle(ctx context.Context, assistant string, row transcript.DayRow, before time.Time) error {
	isActive := false
	err := s.take(ctx, "look", assistant, row.Key, func(of *tables) {
		isActive = slices.ContainsFunc(of.messages[row.Key], func(at time.Time) bool { return !at.Before(before) })
	})
	if isActive {
		return transcript.ErrActive
	}
	if err != nil {
		return err
	}
	return s.erase(ctx, assistant, row.Key)
}

func (s *store) erase(ctx context.Context, assistant, key string) error {
	for _, name := range erasing {
		err := s.take(ctx, name, assistant, key, func(of *tables) {
			switch name {
			case "journal":
				of.journal[key] = struct{}{}
			case "index":
				maps.DeleteFunc(of.index, func(_ string, row transcript.DayRow) bool { return row.Key == key })
			case "messages":
				delete(of.messages, key)
			case "done":
				delete(of.journal, key)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *store) UserConversations(context.Context, string, string) ([]string, error) {
	return nil, errors.New("nobody asks for users")
}

func (s *store) Unfinished(ctx context.Context, assistant string) (keys []string, err error) {
	err = s.take(ctx, "unfinished", assistant, "", func(of *tables) { keys = slices.Sorted(maps.Keys(of.journal)) })
	return keys, err
}

func (s *store) Expired(ctx context.Context, assistant string, before time.Time, after string, limit int) (rows []transcript.DayRow, err error) {
	if _, ok := transcript.ParseDayPlace(assistant, after); !ok && after != "" {
		return nil, errors.New("this is no place of this assistant's")
	}
	err = s.take(ctx, "expired", assistant, "", func(of *tables) {
		for _, row := range of.index {
			if !row.Day.Add(day).After(before) && row.Place > after {
				rows = append(rows, row)
			}
		}
		slices.SortFunc(rows, func(a, b transcript.DayRow) int { return cmp.Compare(a.Place, b.Place) })
		rows = rows[:min(len(rows), limit)]
	})
	return rows, err
}

func (s *store) LastActivity(ctx context.Context, assistant, key string) (last time.Time, err error) {
	err = s.take(ctx, "last", assistant, key, func(of *tables) {
		for _, at := range of.messages[key] {
			if at.After(last) {
				last = at
			}
		}
	})
	if err == nil && last.IsZero() {
		err = transcript.ErrNoConversation
	}
	return last, err
}

func (s *store) Bookmark(ctx context.Context, assistant string) (place string, err error) {
	err = s.take(ctx, "bookmark", assistant, "", func(of *tables) { place = of.bookmark })
	return place, err
}

func (s *store) SetBookmark(ctx context.Context, assistant, place string) error {
	return s.take(ctx, "set bookmark", assistant, "", func(of *tables) { of.bookmark = place })
}

// ledger keeps entries.
type ledger struct {
	mu      sync.Mutex
	entries []audit.Entry
	failure error
}

func (l *ledger) Append(ctx context.Context, entry audit.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := cmp.Or(ctx.Err(), l.failure, entry.Check()); err != nil {
		return err
	}
	l.entries = append(l.entries, entry)
	return nil
}

func (l *ledger) Page(context.Context, string, string, int) (audit.Page, error) {
	return audit.Page{}, errors.New("nobody reads")
}

// recorded is how many conversations the ledger says were erased.
func (l *ledger) recorded() (count int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entry := range l.entries {
		count += entry.Count
	}
	return count
}

// world is a Purger and what it works on.
type world struct {
	*store
	ledger  *ledger
	options retention.Options
}

func newWorld(days int, assistants ...string) *world {
	w := &world{store: newStore(), ledger: &ledger{}}
	if assistants == nil {
		assistants = []string{bank}
	}
	w.options = retention.Options{Assistants: assistants, Days: days, Eraser: w.store, Ledger: w.ledger, Now: now}
	return w
}

// run is one run that may end by nothing but itself.
func (w *world) run(t *testing.T) (retention.Report, error) {
	t.Helper()
	return retention.New(w.options).Run(t.Context(), "invocation")
}

// runs makes so many runs, of which none fails.
func (w *world) runs(t *testing.T, n int) (last retention.Report) {
	t.Helper()
	for range n {
		report, err := w.run(t)
		if err != nil {
			t.Fatal(err)
		}
		last = report
	}
	return last
}

// wantKeys checks which conversations of an assistant are left.
func (w *world) wantKeys(t *testing.T, assistant string, keys ...string) {
	t.Helper()
	if left := w.keys(assistant); !slices.Equal(left, keys) {
		t.Errorf("of %s is left %q, want %q", assistant, left, keys)
	}
}

// counting counts the steps of each name, and the keys that each was about.
func (w *world) counting() (steps map[string]int, keys map[string]map[string]int) {
	steps, keys = map[string]int{}, map[string]map[string]int{}
	var mu sync.Mutex
	w.step = func(_ context.Context, step, _, key string) error {
		mu.Lock()
		defer mu.Unlock()
		steps[step]++
		if keys[step] == nil {
			keys[step] = map[string]int{}
		}
		keys[step][key]++
		return nil
	}
	return steps, keys
}

// failing fails the steps of one name for conversations whose keys begin so.
func failing(name, key string, cause error) func(context.Context, string, string, string) error {
	return func(_ context.Context, step, _, of string) error {
		if step == name && strings.HasPrefix(of, key) {
			return cause
		}
		return nil
	}
}
