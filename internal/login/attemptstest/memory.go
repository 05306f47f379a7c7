package attemptstest

import (
	"context"
	"strconv"
	"sync"

	"chatgate/internal/login"
)

// Memory is a [login.Attempts] of one process, for tests.
type Memory struct {
	mu    sync.Mutex
	rows  map[login.Key]login.Row
	etags map[login.Key]int

	// Fail, where it is set, is asked before each operation.
	Fail func(operation string) error
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{rows: map[login.Key]login.Row{}, etags: map[login.Key]int{}}
}

// Load implements [login.Attempts].
func (m *Memory) Load(ctx context.Context, key login.Key) (login.Row, login.ETag, error) {
	if err := m.enter(ctx, "load"); err != nil {
		return login.Row{}, "", err
	}
	defer m.mu.Unlock()
	row, known := m.rows[key]
	if !known {
		return login.Row{}, "", nil
	}
	return row, m.etag(key), nil
}

// Save implements [login.Attempts].
func (m *Memory) Save(ctx context.Context, key login.Key, row login.Row, etag login.ETag) (login.ETag, error) {
	if err := m.enter(ctx, "save"); err != nil {
		return "", err
	}
	defer m.mu.Unlock()
	if m.etag(key) != etag {
		return "", login.ErrConflict
	}
	m.rows[key] = row
	m.etags[key]++
	return m.etag(key), nil
}

// Rows returns a copy of all rows.
func (m *Memory) Rows() map[login.Key]login.Row {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := make(map[login.Key]login.Row, len(m.rows))
	for key, row := range m.rows {
		rows[key] = row
	}
	return rows
}

func (m *Memory) etag(key login.Key) login.ETag {
	if m.etags[key] == 0 {
		return ""
	}
	return login.ETag(strconv.Itoa(m.etags[key]))
}

func (m *Memory) enter(ctx context.Context, operation string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fail != nil {
		if err := m.Fail(operation); err != nil {
			return err
		}
	}
	m.mu.Lock()
	return nil
}
