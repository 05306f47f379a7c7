// Package storetest is the behaviour that every [transcript.Store] has, written
// as tests. Package filestore and package tablestore run the same suite.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"chatgate/internal/transcript"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Open opens an instance of the store under test. Each call opens another
// instance of the same underlying tables, as several processes would, and
// registers with t what it takes to close it. The tables need not be empty: each
// test uses an assistant of its own.
type Open func(t *testing.T) transcript.Store

// Run holds the store to its contract. The subtests run one after the other.
func Run(t *testing.T, open Open) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, s subject)
	}{
		{"every column comes back", everyColumnComesBack},
		{"an activity comes back byte for byte", activityComesBackByteForByte},
		{"any id is kept and found", anyIDIsKeptAndFound},
		{"ids that differ in letter case stay apart", lettersCaseCounts},
		{"activities come in the order of time", activitiesComeInOrder},
		{"an unknown conversation has no records", unknownConversationIsEmpty},
		{"putting nothing does nothing", puttingNothing},
		{"order, grouping and repetition make no difference", groupingMakesNoDifference},
		{"changed content replaces the row", changedContentReplaces},
		{"more rows than a batch holds", moreRowsThanABatch},
		{"more bytes than a batch holds", moreBytesThanABatch},
		{"many conversations at once", manyConversations},
		{"more text in the index than a batch holds", longTexts},
		{"conversations come newest day first", conversationsNewestFirst},
		{"another assistant's conversations stay out", assistantsStayApart},
		{"the surest user is shown", surestUserIsShown},
		{"writers at once leave one outcome", writersConverge},
		{"a last activity never goes back", lastActivityNeverGoesBack},
		{"a reader may stop early and write while reading", readerStopsEarly},
		{"a context that has ended is an error", endedContextIsAnError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, subject{open: open, Store: open(t), assistant: newAssistant()})
		})
	}
}

// subject is the store under test and the assistant whose rows are this test's.
type subject struct {
	transcript.Store
	open      Open
	assistant string
}

// newAssistant returns an id that no other test uses.
func newAssistant() string {
	var random [15]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return strings.ToLower(base32.StdEncoding.EncodeToString(random[:]))
}

// must stores records and expects that the store takes all of them.
func (s subject) must(t *testing.T, records ...transcript.Record) {
	t.Helper()
	refused, err := s.Put(t.Context(), records)
	if err != nil {
		t.Errorf("Put: %v", err) // not Fatalf: writers run in goroutines of their own
	}
	for i := range refused {
		t.Errorf("Put refused %s: %v", refused[i].Record.Key.Row, refused[i].Cause)
	}
}

// activities reads a conversation to its end.
func (s subject) activities(t *testing.T, conversation string) []transcript.Record {
	t.Helper()
	var records []transcript.Record
	for record, err := range s.Activities(t.Context(), s.assistant, conversation) {
		if err != nil {
			t.Fatalf("Activities(%q): %v", conversation, err)
		}
		records = append(records, record)
	}
	return records
}

// conversations reads the assistant's index to its end.
func (s subject) conversations(t *testing.T) []transcript.Conversation {
	t.Helper()
	return conversationsOf(t, s.Store, s.assistant)
}

func conversationsOf(t *testing.T, store transcript.Store, assistant string) []transcript.Conversation {
	t.Helper()
	var rows []transcript.Conversation
	for row, err := range store.Conversations(context.WithoutCancel(t.Context()), assistant) {
		if err != nil {
			t.Errorf("Conversations: %v", err)
			return rows
		}
		rows = append(rows, row)
	}
	return rows
}

// wantRecords compares what was read with what was put. User and Compressed are
// not columns of table messages: a store need not return them. Activities are
// compared on their own, since cmp would go through them byte by byte.
func wantRecords(t *testing.T, got, want []transcript.Record) {
	t.Helper()
	columns := cmpopts.IgnoreFields(transcript.Record{}, "User", "Compressed", "Activity")
	if diff := cmp.Diff(want, got, columns, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
		return
	}
	for i := range want {
		if !bytes.Equal(got[i].Activity, want[i].Activity) {
			t.Errorf("the activity %q of %d bytes came back as %d other bytes", want[i].ActivityID, len(want[i].Activity), len(got[i].Activity))
		}
	}
}

func wantConversations(t *testing.T, got, want []transcript.Conversation) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("conversations (-want +got):\n%s", diff)
	}
}

// noon is when the conversations of these tests take place.
func noon() time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
}
