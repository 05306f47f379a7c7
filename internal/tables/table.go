package tables

import (
	"context"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// Key is the place of a row. Both parts hold only characters that keys may hold,
// and neither has quotes, which aztables doubles.
type Key struct {
	Partition string
	Row       string
}

// Table is one table of an account. It is safe for use by several goroutines.
// All its errors are described by [Error] or tell of the connection.
type Table struct {
	client *aztables.Client
	name   string
	// overhead is what an operation takes besides its entity and keys.
	overhead int
	slots    chan struct{}
}

// Commit applies operations, of different rows of one partition, all or none;
// see [CountFitting]. It returns the ETags of the rows, or none where the
// service did not tell them. A table that is missing is created.
//
// A single row goes in a transaction too: in other requests Azurite garbles
// characters that its network reads part.
func (t *Table) Commit(ctx context.Context, operations []Operation) ([]azcore.ETag, error) {
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

// CommitAll applies operations, of different rows of one partition, in as few
// transactions as their limits allow, and stops at the first that fails.
func (t *Table) CommitAll(ctx context.Context, operations []Operation) error {
	most := MaxOperations
	for len(operations) > 0 {
		count := CountFitting(operations, most)
		_, err := t.Commit(ctx, operations[:count])
		if IsTooLarge(err) && count > 1 { // Cosmos DB takes less than Table Storage
			most = count / 2
			continue
		}
		if err != nil {
			return err
		}
		operations = operations[count:]
	}
	return nil
}

func (t *Table) submit(ctx context.Context, operations []Operation) ([]azcore.ETag, error) {
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
func (t *Table) create(ctx context.Context) error {
	_, err := t.client.CreateTable(ctx, nil)
	if err = plain(err); HasCode(err, aztables.TableAlreadyExists) {
		return nil
	}
	return err
}

// Get reads a row. A row or table that does not exist has no ETag.
func (t *Table) Get(ctx context.Context, key Key) ([]byte, azcore.ETag, error) {
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

// Delete removes a row if it has etag, otherwise the error is a conflict (see
// [IsConflict]); without etag it removes any row. That there is none is fine.
func (t *Table) Delete(ctx context.Context, key Key, etag azcore.ETag) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.leave()
	if etag == "" {
		etag = azcore.ETagAny
	}
	_, err := t.client.DeleteEntity(ctx, key.Partition, key.Row, &aztables.DeleteEntityOptions{IfMatch: to.Ptr(etag)})
	if err = plain(err); isMissingRow(err) || isMissingTable(err) {
		return nil
	}
	return err
}

// DeleteAll removes rows of one partition, each named once, whether they are
// there or not, and stops at the first failure.
func (t *Table) DeleteAll(ctx context.Context, partition string, rows []string) error {
	operations := make([]Operation, len(rows))
	for i, row := range rows {
		operations[i] = t.Remove(Key{Partition: partition, Row: row}, "")
	}
	most := MaxOperations
	for len(operations) > 0 {
		count := CountFitting(operations, most)
		err := t.commitRemoval(ctx, operations[:count])
		switch {
		case err == nil:
			operations = operations[count:]
		case isMissingTable(err):
			return nil
		case isMissingRow(err) || IsTooLarge(err) && count > 1:
			operations, most = withoutMissing(operations, count, err)
		default:
			return err
		}
	}
	return nil
}

func (t *Table) commitRemoval(ctx context.Context, operations []Operation) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	defer t.leave()
	_, err := t.submit(ctx, operations)
	return err
}

// withoutMissing drops the row that was not there, for which the service refused
// a whole transaction of count rows, and says how many to take next. Where it
// did not tell the row, fewer at a time will show it.
func withoutMissing(operations []Operation, count int, err error) (rest []Operation, most int) {
	position := position(err)
	if count == 1 {
		position = 0
	}
	if IsTooLarge(err) || position < 0 || position >= count {
		return operations, count / 2
	}
	return slices.Delete(operations, position, position+1), MaxOperations
}

// enter waits until fewer requests are under way than may be.
func (t *Table) enter(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Table) leave() {
	<-t.slots
}
