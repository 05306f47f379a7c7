// Package audit records who did what with conversations: every reading and every
// erasure by a consultant, and what the purge of old conversations removed.
//
// A [Ledger] keeps the entries, newest first. Packages filestore and tablestore
// have one each, beside the conversations, and package storetest says what both
// do. Entries are only ever added: erasing a conversation leaves those about it.
package audit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"chatgate/internal/transcript"
)

// Action is what was done. The zero value is none, and no entry has it.
type Action string

// The actions. The names are what table audit holds.
const (
	// List: a page of an assistant's conversations was read.
	List Action = "list"
	// Read: a part of a conversation was read.
	Read Action = "read"
	// Export: a conversation was downloaded.
	Export Action = "export"
	// EraseConversation: a conversation was erased.
	EraseConversation Action = "erase_conversation"
	// EraseUser: all conversations of a user were erased.
	EraseUser Action = "erase_user"
	// ReadAudit: entries of the ledger were read.
	ReadAudit Action = "read_audit"
	// Purge: conversations past their retention were removed, by no person.
	Purge Action = "purge"
)

// IsValid reports whether a is one of the actions.
func (a Action) IsValid() bool {
	switch a {
	case List, Read, Export, EraseConversation, EraseUser, ReadAudit, Purge:
		return true
	default:
		return false
	}
}

// Entry is one row of table audit. Which of the fields an action has besides
// Assistant, Action and At is for those who record it.
type Entry struct {
	Assistant string
	// TenantID and ObjectID say who it was, by the claims tid and oid of the
	// token. They are empty where it was nobody.
	TenantID string
	ObjectID string
	Action   Action
	// ConversationKey and UserID say what it was done to.
	ConversationKey string
	UserID          string
	// Count is of how many: conversations on a page, activities of a reading.
	Count int
	// At is when, to the 100 nanoseconds that a date-time property holds.
	At           time.Time
	InvocationID string
}

// maxText is how many bytes the texts of an entry have together, so that a row
// holds them however they are encoded.
const maxText = 16 << 10

// Check returns what is wrong with an entry that a [Ledger] refuses: no
// assistant, no valid action, no time that a row key and a property hold, or
// more than 16 KiB of text.
func (e *Entry) Check() error {
	size := len(e.TenantID) + len(e.ObjectID) + len(e.ConversationKey) + len(e.UserID) + len(e.InvocationID)
	year := e.At.UTC().Year()
	switch {
	case e.Assistant == "":
		return errors.New("audit entry without an assistant")
	case !e.Action.IsValid():
		return fmt.Errorf("audit entry with action %.40q, which there is not", e.Action)
	case year < 1601 || year > 9999: // what a date-time property holds
		return errors.New("audit entry without a time that can be stored")
	case size > maxText:
		return fmt.Errorf("audit entry with %d bytes of text, more than %d", size, maxText)
	}
	return nil
}

// Ledger keeps entries. It is safe for use by several goroutines and processes
// at once.
type Ledger interface {
	// Append adds an entry, which is durable once Append has returned nil. Equal
	// entries are kept each. An entry that fails its Check is refused.
	Append(ctx context.Context, entry Entry) error

	// Page returns an assistant's entries, newest first, at most limit of them,
	// at least 1: those after the end of an earlier page, which is its Next, or
	// from the newest where after is empty. Text that is no such end is
	// [ErrNext].
	Page(ctx context.Context, assistant, after string, limit int) (Page, error)
}

// Page is a part of a ledger.
type Page struct {
	Entries []Entry
	// Next is the row key of the last entry, after which to go on; it is empty
	// where there are no more. It holds no assistant, so that it cannot point
	// into another one's entries.
	Next string
}

// ErrNext says that a text is not the Next of a [Page].
var ErrNext = errors.New("no end of a page of audit entries")

// NewKey returns a place in table audit for a new entry: each call another one.
// The partition is that of the assistant's day, and the row begins with the time
// reversed, so that the newest sorts first within and across days. Its form is
// that of table recent, with 128 random bits for the conversation.
func NewKey(entry *Entry) transcript.Key {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return transcript.Key{
		Partition: transcript.DayPartition(entry.Assistant, entry.At),
		Row:       transcript.RecentRow(entry.At, hex.EncodeToString(random[:])),
	}
}

// Range returns the bounds of an assistant's entries after the end of a page, as
// [transcript.RecentRange] does. It fails with [ErrNext].
func Range(assistant, after string) (from, to transcript.Key, err error) {
	var mark transcript.Mark
	if after != "" {
		at, random, ok := transcript.ParseRecentRow(after)
		if bits, err := hex.DecodeString(random); !ok || err != nil || len(bits) != 16 {
			return from, to, ErrNext
		}
		mark = transcript.NewMark(at, random)
	}
	from, to = transcript.RecentRange(assistant, transcript.Span{}, mark)
	return from, to, nil
}
