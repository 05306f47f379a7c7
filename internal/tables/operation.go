package tables

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// Limits of one transaction
// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions).
const (
	// MaxOperations is how many rows a transaction changes at most.
	MaxOperations = 100
	// maxPayload is how many bytes it takes at most.
	maxPayload = 4 << 20
)

// operationOverhead is more than what aztables writes around an entity in a
// transaction apart from its address: boundary, request line, headers.
const operationOverhead = 600

// Operation is one row of a transaction, made by a [Table] for itself.
type Operation struct {
	action aztables.TransactionAction
	// size is what it takes of the transaction's payload.
	size int
}

// Upsert puts a row in place of whatever is there. The entity holds the same
// key; see [NewEntity].
func (t *Table) Upsert(key Key, entity []byte) Operation {
	return t.operation(aztables.TransactionTypeInsertReplace, key, entity)
}

// Insert adds a row that is not there yet; see [IsConflict].
func (t *Table) Insert(key Key, entity []byte) Operation {
	return t.operation(aztables.TransactionTypeAdd, key, entity)
}

// Replace puts a row in place of the one that had etag, and of no other; see
// [IsConflict].
func (t *Table) Replace(key Key, entity []byte, etag azcore.ETag) Operation {
	replace := t.operation(aztables.TransactionTypeUpdateReplace, key, entity)
	replace.action.IfMatch = to.Ptr(etag)
	return replace
}

// Remove removes a row if it has etag; see [IsConflict]. Without etag it removes
// any row; that there is none is a conflict as well.
func (t *Table) Remove(key Key, etag azcore.ETag) Operation {
	remove := t.operation(aztables.TransactionTypeDelete, key, NewEntity(key, 0).JSON())
	if etag != "" {
		remove.action.IfMatch = to.Ptr(etag)
	}
	return remove
}

func (t *Table) operation(kind aztables.TransactionType, key Key, entity []byte) Operation {
	return Operation{
		action: aztables.TransactionAction{ActionType: kind, Entity: entity},
		size:   t.overhead + len(key.Partition) + len(key.Row) + len(entity),
	}
}

// CountFitting returns how many of operations go into one transaction: as many
// as its limits and most allow, at least one.
func CountFitting(operations []Operation, most int) int {
	size := operationOverhead // of the transaction's own headers and boundaries
	for i := range operations {
		size += operations[i].size
		if i > 0 && (i >= most || size > maxPayload) {
			return i
		}
	}
	return len(operations)
}
