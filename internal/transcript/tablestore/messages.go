package tablestore

import (
	"context"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/transcript"
)

// conversationWrite is what one Put has for one partition of table messages,
// and what became of it.
type conversationWrite struct {
	records []*transcript.Record
	refused []transcript.Refusal
	err     error
}

// groupByConversation returns the records of each partition, in the order in
// which the partitions first appear. Of records with the same key the last is
// kept, since a transaction takes a row once only.
func groupByConversation(records []transcript.Record) []*conversationWrite {
	var writes []*conversationWrite
	partitions := make(map[string]*conversationWrite)
	places := make(map[transcript.Key]int, len(records))
	for i := range records {
		record := &records[i]
		write := partitions[record.Key.Partition]
		if write == nil {
			write = new(conversationWrite)
			partitions[record.Key.Partition] = write
			writes = append(writes, write)
		}
		if place, repeated := places[record.Key]; repeated {
			write.records[place] = record
			continue
		}
		places[record.Key] = len(write.records)
		write.records = append(write.records, record)
	}
	return writes
}

// writeConversations stores the rows of every conversation, several
// conversations at a time, and notes in each what became of it.
func (s *Store) writeConversations(ctx context.Context, writes []*conversationWrite) error {
	var outage outage
	group := s.newGroup()
	for _, write := range writes {
		group.Go(func() error {
			if write.err = outage.over(s.parallelism); write.err == nil {
				write.refused, write.err = s.writeRows(ctx, write.records)
				outage.note(write.err)
			}
			return nil
		})
	}
	_ = group.Wait()

	failures := make([]error, len(writes))
	for i, write := range writes {
		failures[i] = write.err
	}
	return summarizeFailures("storing a conversation's activities", failures)
}

// writeRows stores records of one partition, in as few transactions as its
// limits allow, and stops at the first that fails.
func (s *Store) writeRows(ctx context.Context, records []*transcript.Record) ([]transcript.Refusal, error) {
	operations := make([]operation, len(records))
	for i, record := range records {
		operations[i] = s.messages.newOperation(aztables.TransactionTypeInsertReplace, record.Key, encodeRecord(record))
	}
	var refused []transcript.Refusal
	for len(records) > 0 {
		count := countFitting(operations, maxOperations)
		refusals, err := s.upsert(ctx, records[:count], operations[:count])
		refused = append(refused, refusals...)
		if err != nil {
			return refused, err
		}
		records, operations = records[count:], operations[count:]
	}
	return refused, nil
}

// upsert stores records in one transaction. Where the service calls that too
// large it stores each half, so that in the end only the records are refused
// that are too large by themselves.
func (s *Store) upsert(ctx context.Context, records []*transcript.Record, operations []operation) ([]transcript.Refusal, error) {
	_, err := s.messages.commit(ctx, operations)
	if err == nil || !isTooLarge(err) {
		return nil, err
	}
	if len(records) == 1 {
		return s.insert(ctx, records[0], operations[0], err)
	}
	half := len(records) / 2
	refused, err := s.upsert(ctx, records[:half], operations[:half])
	if err != nil {
		return refused, err
	}
	more, err := s.upsert(ctx, records[half:], operations[half:])
	return append(refused, more...), err
}

// insert stores a record that the service refused to upsert because of its size.
// Azurite measures a row in JSON then, in which binary columns take a third
// more, but not when it inserts; a row that is there is the same activity.
func (s *Store) insert(ctx context.Context, record *transcript.Record, upsert operation, cause error) ([]transcript.Refusal, error) {
	if hasCode(cause, aztables.EntityTooLarge) {
		upsert.action.ActionType = aztables.TransactionTypeAdd
		_, err := s.messages.commit(ctx, []operation{upsert})
		if err == nil || hasCode(err, aztables.EntityAlreadyExists) {
			return nil, nil
		}
		if !isTooLarge(err) {
			return nil, err
		}
	}
	return []transcript.Refusal{{Record: *record, Cause: cause}}, nil
}

// storedRecords returns the records that the index may speak of: those of
// conversations of which no row failed, without the refused ones.
func storedRecords(records []transcript.Record, writes []*conversationWrite) []transcript.Record {
	failed := make(map[string]bool)
	refused := make(map[transcript.Key]bool)
	for _, write := range writes {
		if write.err != nil {
			failed[write.records[0].Key.Partition] = true
		}
		for _, refusal := range write.refused {
			refused[refusal.Record.Key] = true
		}
	}
	if len(failed)+len(refused) == 0 {
		return records
	}
	var stored []transcript.Record
	for i := range records {
		if key := records[i].Key; !failed[key.Partition] && !refused[key] {
			stored = append(stored, records[i])
		}
	}
	return stored
}

// outage tells a service that is away from a partition that is. Waiting out the
// retries and time-outs of hundreds of partitions would take longer than the
// broker leaves a batch locked.
type outage struct {
	successes, failures atomic.Int64
	last                atomic.Pointer[error]
}

// note counts how a partition's write went.
func (o *outage) note(err error) {
	if err == nil || !isUnavailable(err) {
		o.successes.Add(1)
		return
	}
	o.last.Store(&err)
	o.failures.Add(1)
}

// over returns the last failure once as many partitions failed as are written
// at a time, and the service has answered for none.
func (o *outage) over(limit int) error {
	if o.successes.Load() > 0 || o.failures.Load() < int64(limit) {
		return nil
	}
	return *o.last.Load()
}
