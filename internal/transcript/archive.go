package transcript

import (
	"context"
	"errors"
	"strings"
	"time"
)

// ErrNoConversation says that an assistant has no conversation with that key:
// there never was one, or it was erased, or the key is no [ValidKey].
var ErrNoConversation = errors.New("no such conversation")

// ErrActive says that a conversation was not erased because it goes on.
var ErrActive = errors.New("the conversation goes on")

// Archive is what a [Store] lets the service desk read. Conversations go by
// their key, [ConversationRow] of the id. An Archive is safe for use by several
// goroutines, and while others store and erase.
type Archive interface {
	// Recent returns a page of an assistant's conversations, the newest first
	// and each once.
	//
	// A conversation counts with its last activity of each day (UTC). In the
	// list it stands at the newest of these that lies in the span; without one it
	// is not in the list. A span that ends within a day thus leaves that day of
	// a conversation out where its last activity came later. Conversations with
	// an activity at the same moment come in the order of their keys.
	//
	// A page holds at most limit conversations, at least 1, from the mark on. It
	// may hold fewer, even none, and still have others after it: only
	// Listing.More tells. Pages that are read one after the other hold each
	// conversation once. One that is active meanwhile moves to the front, which
	// pages already read do not show; it neither comes twice nor keeps another
	// one out.
	//
	// What a page costs does not grow with the number of conversations, except
	// in a store meant for development.
	Recent(ctx context.Context, assistant string, span Span, after Mark, limit int) (Listing, error)

	// Conversation returns what is known of a conversation on its newest day, or
	// [ErrNoConversation].
	Conversation(ctx context.Context, assistant, key string) (Conversation, error)

	// Excerpt returns a part of a conversation's records, in the order of their
	// row keys. A conversation that does not exist has no records.
	Excerpt(ctx context.Context, assistant, key string, part Part) (Excerpt, error)
}

// Part says which part of a conversation to read.
type Part struct {
	// After is the Next of the excerpt before, or empty: from the first record.
	// No other text leads out of the conversation, and [RowTime] tells whether
	// one can be a Next.
	After string
	// Limit is how many records to read at most; less than 1 counts as 1.
	Limit int
	// MaxBytes is how many bytes of activities these have together at most. One
	// is read whatever its size.
	MaxBytes int
}

// Listed is a conversation in the list, as of the day that counts.
type Listed struct {
	// Key names the conversation to an [Archive] and an [Eraser].
	Key string
	Conversation
}

// Listing is a page of conversations.
type Listing struct {
	Items []Listed
	// Next is where the page ended, and More whether there may be others after
	// it. Without More, Next says nothing.
	Next Mark
	More bool
}

// Excerpt is a part of a conversation. Its records lack User and Compressed.
type Excerpt struct {
	Records []Record
	// Next is the row key of the last record, after which to go on; it is empty
	// where the conversation ends.
	Next string
}

// Eraser is what a [Store] lets the service desk and the purge of old
// conversations erase. It is safe for use by several goroutines, and while
// others store, read and erase the same.
type Eraser interface {
	// Erase removes every row of a conversation, other tables' included, and
	// also what the index still says where the activities are gone. It is nil
	// once all of that is done, and where there is nothing to erase.
	//
	// An erasure that an error, or the end of the process, interrupted goes on
	// with the next Erase of the same conversation; see Unfinished. Activities
	// that are stored while it runs, or afterwards, are erased or make the
	// conversation visible again: none stays that no list shows.
	//
	// What it costs grows with the conversation, and not with how many others
	// there are, except in a store meant for development.
	Erase(ctx context.Context, assistant, key string) error

	// EraseIdle erases the conversation of a day that Expired returned, unless one
	// of its activities is of the given moment or later: then it returns
	// [ErrActive]. None of those is erased, nor hidden from any reading, whenever
	// it is stored; where one comes while the erasure is under way, older
	// activities may be gone. An interrupted EraseIdle goes on in this way too.
	EraseIdle(ctx context.Context, assistant string, day DayRow, before time.Time) error

	// Finish goes on with an erasure that is among the Unfinished, as it began,
	// and reports whether the conversation is erased by that. It is not, and there
	// is no error, where there is no such erasure any more, and where one by
	// EraseIdle ends because the conversation goes on. Where it cannot be told how
	// it began, activities that are left are kept, so that nothing keeps the
	// erasures of others from their end.
	Finish(ctx context.Context, assistant, key string) (done bool, err error)

	// UserConversations returns the keys of the conversations in which a user
	// took part, as the user of some activity, each once and in the order of keys.
	UserConversations(ctx context.Context, assistant, userID string) ([]string, error)

	// Unfinished returns the keys of conversations whose erasure began and did
	// not end, in the order of keys. One that another process is at counts.
	Unfinished(ctx context.Context, assistant string) ([]string, error)

	// Expired returns days of conversations that had ended by the given moment,
	// at most limit of them, at least 1. They come in the order of partitions,
	// newest day first, and of rows, after the place of an earlier one, or from
	// the first where that is empty or no place of the assistant's.
	Expired(ctx context.Context, assistant string, before time.Time, after string, limit int) ([]DayRow, error)

	// LastActivity returns when a conversation's newest activity was, to the
	// nanosecond as its row key says, or [ErrNoConversation].
	LastActivity(ctx context.Context, assistant, key string) (time.Time, error)

	// Bookmark returns the place that SetBookmark kept for the assistant, which
	// outlives the process; empty where there is none. An empty place removes
	// it.
	Bookmark(ctx context.Context, assistant string) (place string, err error)
	SetBookmark(ctx context.Context, assistant, place string) error
}

// DayRow is a day (UTC) on which a conversation was active.
type DayRow struct {
	// Key names the conversation.
	Key string
	// Day is the midnight with which the day begins.
	Day time.Time
	// Place is where the row stands among those that Expired returns; a
	// [DayPlace].
	Place string
}

// placeMark parts partition and row in a place. It is part of neither.
const placeMark = "/"

// DayPlace returns the place of a row of table conversations in the order of
// partitions and rows.
func DayPlace(day Key) string {
	return day.Partition + placeMark + day.Row
}

// ParseDayPlace returns the row that stands at a place of the assistant's. It
// fails for any other text, and for places of other assistants.
func ParseDayPlace(assistant, place string) (day Key, ok bool) {
	partition, row, found := strings.Cut(place, placeMark)
	from, to := DayRange(assistant)
	within := from <= partition && partition < to
	return Key{Partition: partition, Row: row}, found && within && ValidKey(row)
}
