package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

// dayOf is a day of a conversation as Expired returns it, apart from the place.
func dayOf(conversation string, at time.Time) transcript.DayRow {
	return transcript.DayRow{Key: keyOf(conversation), Day: at.Truncate(day)}
}

func idleIsErased(t *testing.T, s subject) {
	kept := s.said(t, "kept", "1", noon(), "user")
	s.must(t, kept, s.said(t, "conversation", "1", noon(), "user"), s.said(t, "conversation", "2", noon().Add(3*day), "second"))
	for range 2 {
		if err := s.EraseIdle(t.Context(), s.assistant, dayOf("conversation", noon()), noon().Add(3*day+1)); err != nil {
			t.Errorf("EraseIdle: %v", err)
		}
		s.wantGone(t, "conversation", "user", "second")
	}
	for _, key := range notKeys(keyOf("kept")) {
		if err := s.EraseIdle(t.Context(), s.assistant, transcript.DayRow{Key: key, Day: midnight()}, noon().Add(9*day)); err != nil {
			t.Errorf("erasing %.40q: %v", key, err)
		}
	}
	s.wantWhole(t, kept)
}

func activeIsNotErasedAsIdle(t *testing.T, s subject) {
	records := []transcript.Record{s.said(t, "conversation", "1", noon(), "user"), s.said(t, "conversation", "2", noon().Add(3*day), "second")}
	s.must(t, records...)
	for _, before := range []time.Time{noon().Add(3 * day), noon().Add(day), noon(), midnight().Add(-day)} {
		if err := s.EraseIdle(t.Context(), s.assistant, dayOf("conversation", noon()), before); !errors.Is(err, transcript.ErrActive) {
			t.Errorf("EraseIdle before %v: %v", before, err)
		}
		s.wantWhole(t, records...)
		if keys := s.unfinished(t); len(keys) > 0 {
			t.Errorf("unfinished are %q", keys)
		}
	}
	s.erase(t, "conversation")
	s.wantGone(t, "conversation", "user", "second")
}

// Whoever writes while what is old is being erased finds their words, and is found
// by them. Older ones of the conversation may be gone.
func activeAmongIdleErasures(t *testing.T, s subject) {
	stores := []Store{s.Store, s.open(t)}
	before := noon().Add(time.Hour)
	for round := range 4 {
		conversation := fmt.Sprint("conversation ", round)
		s.must(t, s.said(t, conversation, "yesterday", noon().Add(-day), "user 0"), s.said(t, conversation, "today", noon(), "user 1"))
		var group sync.WaitGroup
		for eraser := range 2 {
			group.Go(func() {
				for range 3 {
					err := stores[eraser].EraseIdle(t.Context(), s.assistant, dayOf(conversation, noon()), before)
					if err != nil && !errors.Is(err, transcript.ErrActive) {
						t.Errorf("EraseIdle: %v", err)
					}
				}
			})
		}
		var fresh []transcript.Record
		for i := range 3 {
			fresh = append(fresh, s.said(t, conversation, fmt.Sprint("fresh ", i), before.Add(time.Duration(i)*9*time.Hour), fmt.Sprint("user ", i)))
		}
		for i := range fresh {
			group.Go(func() { subject{Store: stores[i%2], assistant: s.assistant}.must(t, fresh[i]) })
		}
		group.Wait()
		left := s.activities(t, conversation)
		if len(left) < len(fresh) {
			t.Fatalf("of %d fresh activities %d are left", len(fresh), len(left))
		}
		wantRecords(t, left[len(left)-len(fresh):], fresh)
		for i, at := 0, len(left)-len(fresh); i < len(fresh); i++ {
			left[at+i] = fresh[i] // which says who its user is
		}
		s.wantWhole(t, left...)
		s.erase(t, conversation)
		s.wantGone(t, conversation, "user 0", "user 1", "user 2")
	}
}

func nothingToFinish(t *testing.T, s subject) {
	record := s.said(t, "conversation", "1", noon(), "user")
	s.must(t, record)
	for _, key := range append(notKeys("conversation"), keyOf("conversation"), keyOf("another")) {
		if done, err := s.Finish(t.Context(), s.assistant, key); done || err != nil {
			t.Errorf("Finish(%.40q): %v, %v", key, done, err)
		}
	}
	s.wantWhole(t, record)
}
