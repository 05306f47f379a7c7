package tablestore

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/transcript"
)

// Limits of one transaction
// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
const (
	maxOperations = 100
	maxPayload    = 4 << 20
)

// operationOverhead is more than what aztables writes around an entity in a
// transaction apart from its address: boundary, request line, headers.
const operationOverhead = 600

// table is one table of the account.
type table struct {
	client *aztables.Client
	name   string
	// overhead is what an operation takes besides its entity and keys.
	overhead int
	// slots bounds the requests under way: it holds one element for each.
	slots chan struct{}
}

// newTable returns a table of a service. endpoint is at least as long as the
// service's address.
func newTable(service *aztables.ServiceClient, name, endpoint string, slots chan struct{}) *table {
	return &table{
		slots:    slots,
		client:   service.NewClient(name),
		name:     name,
		overhead: operationOverhead + len(endpoint) + len(name),
	}
}

// operation is one row of a transaction.
type operation struct {
	action aztables.TransactionAction
	// size is what it takes of the transaction's payload.
	size int
}

func (t *table) newOperation(kind aztables.TransactionType, key transcript.Key, entity []byte) operation {
	return operation{
		action: aztables.TransactionAction{ActionType: kind, Entity: entity},
		size:   t.overhead + len(key.Partition) + len(key.Row) + len(entity),
	}
}

// countFitting returns how many of operations go into one transaction: as many
// as its limits and most allow, at least one.
func countFitting(operations []operation, most int) int {
	size := operationOverhead // of the transaction's own headers and boundaries
	for i := range operations {
		size += operations[i].size
		if i > 0 && (i == most || size > maxPayload) {
			return i
		}
	}
	return len(operations)
}

// commit applies operations, of different rows of one partition, all or none.
// A single row goes in a transaction too: in other requests Azurite garbles
// characters that its network reads part.
// It returns the ETags of the rows, or none where the service did not tell
// them. A table that is missing is created.
func (t *table) commit(ctx context.Context, operations []operation) ([]azcore.ETag, error) {
	if err := t.enter(ctx); err != nil {
		return nil, err
	}
	defer t.leave()
	etags, err := t.submit(ctx, operations)
	if !isMissingTable(err) {
		return etags, err
	}
	if err := t.create(ctx); err != nil {
		return nil, err
	}
	return t.submit(ctx, operations)
}

func (t *table) submit(ctx context.Context, operations []operation) ([]azcore.ETag, error) {
	actions := make([]aztables.TransactionAction, len(operations))
	for i := range operations {
		actions[i] = operations[i].action
	}
	ctx, outcome := withOutcome(ctx)
	_, err := t.client.SubmitTransaction(ctx, actions, nil)
	switch {
	case outcome.failure != nil:
		return nil, outcome.failure
	case err != nil:
		return nil, plain(err)
	case len(outcome.etags) != len(actions):
		return nil, nil
	}
	return outcome.etags, nil
}

// create makes the table. That another writer made it first is fine.
func (t *table) create(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, nil)
	if err = plain(err); hasCode(err, aztables.TableAlreadyExists) {
		return nil
	}
	return err
}

// get reads a row. A row or table that does not exist has no ETag.
func (t *table) get(ctx context.Context, key transcript.Key) ([]byte, azcore.ETag, error) {
	if err := t.enter(ctx); err != nil {
		return nil, "", err
	}
	defer t.leave()
	row, err := t.client.GetEntity(ctx, key.Partition, key.Row, nil)
	if err = plain(err); isMissingRow(err) || isMissingTable(err) {
		return nil, "", nil
	}
	return row.Value, row.ETag, err
}

// enter waits until fewer requests are under way than may be.
func (t *table) enter(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *table) leave() {
	<-t.slots
}
