package tablestore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/tables"
	"chatgate/internal/transcript"
)

// conversationWrite is what one Put has for one partition of table messages,
// and what became of it.
type conversationWrite struct {
	records []*transcript.Record
	refused []transcript.Refusal
	// etags are those of the rows that were stored, by row key, as far as the
	// service told them.
	etags map[string]azcore.ETag
	err   error
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
				write.err = s.writeRows(ctx, write)
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
func (s *Store) writeRows(ctx context.Context, write *conversationWrite) error {
	records := write.records
	write.etags = make(map[string]azcore.ETag, len(records))
	operations := make([]tables.Operation, len(records))
	for i, record := range records {
		operations[i] = s.messages.Upsert(tables.Key(record.Key), encodeRecord(record))
	}
	for len(records) > 0 {
		count := tables.CountFitting(operations, tables.MaxOperations)
		refused, err := s.upsert(ctx, records[:count], operations[:count], write.etags)
		write.refused = append(write.refused, refused...)
		if err != nil {
			return err
		}
		records, operations = records[count:], operations[count:]
	}
	return nil
}

// upsert stores records in one transaction and notes their ETags. Where the
// service calls that too large it stores each half, so that in the end only the
// records are refused that are too large by themselves.
func (s *Store) upsert(ctx context.Context, records []*transcript.Record, operations []tables.Operation, noted map[string]azcore.ETag) ([]transcript.Refusal, error) {
	etags, err := s.messages.Commit(ctx, operations)
	for i, etag := range etags {
		noted[records[i].Key.Row] = etag
	}
	if err == nil || !tables.IsTooLarge(err) {
		return nil, err
	}
	if len(records) == 1 {
		return s.insert(ctx, records[0], err)
	}
	half := len(records) / 2
	refused, err := s.upsert(ctx, records[:half], operations[:half], noted)
	if err != nil {
		return refused, err
	}
	more, err := s.upsert(ctx, records[half:], operations[half:], noted)
	return append(refused, more...), err
}

// insert stores a record that the service refused to upsert because of its size.
// Azurite measures a row in JSON then, in which binary columns take a third
// more, but not when it inserts; a row that is there is the same activity.
func (s *Store) insert(ctx context.Context, record *transcript.Record, cause error) ([]transcript.Refusal, error) {
	if tables.HasCode(cause, aztables.EntityTooLarge) {
		insert := s.messages.Insert(tables.Key(record.Key), encodeRecord(record))
		_, err := s.messages.Commit(ctx, []tables.Operation{insert})
		if err == nil || tables.HasCode(err, aztables.EntityAlreadyExists) {
			return nil, nil
		}
		if !tables.IsTooLarge(err) {
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

// storedETags returns the ETags of the rows of each partition.
func storedETags(writes []*conversationWrite) map[string]map[string]azcore.ETag {
	etags := make(map[string]map[string]azcore.ETag, len(writes))
	for _, write := range writes {
		etags[write.records[0].Key.Partition] = write.etags
	}
	return etags
}

// recordsIn returns the records in some partitions of table messages.
func recordsIn(records []transcript.Record, partitions map[string]bool) []transcript.Record {
	var some []transcript.Record
	for i := range records {
		if partitions[records[i].Key.Partition] {
			some = append(some, records[i])
		}
	}
	return some
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
	if err == nil || !tables.IsUnavailable(err) {
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

// summarizeFailures joins what went wrong in several partitions. When the
// service is away all fail alike: the first few say what there is to say.
func summarizeFailures(doing string, failures []error) error {
	const shown = 3
	var joined []error
	count := 0
	for _, failure := range failures {
		if failure == nil {
			continue
		}
		if count++; count <= shown {
			joined = append(joined, fmt.Errorf("%s: %w", doing, failure))
		}
	}
	if count > shown {
		joined = append(joined, fmt.Errorf("and %d more of %d failed", count-shown, len(failures)))
	}
	return errors.Join(joined...)
}
