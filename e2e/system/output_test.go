package system_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// output is what a process writes, line by line. It may be read while the
// process runs.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced at each write
}

func newOutput() *output {
	return &output{changed: make(chan struct{})}
}

// Write is part of io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines are the whole lines written so far.
func (o *output) lines() []string {
	text := o.String()
	end := strings.LastIndexByte(text, '\n')
	if end < 0 {
		return nil
	}
	return strings.Split(text[:end], "\n")
}

// logLine is a line of the handler's log.
type logLine struct {
	Level        string `json:"level"`
	Message      string `json:"msg"`
	InvocationID string `json:"invocationId"`
	Status       int    `json:"status"`
	Stored       int    `json:"stored"`
	Quarantined  int    `json:"quarantined"`
}

// parsed are the lines as the log's readers see them; what is no JSON object is
// left out, and found by [app.checkOutput].
func (o *output) parsed() []logLine {
	var found []logLine
	for _, text := range o.lines() {
		var line logLine
		if json.Unmarshal([]byte(text), &line) == nil {
			found = append(found, line)
		}
	}
	return found
}

// await waits until a line is as wanted, and returns it.
func (o *output) await(t *testing.T, what string, wanted func(logLine) bool) logLine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		o.mu.Lock()
		changed := o.changed
		o.mu.Unlock()
		for _, line := range o.parsed() {
			if wanted(line) {
				return line
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("no line in the log: %s", what)
		}
	}
}
