// Package tablestore keeps transcripts in Azure Table Storage or Azure Cosmos
// DB for Table, and beside them the audit of who read and erased them.
//
// Table messages holds a partition for each conversation and in it a row for
// each activity. Four tables are derived from it. Table conversations, the
// index, holds a partition for each assistant and day and in it a row for each
// conversation. Table recent holds the same rows under the time of the day's
// last activity, so that the newest come first. Table users says in which
// conversations a user took part, and which users and days a conversation has:
// by it an erasure finds rows of days that have no activities. Table erasures
// holds what an erasure has yet to remove while it is under way, and where the
// purge of old conversations stands. Table audit holds the entries of the ledger.
// All tables are created at the first write, and columns that would be empty are
// left out.
//
// Activities are upserted, so that a batch which is written again leaves the
// same rows. Rows of the index are changed under their ETag, because several
// instances write them at once: a [Store] remembers the rows that it wrote last
// and writes on the assumption that nobody else has changed them since. Only
// where the service finds that wrong are the rows read, merged and written again.
//
// Around a row of the index the others are kept in an order in which every
// interruption leaves something that readers can do with: users are entered
// first, then the row of table recent for the new last activity, then comes the
// row of the index, and at last the row of table recent for the former last
// activity goes. A conversation may thus have rows too many in table recent and
// never too few; readers tell the current one by the activities and the index.
//
// A user counts as entered for rows that the Store has entered them for itself,
// and that nobody else has changed since. What others wrote into the index tells
// nothing of table users: an erasure may have come between the two.
package tablestore

import (
	"context"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/audit"
	"chatgate/internal/endpoint"
	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// The names of the tables.
const (
	messagesTable      = "messages"
	conversationsTable = "conversations"
	recentTable        = "recent"
	usersTable         = "users"
	erasuresTable      = "erasures"
	auditTable         = "audit"
)

// DefaultParallelism is how many requests a Store has under way at most, where
// the options do not say otherwise.
const DefaultParallelism = tables.DefaultParallelism

// Options tunes a Store. The zero value is right for production.
type Options = tables.Options

// Store is a [transcript.Store], with its [transcript.Archive] and
// [transcript.Eraser], in the tables of one account. It is used by several
// goroutines, and several Stores may use the same tables, at once. Create it
// with [New] or [NewFromConnectionString].
type Store struct {
	messages    *tables.Table
	index       *tables.Table
	recent      *tables.Table
	users       *tables.Table
	erasures    *tables.Table
	audit       *tables.Table
	known       *knownRows
	seen        *seenActivities
	parallelism int
	// maxRowKey bounds row keys; 0: keys are made as long as the service takes.
	maxRowKey int
}

var (
	_ transcript.Store    = (*Store)(nil)
	_ transcript.Contents = (*Store)(nil)
	_ transcript.Archive  = (*Store)(nil)
	_ transcript.Eraser   = (*Store)(nil)
)

// New returns a Store at serviceURL, https://<account>.table.core.windows.net or
// the endpoint of a Cosmos DB for Table account, that signs in with cred. Nothing
// is sent before the first use. Options may be nil.
func New(serviceURL string, cred azcore.TokenCredential, options *Options) (*Store, error) {
	service, err := tables.NewService(serviceURL, cred, options)
	if err != nil {
		return nil, err
	}
	return newStore(service, serviceURL), nil
}

// NewFromConnectionString returns a Store in the account that a storage
// connection string names, UseDevelopmentStorage=true included. It is meant for
// development: such a string holds the account's key. Options may be nil.
func NewFromConnectionString(connection string, options *Options) (*Store, error) {
	service, err := tables.NewServiceFromConnectionString(connection, options)
	if err != nil {
		return nil, err
	}
	return newStore(service, connection), nil
}

func newStore(service *tables.Service, account string) *Store {
	s := &Store{
		messages:    service.Table(messagesTable),
		index:       service.Table(conversationsTable),
		recent:      service.Table(recentTable),
		users:       service.Table(usersTable),
		erasures:    service.Table(erasuresTable),
		audit:       service.Table(auditTable),
		known:       newKnownRows(knownBytes),
		seen:        new(seenActivities),
		parallelism: service.Parallelism(),
	}
	if endpoint.IsCosmos(account) {
		s.maxRowKey = maxCosmosRowKey
	}
	return s
}

// Ledger returns the ledger in the same account.
func (s *Store) Ledger() audit.Ledger { return ledger{s.audit} }

// maxErasures is how often a Put stores activities again that were erased before
// the index knew them. Each time means an erasure of its own.
const maxErasures = 10

var errErased = errors.New("the activities were erased again and again while they were stored")

// Put stores records and brings the index up to date; see [transcript.Store].
// The rows of messages come first and those of the index after them, and only
// for conversations of which every row was stored: whatever the index shows
// is there, and what it misses comes again with the redelivery. Where an erasure
// comes in between, and removes activities that the index then shows, they are
// stored once more.
//
// Refused are records that the service calls too large, and those of which a row
// key is too long for it. Errors are described by
// [tables.Error] and hold neither addresses nor stored text.
func (s *Store) Put(ctx context.Context, records []transcript.Record) ([]transcript.Refusal, error) {
	records, refused := s.fitting(records)
	for erasures := range maxErasures {
		if err := giveWay(ctx, erasures); err != nil {
			return refused, err
		}
		more, erased, err := s.put(ctx, records)
		refused = append(refused, more...)
		if err != nil || len(erased) == 0 {
			return refused, err
		}
		records = recordsIn(records, erased)
	}
	return refused, errErased
}

// giveWay waits a little before activities are stored again, longer each time, so
// that the erasure finds none and ends.
func giveWay(ctx context.Context, erasures int) error {
	if erasures == 0 {
		return nil
	}
	return pause(ctx, erasures)
}

// put stores records and enters them into the index. It returns the partitions
// of table messages whose activities were erased in between.
func (s *Store) put(ctx context.Context, records []transcript.Record) ([]transcript.Refusal, map[string]bool, error) {
	before := s.known.now()
	writes := groupByConversation(records)
	failure := s.writeConversations(ctx, writes)

	var refused []transcript.Refusal
	for _, write := range writes {
		refused = append(refused, write.refused...)
	}
	batches := s.planIndex(transcript.Summarize(storedRecords(records, writes)), storedETags(writes), before)
	erased, indexFailure := s.writeIndex(ctx, batches)
	return refused, erased, errors.Join(failure, indexFailure)
}

// newGroup returns a group whose size is bounded and in which one failure does
// not stop the others.
func (s *Store) newGroup() *errgroup.Group {
	group := new(errgroup.Group)
	group.SetLimit(s.parallelism)
	return group
}
