package tablestore

import (
	"context"
	"slices"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// eraseActivities removes the activities that lie in the windows of the journal.
// Those outside are new, and wait for the next journal.
func (e *erasure) eraseActivities(ctx context.Context) error {
	days := e.journal.days
	if len(days) == 0 {
		return nil
	}
	span := activitySpan{from: days[0].From, to: days[len(days)-1].To.Add(1), page: pageOfKeys}
	var few []string
	for activity, err := range e.store.activityKeys(ctx, e.assistant, e.key, span) {
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(days, func(day window) bool { return day.contains(activity.at) }) {
			continue
		}
		if few = append(few, activity.row); len(few) == tables.MaxOperations {
			if err := e.removeActivities(ctx, few); err != nil {
				return err
			}
			few = few[:0]
		}
	}
	return e.removeActivities(ctx, few)
}

func (e *erasure) removeActivities(ctx context.Context, rows []string) error {
	return e.store.messages.DeleteAll(ctx, transcript.KeyPartition(e.assistant, e.key), rows)
}
