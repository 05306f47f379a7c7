package transcript

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// memory is a Store that keeps what it is given, in the order given.
type memory struct {
	mutex   sync.Mutex
	records []Record
	calls   int
	// fails is returned by Put, which then keeps nothing.
	fails error
	// refuses says which records are refused.
	refuses func(Record) bool
	// forget drops the records.
	forget bool
}

func (m *memory) Put(_ context.Context, records []Record) (refused []Refusal, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.calls++
	if m.fails != nil || m.forget {
		return nil, m.fails
	}
	for _, record := range records {
		if m.refuses != nil && m.refuses(record) {
			refused = append(refused, Refusal{Record: record, Cause: errors.New("property too long")})
			continue
		}
		m.records = append(m.records, record)
	}
	return refused, nil
}

// recordAll records messages for the single assistant bankx.
func recordAll(t *testing.T, messages ...Message) (Result, []Record) {
	t.Helper()
	store := &memory{}
	recorder := NewRecorder(store, &RecorderOptions{Assistants: []string{"bankx"}, SkippedTypes: []string{"typing", "trace"}})
	result, err := recorder.Record(t.Context(), messages)
	if err != nil {
		t.Fatalf("Record: %v", err)
	}
	return result, slices.Clone(store.records)
}

// recordOne records a body and expects exactly one record of it.
func recordOne(t *testing.T, body string) Record {
	t.Helper()
	result, records := recordAll(t, Message{ID: "m1", Body: []byte(body)})
	if len(records) != 1 || result.Stored != 1 || len(result.SetAside) != 0 {
		t.Fatalf("%s: %+v and %d records, want one stored", body, result, len(records))
	}
	return records[0]
}
