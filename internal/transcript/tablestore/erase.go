package tablestore

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

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
	if !transcript.ValidKey(key) {
		return ctx.Err()
	}
	e := erasure{store: s, assistant: assistant, key: key}
	if err := e.run(ctx); err != nil {
		return fmt.Errorf("erasing a conversation: %w", err)
	}
	return nil
}

// erasure removes one conversation.
type erasure struct {
	store          *Store
	assistant, key string
	// removedUsers are the rows of table users that went with activities of the
	// journal at hand.
	removedUsers map[string]bool
}

// run erases the days that the journal names, then those on which there are
// activities, until there are none.
func (e *erasure) run(ctx context.Context) error {
	place := journalKey(e.assistant, e.key)
	current, err := e.store.readJournal(ctx, place)
	for erased := false; err == nil; {
		if len(current.days) > 0 {
			if err := e.eraseDays(ctx, current.days); err != nil {
				return err
			}
			erased = true
		}
		days, scanErr := e.activeDays(ctx)
		switch {
		case scanErr != nil:
			return scanErr
		case len(days) > 0:
			current, err = e.store.writeJournal(ctx, place, days, current.etag)
		case current.etag != "":
			current, err = e.close(ctx, place, current)
		case erased:
			return nil
		default:
			erased, err = true, e.sweep(ctx)
		}
	}
	return err
}

// close removes the journal. Where another erasure has changed it meanwhile, it
// returns the other's, to be done as well.
func (e *erasure) close(ctx context.Context, place tables.Key, done journal) (journal, error) {
	err := e.store.erasures.Delete(ctx, place, done.etag)
	if tables.IsConflict(err) {
		return e.store.readJournal(ctx, place)
	}
	return journal{}, err
}

// activeDays returns the first days on which there are activities.
func (e *erasure) activeDays(ctx context.Context) ([]window, error) {
	var days []window
	for activity, err := range e.store.activityKeys(ctx, e.assistant, e.key, activitySpan{page: pageOfKeys}) {
		if err != nil {
			return nil, err
		}
		if count := len(days); count > 0 && activity.at.Before(nextDay(days[count-1].From)) {
			days[count-1].widen(activity.at)
			continue
		}
		if len(days) == maxJournal {
			break
		}
		days = append(days, window{From: activity.at, To: activity.at})
	}
	return days, nil
}

// eraseDays removes the activities of days, and then what the other tables say
// of these days.
func (e *erasure) eraseDays(ctx context.Context, days []window) error {
	if err := e.eraseActivities(ctx, days); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(e.store.parallelism)
	for _, day := range days {
		group.Go(func() error { return e.eraseDay(ctx, day) })
	}
	return group.Wait()
}

// eraseDay removes a day of the index and what goes with it. The row of the
// index goes last, and only as it was when the others were removed: it says
// which users there are.
func (e *erasure) eraseDay(ctx context.Context, day window) error {
	place := transcript.Key{Partition: transcript.DayPartition(e.assistant, day.From), Row: e.key}
	for conflicts := 1; ; conflicts++ {
		row, err := e.store.readRow(ctx, e.assistant, place)
		if err != nil {
			return err
		}
		if row.etag != "" {
			day.widen(lastTime(&row.summary))
		}
		if err := e.eraseAround(ctx, &row.summary, day); err != nil || row.etag == "" {
			return err
		}
		err = e.store.index.Delete(ctx, tables.Key(place), row.etag)
		if !tables.IsConflict(err) || conflicts == maxConflicts {
			return err
		}
		if err := pause(ctx, conflicts); err != nil {
			return err
		}
	}
}

// manyUsers is from how many on a day's row may not name all of them.
const manyUsers = 64

// eraseAround removes a day's rows from the tables users and recent.
func (e *erasure) eraseAround(ctx context.Context, summary *transcript.DaySummary, day window) error {
	partition := transcript.UsersPartition(e.assistant)
	if err := e.store.users.DeleteAll(ctx, partition, summary.UserRows()); err != nil {
		return err
	}
	if len(summary.Users) >= manyUsers {
		if err := e.sweepUsers(ctx); err != nil {
			return err
		}
	}
	of := transcript.DayPartition(e.assistant, day.From)
	from := tables.Key{Partition: of, Row: transcript.RecentRow(day.To, e.key)}
	to := tables.Key{Partition: of, Row: transcript.RecentRow(day.From, e.key) + "-"}
	return e.removeFound(ctx, e.store.recent, from, to, e.byColumn())
}

// byColumn finds the rows of the conversation by the column with its key.
func (e *erasure) byColumn() tables.Query {
	query := keyQuery()
	query.Filter = keyColumn + " eq " + tables.Quote(e.key)
	return query
}

// sweepUsers removes the conversation's rows from table users, whoever they are
// of. The service goes through all of the assistant's.
func (e *erasure) sweepUsers(ctx context.Context) error {
	partition := transcript.UsersPartition(e.assistant)
	from, to := tables.Key{Partition: partition}, tables.Key{Partition: partition, Row: "~"}
	return e.removeFound(ctx, e.store.users, from, to, e.byColumn())
}

// sweep removes what the other tables say of a conversation that has no
// activities: what a Put left that did not come to its end. Nothing tells the
// days, so that the service goes through all of the assistant's.
func (e *erasure) sweep(ctx context.Context) error {
	if err := e.sweepUsers(ctx); err != nil {
		return err
	}
	first, last := transcript.DayRange(e.assistant)
	from, to := tables.Key{Partition: first}, tables.Key{Partition: last}
	if err := e.removeFound(ctx, e.store.recent, from, to, e.byColumn()); err != nil {
		return err
	}
	query := keyQuery()
	query.Filter = "RowKey eq " + tables.Quote(e.key)
	return e.removeFound(ctx, e.store.index, from, to, query)
}

// removeFound removes the rows of a table that a query finds between two keys.
func (e *erasure) removeFound(ctx context.Context, table *tables.Table, from, to tables.Key, query tables.Query) error {
	found := make(map[string][]string)
	for row, err := range tables.Decoded(table.Range(ctx, from, to, query), decodeKey) {
		if err != nil {
			return err
		}
		found[row.PartitionKey] = append(found[row.PartitionKey], row.RowKey)
	}
	for partition, rows := range found {
		if err := table.DeleteAll(ctx, partition, rows); err != nil {
			return err
		}
	}
	return nil
}

// isUser reports whether the sender of an activity is the user, as far as its
// columns tell.
func isUser(role, id string) bool {
	return id != "" && strings.EqualFold(role, "user") || strings.HasPrefix(id, "dl_")
}
