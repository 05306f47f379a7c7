package tablestore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// Bounds of what a page of conversations costs.
const (
	// candidatesPerItem is how many rows of table recent a page looks at for each
	// conversation that it may hold. Those of days that a newer day outdates take
	// no place on the page.
	candidatesPerItem = 3
	// checksAtOnce is how many of them it checks at the same time.
	checksAtOnce = 16
)

// Recent returns a page of conversations; see [transcript.Archive]. It reads
// table recent in order and asks of each row whether it is the one that counts.
func (s *Store) Recent(ctx context.Context, assistant string, span transcript.Span, after transcript.Mark, limit int) (transcript.Listing, error) {
	limit = max(limit, 1)
	l := &listing{store: s, assistant: assistant, span: span, end: endOfDay(span.To), limit: limit}
	next, stop := iter.Pull2(l.candidates(ctx, after))
	defer stop()
	for places := limit; places > 0; places = l.places() {
		few, err := take(next, places)
		if err != nil {
			return transcript.Listing{}, err
		}
		if len(few) == 0 {
			return l.page, nil
		}
		if err := l.add(ctx, few); err != nil {
			return transcript.Listing{}, err
		}
	}
	_, err, more := next()
	l.page.More = more
	return l.page, err
}

// listing is a page of conversations under construction.
type listing struct {
	store     *Store
	assistant string
	span      transcript.Span
	// end is the midnight after the last day of the span, or zero.
	end    time.Time
	limit  int
	looked int
	page   transcript.Listing
}

// endOfDay returns the midnight at which the day ends that contains the last
// moment before to.
func endOfDay(to time.Time) time.Time {
	if to.IsZero() {
		return to
	}
	return nextDay(to.Add(-1))
}

// nextDay returns the midnight (UTC) that follows a moment.
func nextDay(at time.Time) time.Time {
	year, month, day := at.UTC().Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC)
}

// candidates yields the rows of table recent in the span and after the mark. The
// first query asks for one row more than a page holds, so that most pages take
// no second one.
func (l *listing) candidates(ctx context.Context, after transcript.Mark) iter.Seq2[transcript.DaySummary, error] {
	from, to := transcript.RecentRange(l.assistant, l.span, after)
	rows := l.store.recent.Range(ctx, tables.Key(from), tables.Key(to), tables.Query{Page: min(l.limit+1, pageOfConversations)})
	return tables.Decoded(rows, decodeFrom(recentTable, func(entity []byte) (transcript.DaySummary, error) {
		return decodeRecent(l.assistant, entity)
	}))
}

// places is how many candidates to look at next.
func (l *listing) places() int {
	return min(l.limit-len(l.page.Items), candidatesPerItem*l.limit-l.looked)
}

// take returns the next candidates, at most count of them.
func take(next func() (transcript.DaySummary, error, bool), count int) ([]transcript.DaySummary, error) {
	var few []transcript.DaySummary
	for len(few) < count {
		candidate, err, more := next()
		if err != nil || !more {
			return few, err
		}
		few = append(few, candidate)
	}
	return few, nil
}

// add puts those of the candidates onto the page that count.
func (l *listing) add(ctx context.Context, few []transcript.DaySummary) error {
	l.looked += len(few)
	counts := make([]bool, len(few))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checksAtOnce)
	for i := range few {
		group.Go(func() (err error) {
			counts[i], err = l.counts(ctx, few[i].Key.Row, lastTime(&few[i]))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("looking whether a conversation has newer activities: %w", err)
	}
	for i := range few {
		key := few[i].Key.Row
		l.page.Next = transcript.NewMark(lastTime(&few[i]), key)
		if counts[i] {
			l.page.Items = append(l.page.Items, transcript.Listed{Key: key, Conversation: few[i].Conversation})
		}
	}
	return nil
}
