// Package tablestore keeps transcripts in Azure Table Storage or Azure Cosmos
// DB for Table.
//
// Table messages holds a partition for each conversation and in it a row for
// each activity; table conversations, the index, holds a partition for each
// assistant and day and in it a row for each conversation. Columns that would
// be empty are left out. Both tables are created at the first write.
//
// Activities are upserted, so that a batch which is written again leaves the
// same rows. Rows of the index are changed under their ETag, because several
// instances write them at once: a [Store] remembers the rows that it wrote last
// and writes on the assumption that nobody else has changed them since. Only
// where the service finds that wrong are the rows read, merged and written again.
package tablestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/transcript"
)

// The names of the tables.
const (
	messagesTable      = "messages"
	conversationsTable = "conversations"
)

// DefaultParallelism is how many requests of Puts a Store has under way at most,
// where the options do not say otherwise. More do not make it faster.
const DefaultParallelism = 8

// Options tunes a Store. The zero value is right for production.
type Options struct {
	// ClientOptions is the pipeline under the client. Fields of Retry and the
	// Transport that are not set get this package's defaults; bodies are never
	// logged, whatever Logging says.
	policy.ClientOptions

	// Parallelism bounds the requests that all Puts of the Store together have
	// under way; 0 means [DefaultParallelism].
	Parallelism int
}

// Store is a [transcript.Store] in two tables of one account. It is used by
// several goroutines, and several Stores may use the same tables, at once.
// Create it with [New] or [NewFromConnectionString].
type Store struct {
	messages    *table
	index       *table
	known       *knownRows
	parallelism int
}

var _ transcript.Store = (*Store)(nil)

// New returns a Store at serviceURL, https://<account>.table.core.windows.net or
// the endpoint of a Cosmos DB for Table account, that signs in with cred. Nothing
// is sent before the first use. Options may be nil.
func New(serviceURL string, cred azcore.TokenCredential, options *Options) (*Store, error) {
	client, err := aztables.NewServiceClient(serviceURL, cred, options.client())
	if err != nil {
		return nil, fmt.Errorf("making the client of the table service: %w", err)
	}
	return newStore(client, serviceURL, options), nil
}

// NewFromConnectionString returns a Store in the account that a storage
// connection string names, UseDevelopmentStorage=true included. It is meant for
// development: such a string holds the account's key. Options may be nil.
func NewFromConnectionString(connection string, options *Options) (*Store, error) {
	connection, err := explicit(connection)
	if err != nil {
		return nil, err
	}
	client, err := aztables.NewServiceClientFromConnectionString(connection, options.client())
	if err != nil {
		// The client's own error may quote the string.
		return nil, errConnection
	}
	return newStore(client, connection, options), nil
}

func newStore(client *aztables.ServiceClient, endpoint string, options *Options) *Store {
	parallelism := DefaultParallelism
	if options != nil && options.Parallelism > 0 {
		parallelism = options.Parallelism
	}
	slots := make(chan struct{}, parallelism)
	return &Store{
		messages:    newTable(client, messagesTable, endpoint, slots),
		index:       newTable(client, conversationsTable, endpoint, slots),
		known:       newKnownRows(knownBytes),
		parallelism: parallelism,
	}
}

// Put stores records and brings the index up to date; see [transcript.Store].
// The rows of messages come first and those of the index after them, and only
// for conversations of which every row was stored: whatever the index shows
// is there, and what it misses comes again with the redelivery.
//
// Refused are records that the service calls too large. Errors are described by
// [Error] and hold neither addresses nor stored text.
func (s *Store) Put(ctx context.Context, records []transcript.Record) ([]transcript.Refusal, error) {
	writes := groupByConversation(records)
	failure := s.writeConversations(ctx, writes)

	var refused []transcript.Refusal
	for _, write := range writes {
		refused = append(refused, write.refused...)
	}
	indexFailure := s.writeIndex(ctx, transcript.Summarize(storedRecords(records, writes)))
	return refused, errors.Join(failure, indexFailure)
}

// newGroup returns a group whose size is bounded and in which one failure does
// not stop the others.
func (s *Store) newGroup() *errgroup.Group {
	group := new(errgroup.Group)
	group.SetLimit(s.parallelism)
	return group
}
