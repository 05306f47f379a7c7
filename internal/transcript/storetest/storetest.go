// Package storetest is the behaviour that every store of conversations has,
// written as tests. Package filestore and package tablestore run the same suite.
package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/transcript"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Store is all that a store does.
type Store interface {
	transcript.Store
	transcript.Contents
	transcript.Archive
	transcript.Eraser
	// Ledger returns the ledger that is kept beside the conversations.
	Ledger() audit.Ledger
}

// Open opens an instance of the store under test. Each call opens another
// instance of the same underlying tables, as several processes would, and
// registers with t what it takes to close it. The tables need not be empty: each
// test uses an assistant of its own.
type Open func(t *testing.T) Store

// test is one thing that a store does.
type test struct {
	name string
	run  func(t *testing.T, s subject)
}

// Run holds the store to its whole contract. The subtests run one after the
// other, those of each part below a name of their own.
func Run(t *testing.T, open Open) {
	t.Helper()
	parts := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"storing", RunStore}, {"listing", RunArchive}, {"erasing", RunEraser}, {"auditing", RunLedger},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, open) })
	}
}

// RunStore holds the store to the contracts of [transcript.Store] and
// [transcript.Contents].
func RunStore(t *testing.T, open Open) {
	t.Helper()
	runAll(t, open, []test{
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
	})
}

// RunArchive holds the store to the contract of [transcript.Archive].
func RunArchive(t *testing.T, open Open) {
	t.Helper()
	runAll(t, open, []test{
		{"a list is newest first, within a day and across days", listIsNewestFirst},
		{"a conversation is listed as of its newest day", listedAsOfItsNewestDay},
		{"a list shows the last activities of days that lie in its span", listKeepsToItsSpan},
		{"a day's earlier activities leave nothing in the list", earlierActivitiesLeaveNothing},
		{"pages show each conversation once", pagesShowEachOnce},
		{"a page is no longer than its limit", pageKeepsToItsLimit},
		{"pages end although every row after them is outdated", pagesEndAfterOutdatedRows},
		{"what becomes active between pages hides nothing and does not repeat", activeBetweenPages},
		{"a mark shows nothing of the assistant it comes from", marksStayWithTheAssistant},
		{"conversations of any id are listed and read by their key", anyIDIsListedAndRead},
		{"writers at once leave one list", writersLeaveOneList},
		{"a conversation is that of its newest day", conversationIsTheNewestDay},
		{"what is no key names no conversation", whatIsNoKeyNamesNothing},
		{"an excerpt goes on where the last one ended", excerptsFollowEachOther},
		{"an excerpt keeps to its bytes, but holds one record", excerptKeepsToItsBytes},
		{"an excerpt stays within its conversation", excerptStaysWithinItsConversation},
		{"a context that has ended is an error", endedContextEndsReading},
	})
}

// RunEraser holds the store to the contract of [transcript.Eraser].
func RunEraser(t *testing.T, open Open) {
	t.Helper()
	runAll(t, open, []test{
		{"what is erased is in no reading", erasedIsInNoReading},
		{"erasing leaves everything else", erasingLeavesOthers},
		{"erasing again, or what is not there, does nothing", erasingNothing},
		{"a long conversation is erased whole", longConversationIsErased},
		{"an activity after the erasure makes the conversation visible", activityAfterErasure},
		{"a redelivery after the erasure makes the conversation visible", redeliveryAfterErasure},
		{"erasures at once of the same conversation all end well", erasuresAtOnce},
		{"an erasure among writers leaves nothing that no list shows", erasureAmongWriters},
		{"an erasure that was interrupted goes on", interruptedErasureGoesOn},
		{"a conversation that does not go on is erased as idle", idleIsErased},
		{"a conversation that goes on is not erased as idle", activeIsNotErasedAsIdle},
		{"what comes during an erasure as idle is found by every reading", activeAmongIdleErasures},
		{"without an erasure under way there is nothing to finish", nothingToFinish},
		{"a user has all conversations that name them", userHasConversations},
		{"everybody of a crowd has the conversation, until it is erased", crowdHasConversation},
		{"any user id has conversations of its own", anyUserIDIsFound},
		{"a user is erased everywhere", userIsErasedEverywhere},
		{"the last activity is the newest one's", lastActivityIsTheNewest},
		{"days expire when they have ended", daysExpire},
		{"expired days come in pages, newest first", expiredDaysComeInPages},
		{"a bookmark is kept for each assistant", bookmarkIsKept},
		{"a context that has ended is an error", endedContextEndsErasing},
	})
}

// RunLedger holds the store's ledger to the contract of [audit.Ledger].
func RunLedger(t *testing.T, open Open) {
	t.Helper()
	runAll(t, open, []test{
		{"every column of an entry comes back", everyColumnOfAnEntryComesBack},
		{"entries come newest first", entriesComeNewestFirst},
		{"pages of entries follow each other", entriesComeInPages},
		{"equal entries are kept each", equalEntriesAreKept},
		{"another assistant's entries stay out", entriesOfOthersStayOut},
		{"an entry that says nothing is refused", uselessEntriesAreRefused},
		{"what ends no page is refused", whatEndsNoPageIsRefused},
		{"entries outlive what they are about", entriesOutliveConversations},
		{"a context that has ended is an error", endedContextEndsAuditing},
	})
}

func runAll(t *testing.T, open Open, tests []test) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, subject{open: open, Store: open(t), assistant: newAssistant()})
		})
	}
}

// subject is the store under test and the assistant whose rows are this test's.
type subject struct {
	Store
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

func conversationsOf(t *testing.T, store Store, assistant string) []transcript.Conversation {
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
