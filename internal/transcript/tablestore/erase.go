package tablestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// Erase removes every row of a conversation; see [transcript.Eraser].
//
// The activities go first and what the other tables say of their days after
// them: a Put that enters a row after that, for an activity which it stored
// before, looks for the activity and finds it gone. Both then begin again, the
// Put with storing it and the erasure with looking for activities, until it
// finds none.
func (s *Store) Erase(ctx context.Context, assistant, key string) error {
	e := &erasure{store: s, assistant: assistant, key: key}
	return explained(e.run(ctx))
}

// EraseIdle removes a conversation that does not go on; see [transcript.Eraser].
func (s *Store) EraseIdle(ctx context.Context, assistant string, day transcript.DayRow, before time.Time) error {
	e := &erasure{store: s, assistant: assistant, key: day.Key, before: before}
	e.day = transcript.DayPartition(assistant, day.Day)
	return explained(e.run(ctx))
}

// Finish goes on with an interrupted erasure; see [transcript.Eraser]. Where the
// journal does not tell what is to be kept, all activities that are left are.
func (s *Store) Finish(ctx context.Context, assistant, key string) (done bool, err error) {
	if !transcript.ValidKey(key) {
		return false, ctx.Err()
	}
	found, err := s.readJournal(ctx, journalKey(assistant, key))
	if err != nil || found.etag == "" {
		return false, explained(err)
	}
	e := &erasure{store: s, assistant: assistant, key: key, before: found.before, journal: found}
	if found.isUnreadable {
		e.before = time.Time{}.Add(1) // no activity is older
	}
	err = e.goOn(ctx, survey{})
	if errors.Is(err, transcript.ErrActive) {
		return false, nil
	}
	return err == nil, explained(err)
}

func explained(err error) error {
	if err == nil || errors.Is(err, transcript.ErrActive) {
		return err
	}
	return fmt.Errorf("erasing a conversation: %w", err)
}

// erasure removes one conversation.
type erasure struct {
	store          *Store
	assistant, key string
	// before is where the activities begin that are kept, and with them the
	// conversation; zero: nothing is kept.
	before time.Time
	// day is a partition of table conversations that may have a row of the
	// conversation although nothing else leads there; it may be empty.
	day string
	// journal is the one in the table when it was last read or written.
	journal journal
}

// run begins an erasure, or goes on with one that was interrupted.
func (e *erasure) run(ctx context.Context) error {
	if !transcript.ValidKey(e.key) {
		return ctx.Err()
	}
	found, err := e.store.readJournal(ctx, journalKey(e.assistant, e.key))
	if err != nil {
		return err
	}
	if found.etag != "" {
		return e.takeOver(ctx, found)
	}
	left, err := e.survey(ctx, nil)
	if err != nil {
		return err
	}
	if e.goesOn(&left) {
		return transcript.ErrActive
	}
	if err := e.advance(ctx, left.days); err != nil {
		return err
	}
	return e.goOn(ctx, left)
}

// takeOver goes on with the journal of another erasure. Whoever goes on after
// this one shall keep no more than this one does.
func (e *erasure) takeOver(ctx context.Context, found journal) error {
	e.resume(found)
	if e.before.IsZero() && !found.before.IsZero() {
		if err := e.advance(ctx, found.days); err != nil {
			return err
		}
	}
	return e.goOn(ctx, survey{})
}

// resume takes a journal for the one in the table. Where that keeps nothing, this
// erasure does not either. One that cannot be read is replaced by this erasure's.
func (e *erasure) resume(found journal) {
	if found.isUnreadable {
		found.before = e.before
	}
	e.journal = found
	if found.etag != "" && found.before.IsZero() {
		e.before = time.Time{}
	}
}

// goOn erases the days that the journal names, then those on which there are
// activities, until there are none that may be erased: a day that lost some of
// them would have a row that says what is gone. left is what there was before the
// journal was written, as far as that is known.
func (e *erasure) goOn(ctx context.Context, left survey) error {
	for {
		if err := e.eraseActivities(ctx); err != nil {
			return err
		}
		var err error
		if left, err = e.eraseRows(ctx, left); err != nil {
			return err
		}
		days := left.days
		if e.goesOn(&left) {
			days = nil
		}
		if err := e.advance(ctx, days); err != nil {
			return err
		}
		switch {
		case len(days) > 0 || e.journal.etag != "": // there is more, perhaps of another erasure
		case e.goesOn(&left):
			return transcript.ErrActive
		default:
			return nil
		}
	}
}

// goesOn reports whether there are activities that are to be kept.
func (e *erasure) goesOn(left *survey) bool {
	return !e.before.IsZero() && len(left.days) > 0 && !left.last.Before(e.before)
}

// advance puts a journal of these days in place of the one that is done; without
// days there is none any more. Where another erasure has changed it meanwhile,
// the other's is what has to be done next.
func (e *erasure) advance(ctx context.Context, days []window) error {
	place := journalKey(e.assistant, e.key)
	switch {
	case len(days) > 0:
		next, err := e.store.writeJournal(ctx, place, journal{days: days, before: e.before, etag: e.journal.etag})
		e.resume(next)
		return err
	case e.journal.etag == "":
		return nil
	}
	err := e.store.erasures.Delete(ctx, place, e.journal.etag)
	if tables.IsConflict(err) {
		next, err := e.store.readJournal(ctx, place)
		e.resume(next)
		return err
	}
	e.journal = journal{}
	return err
}

// survey is what activities a conversation has.
type survey struct {
	// days are the first days on which there are any, as many as a journal holds.
	days []window
	// active are all of these days, as partitions of table conversations.
	active map[string]bool
	// last is when the last activity was.
	last time.Time
}

// survey looks for activities. Of the rows of table recent that were found
// before, it notes which have their activity.
func (e *erasure) survey(ctx context.Context, found []*dayRows) (survey, error) {
	moments := make(map[time.Time]*recentFound)
	for _, day := range found {
		for _, row := range day.recent {
			moments[row.at] = row
		}
	}
	left := survey{active: make(map[string]bool)}
	var end time.Time // of the day at hand
	for activity, err := range e.store.activityKeys(ctx, e.assistant, e.key, activitySpan{page: pageOfKeys}) {
		if err != nil {
			return survey{}, err
		}
		left.last = activity.at
		if row := moments[activity.at]; row != nil {
			row.isCurrent = true
		}
		if isNew := !activity.at.Before(end); isNew {
			end = nextDay(activity.at)
			left.active[transcript.DayPartition(e.assistant, activity.at)] = true
			if len(left.days) < maxJournal {
				left.days = append(left.days, window{From: activity.at, To: activity.at})
			}
			continue
		}
		if newest := &left.days[len(left.days)-1]; activity.at.Before(nextDay(newest.From)) {
			newest.widen(activity.at)
		}
	}
	return left, nil
}
