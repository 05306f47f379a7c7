package tablestore

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// maxJournal is how many days a journal holds. It fits a property, of whose 32 K
// characters each takes 64 at the most; more days go by several journals.
const maxJournal = 100

// window is a day of a conversation, from its first to its last activity. Rows
// of table recent, also forgotten ones, lie in it.
type window struct {
	From, To time.Time
}

// widen makes the window hold a moment of its day.
func (w *window) widen(at time.Time) {
	if at.Before(w.From) {
		w.From = at
	}
	if at.After(w.To) {
		w.To = at
	}
}

// contains reports whether a moment lies between the first and the last
// activity.
func (w *window) contains(at time.Time) bool {
	return !at.Before(w.From) && !at.After(w.To)
}

// journal is a row of table erasures: the days of a conversation whose rows are
// being erased, in order. It is written before the first of them goes, since it
// is the activities that tell the days, and removed when all are gone.
type journal struct {
	days []window
	// before is where the activities begin that the erasure keeps; zero: none.
	before time.Time
	// etag is that of the row, or empty where there is none.
	etag azcore.ETag
	// isUnreadable is whether there is a row that tells neither the days nor the
	// bound. Its erasure can be made without the days: those that lost their
	// activities are in table users until all else of them is gone.
	isUnreadable bool
}

func journalKey(assistant, conversationKey string) tables.Key {
	return tables.Key{Partition: transcript.AssistantPart(assistant), Row: journalPrefix + conversationKey}
}

func (s *Store) readJournal(ctx context.Context, key tables.Key) (journal, error) {
	entity, etag, err := s.erasures.Get(ctx, key)
	if err != nil || etag == "" {
		return journal{}, err
	}
	found, err := decodeJournal(entity)
	found.etag, found.isUnreadable = etag, err != nil
	return found, nil
}

// writeJournal puts a journal in place of what was there, if that had its ETag.
// It returns what is there then: after a conflict another erasure's.
func (s *Store) writeJournal(ctx context.Context, key tables.Key, next journal) (journal, error) {
	entity := encodeJournal(key, &next)
	operation := s.erasures.Insert(key, entity)
	if next.etag != "" {
		operation = s.erasures.Replace(key, entity, next.etag)
	}
	etags, err := s.erasures.Commit(ctx, []tables.Operation{operation})
	if err != nil && !tables.IsConflict(err) {
		return journal{}, err
	}
	if len(etags) == 0 {
		return s.readJournal(ctx, key)
	}
	next.etag = etags[0]
	return next, nil
}

func encodeJournal(key tables.Key, j *journal) []byte {
	list := make([]string, len(j.days))
	for i, day := range j.days {
		list[i] = day.From.UTC().Format(time.RFC3339Nano) + "/" + day.To.UTC().Format(time.RFC3339Nano)
	}
	e := tables.NewEntity(key, 64*len(list))
	e.Text("Days", textOf(list))
	if !j.before.IsZero() {
		e.Text("Before", j.before.UTC().Format(time.RFC3339Nano))
	}
	return e.JSON()
}

func decodeJournal(entity []byte) (journal, error) {
	var row struct{ Days, Before string }
	var list []string
	if json.Unmarshal(entity, &row) != nil || json.Unmarshal([]byte(row.Days), &list) != nil {
		return journal{}, errRow
	}
	found := journal{days: make([]window, len(list))}
	for i, text := range list {
		var err error
		if found.days[i], err = parseWindow(text); err != nil {
			return journal{}, err
		}
	}
	if row.Before == "" {
		return found, nil
	}
	before, err := time.Parse(time.RFC3339Nano, row.Before)
	if err != nil {
		return journal{}, errRow
	}
	found.before = before.UTC()
	return found, nil
}

// parseWindow reads two moments of one day, the earlier first.
func parseWindow(text string) (window, error) {
	var day window
	const parts = 2
	moments := strings.SplitN(text, "/", parts)
	if len(moments) != parts {
		return window{}, errRow
	}
	for i, moment := range []*time.Time{&day.From, &day.To} {
		at, err := time.Parse(time.RFC3339Nano, moments[i])
		if err != nil {
			return window{}, errRow
		}
		*moment = at.UTC()
	}
	if day.To.Before(day.From) || !day.To.Before(nextDay(day.From)) {
		return window{}, errRow
	}
	return day, nil
}
