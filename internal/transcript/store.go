package transcript

import (
	"context"
	"iter"
)

// Store keeps what a [Recorder] makes of activities. Its implementations live in
// packages tablestore (Azure Tables and Cosmos DB for Table) and filestore (one
// machine). They are an [Archive], an [Eraser] and [Contents] too, and are held
// to the same behaviour by package storetest. A Store is used by several
// goroutines, and its tables by several processes, at once.
type Store interface {
	// Put stores records and brings the index of conversations up to date. It
	// may be called any number of times with the same records, in any order
	// and grouping, and leaves the same rows.
	//
	// A nil error means that every record is durable, apart from the refused
	// ones: records that the store will never accept, which the caller sets
	// aside. After an error any part of the records may have been stored, and
	// the caller puts all of them again. One partition's failure does not keep
	// the others from being stored.
	Put(ctx context.Context, records []Record) (refused []Refusal, err error)
}

// Contents are all that a [Store] holds, for those who look at a store itself:
// the local pages, and tests. What they cost grows with what there is.
type Contents interface {
	// Activities yields a conversation's records in the order of their row
	// keys. It stops after the first error. A conversation that does not exist
	// has no records.
	Activities(ctx context.Context, assistant, conversationID string) iter.Seq2[Record, error]

	// Conversations yields an assistant's rows of table conversations, newest
	// day first. It stops after the first error.
	Conversations(ctx context.Context, assistant string) iter.Seq2[Conversation, error]
}

// Refusal is a record that a store can never accept, and why. The cause is shown
// to the people who look after messages that were set aside: it holds nothing of
// the record's content.
type Refusal struct {
	Record Record
	Cause  error
}
