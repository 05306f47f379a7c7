package tablestore

import (
	"context"
	"time"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// counts reports whether a row of table recent, of the given moment, is where
// the conversation stands in the list.
//
// Rows whose writer did not come to remove them, or is about to, must not show;
// nor may the list lack a conversation because its newest activities are not in
// the index yet. So the row's activity has to be there, else the conversation
// was erased. If no activity follows it, it counts. Otherwise it depends on what
// the index knows of those that do.
func (l *listing) counts(ctx context.Context, key string, at time.Time) (bool, error) {
	activities, err := l.first(ctx, key, at, 2)
	switch {
	case err != nil || len(activities) == 0 || !activities[0].at.Equal(at):
		return false, err
	case len(activities) == 1:
		return true, nil
	}
	return l.outlasts(ctx, key, at, activities[1])
}

// outlasts reports whether a row counts although an activity follows. The day's
// row of the index must be of the same moment, and no later day have one in the
// span.
func (l *listing) outlasts(ctx context.Context, key string, at time.Time, following activityKey) (bool, error) {
	later := []activityKey{following}
	if following.at.Before(nextDay(at)) {
		last, found, err := l.lastOfDay(ctx, key, at)
		if err != nil || !found || !last.Equal(at) {
			return false, err
		}
		if later, err = l.first(ctx, key, nextDay(at), 1); err != nil {
			return false, err
		}
	}
	for len(later) > 0 {
		day := later[0].at
		last, found, err := l.lastOfDay(ctx, key, day)
		if err != nil || found && l.span.Contains(last) {
			return false, err
		}
		if later, err = l.first(ctx, key, nextDay(day), 1); err != nil {
			return false, err
		}
	}
	return l.isAhead(ctx, key, at)
}

// isAhead reports whether no row of table recent stands before that of the given
// moment for an activity that the index does not know. The only one that counts
// without the index is that of the very newest activity.
func (l *listing) isAhead(ctx context.Context, key string, at time.Time) (bool, error) {
	newest := at
	for activity, err := range l.store.activityKeys(ctx, l.assistant, key, activitySpan{from: at, to: l.end, page: pageOfKeys}) {
		if err != nil {
			return false, err
		}
		newest = activity.at
	}
	if newest.Equal(at) || !l.span.Contains(newest) {
		return true, nil
	}
	place := tables.Key{Partition: transcript.DayPartition(l.assistant, newest), Row: transcript.RecentRow(newest, key)}
	_, etag, err := l.store.recent.Get(ctx, place)
	return etag == "", err
}

// first returns the keys of a conversation's first activities since a moment,
// up to the end of the last day of the span.
func (l *listing) first(ctx context.Context, key string, since time.Time, count int) ([]activityKey, error) {
	if since.Year() > 9999 || !l.end.IsZero() && !since.Before(l.end) {
		return nil, nil
	}
	var activities []activityKey
	for activity, err := range l.store.activityKeys(ctx, l.assistant, key, activitySpan{from: since, to: l.end, page: count}) {
		if err != nil {
			return nil, err
		}
		if activities = append(activities, activity); len(activities) == count {
			break
		}
	}
	return activities, nil
}

// lastOfDay returns when the last activity of a day was, as far as the index
// knows.
func (l *listing) lastOfDay(ctx context.Context, key string, day time.Time) (last time.Time, found bool, err error) {
	row, err := l.store.readRow(ctx, l.assistant, transcript.Key{Partition: transcript.DayPartition(l.assistant, day), Row: key})
	if err != nil || row.etag == "" {
		return time.Time{}, false, err
	}
	return lastTime(&row.summary), true, nil
}
