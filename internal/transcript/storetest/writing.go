package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/transcript"
)

func puttingNothing(t *testing.T, s subject) {
	s.must(t)
	if got := s.conversations(t); len(got) > 0 {
		t.Errorf("%d conversations came from nothing", len(got))
	}
}

// dialogue is a conversation over three days between a user and a bot.
func (s subject) dialogue(t *testing.T, conversation string, turns int) []transcript.Record {
	t.Helper()
	var records []transcript.Record
	for i := range turns {
		at := noon().Add(time.Duration(i) * 72 * time.Hour / time.Duration(turns))
		record := s.record(t, conversation, fmt.Sprint("turn ", i), at, fmt.Sprint("said ", i))
		if i%2 == 0 {
			record.User = transcript.Party{ID: "dl_user", Certainty: transcript.UserByID}
		}
		if i%3 == 0 {
			record.User = transcript.Party{ID: "user", Name: fmt.Sprint("name ", i), Certainty: transcript.UserByRole}
		}
		records = append(records, record)
	}
	return records
}

func groupingMakesNoDifference(t *testing.T, s subject) {
	const seed = 20261121
	random := rand.New(rand.NewPCG(seed, seed))
	clean := s.dialogue(t, "conversation", 24)
	s.must(t, clean...)
	wantRows, wantIndex := s.activities(t, "conversation"), s.conversations(t)
	wantRecords(t, wantRows, clean)

	for range 4 {
		other := subject{Store: s.Store, assistant: newAssistant()}
		records := other.dialogue(t, "conversation", 24)
		records = append(records, records[:12]...)
		random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		for len(records) > 0 {
			group := 1 + random.IntN(len(records))
			other.must(t, distinct(records[:group])...)
			records = records[group:]
		}
		rows, index := other.activities(t, "conversation"), other.conversations(t)
		for i := range rows {
			rows[i].Assistant = s.assistant
			rows[i].Key = transcript.NewKey(s.assistant, "conversation", rows[i].ActivityID, rows[i].SentAt)
		}
		for i := range index {
			index[i].Assistant = s.assistant
		}
		wantRecords(t, rows, wantRows)
		wantConversations(t, index, wantIndex)
	}
}

// distinct drops repeated keys: Put gets each row once, from the Recorder.
func distinct(records []transcript.Record) []transcript.Record {
	seen := make(map[transcript.Key]bool)
	return slices.DeleteFunc(slices.Clone(records), func(r transcript.Record) bool {
		repeated := seen[r.Key]
		seen[r.Key] = true
		return repeated
	})
}

func changedContentReplaces(t *testing.T, s subject) {
	before := s.record(t, "conversation", "id", noon(), "before")
	setActivity(t, &before, activityOf(3*transcript.MaxProperty))
	after := s.record(t, "conversation", "id", noon(), "after")
	for _, next := range []transcript.Record{before, after, before} {
		s.must(t, next)
		wantRecords(t, s.activities(t, "conversation"), []transcript.Record{next})
		if rows := s.conversations(t); len(rows) != 1 || rows[0].LastText != next.Text {
			t.Errorf("the index says %v, want %s", rows, next.Text)
		}
	}
}

func moreRowsThanABatch(t *testing.T, s subject) {
	records := s.dialogue(t, "conversation", 250)
	s.must(t, records...)
	wantRecords(t, s.activities(t, "conversation"), records)
}

func moreBytesThanABatch(t *testing.T, s subject) {
	large := s.record(t, "conversation", "large", noon(), "")
	setActivity(t, &large, activityOf(600<<10))
	var records []transcript.Record
	for i := range 9 {
		record := s.record(t, "conversation", strconv.Itoa(i), noon().Add(time.Duration(i)*time.Second), "")
		record.Activity, record.Compressed = large.Activity, large.Compressed
		records = append(records, record)
	}
	s.must(t, records...)
	wantRecords(t, s.activities(t, "conversation"), records)
}

func manyConversations(t *testing.T, s subject) {
	const conversations = 120 // more than a batch holds: the index has them in one partition
	var records []transcript.Record
	for i := range conversations {
		records = append(records, s.dialogue(t, fmt.Sprint("conversation ", i), 2)...)
	}
	s.must(t, records...)
	days := make(map[string]int)
	for _, row := range s.conversations(t) {
		days[row.ConversationID]++
	}
	for i := range conversations {
		name := fmt.Sprint("conversation ", i)
		wantRecords(t, s.activities(t, name), records[2*i:2*i+2])
		if days[name] != 2 {
			t.Errorf("%s has %d rows in the index, want one for each of 2 days", name, days[name])
		}
	}
}

func longTexts(t *testing.T, s subject) {
	text := strings.Repeat("話", transcript.MaxProperty/2)
	var records []transcript.Record
	for i := range 50 { // 96 KB each in UTF-8
		records = append(records, s.record(t, strconv.Itoa(i), "1", noon(), text))
	}
	s.must(t, records...)
	rows := s.conversations(t)
	if len(rows) != len(records) {
		t.Errorf("%d conversations, want %d", len(rows), len(records))
	}
	for i := range rows {
		if rows[i].LastText != text {
			t.Errorf("the last text of %s came back as %d bytes", rows[i].ConversationID, len(rows[i].LastText))
		}
	}
}

func surestUserIsShown(t *testing.T, s subject) {
	claims := []transcript.Party{
		{ID: "dl_newest", Name: "Newest", Certainty: transcript.UserByID},
		{},
		{ID: "user", Certainty: transcript.UserByRole},
		{ID: "user", Name: "Named", Certainty: transcript.UserByRole},
	}
	for i, claim := range claims {
		record := s.record(t, "conversation", strconv.Itoa(i), noon().Add(-time.Duration(i)*time.Minute), "")
		record.User = claim
		s.must(t, record)
	}
	rows := s.conversations(t)
	if len(rows) != 1 || rows[0].UserID != "user" || rows[0].UserName != "Named" || !rows[0].LastActivityAt.Equal(noon()) {
		t.Errorf("the index says %+v, want user Named, last active at noon", rows)
	}
}

func writersConverge(t *testing.T, s subject) {
	records := s.dialogue(t, "conversation", 30)
	stores := []Store{s.Store, s.open(t)}
	var writers sync.WaitGroup
	for writer := range 6 {
		writers.Go(func() {
			mine := subject{Store: stores[writer%len(stores)], assistant: s.assistant}
			for i := range records {
				if i%3 == writer%3 { // two writers for each record: one redelivers
					mine.must(t, records[i])
				}
			}
		})
	}
	writers.Wait()

	wantRecords(t, s.activities(t, "conversation"), records)
	alone := subject{Store: s.Store, assistant: newAssistant()}
	alone.must(t, alone.dialogue(t, "conversation", 30)...)
	want := alone.conversations(t)
	for i := range want {
		want[i].Assistant = s.assistant
	}
	wantConversations(t, s.conversations(t), want)
}

func lastActivityNeverGoesBack(t *testing.T, s subject) {
	var records []transcript.Record
	for i := range 30 {
		records = append(records, s.record(t, "conversation", strconv.Itoa(i), noon().Add(time.Duration(i)*time.Second), ""))
	}
	s.must(t, records[10])
	other := subject{Store: s.open(t), assistant: s.assistant}
	done := make(chan struct{})
	var writers, reader sync.WaitGroup
	writers.Go(func() {
		for i := range records {
			s.must(t, records[i])
		}
	})
	writers.Go(func() {
		for i := range records {
			other.must(t, records[len(records)-1-i])
		}
	})
	reader.Go(func() { watchForward(t, other, done) })
	writers.Wait()
	close(done)
	reader.Wait()
	if rows := s.conversations(t); len(rows) != 1 || !rows[0].LastActivityAt.Equal(records[29].SentAt) {
		t.Errorf("the index says %+v, want the newest activity", rows)
	}
}

// watchForward reads the index until done and sees that time only goes forward.
func watchForward(t *testing.T, s subject, done <-chan struct{}) {
	var newest time.Time
	for {
		for _, row := range s.conversations(t) {
			if row.LastActivityAt.Before(newest) {
				t.Errorf("LastActivityAt went back from %v to %v", newest, row.LastActivityAt)
			}
			newest = row.LastActivityAt
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
