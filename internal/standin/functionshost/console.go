package functionshost

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// newLogger returns the logger that the options ask for.
func newLogger(options Options) *slog.Logger {
	switch {
	case options.Logger != nil:
		return options.Logger
	case options.Output != nil:
		return slog.New(&console{lock: &sync.Mutex{}, to: options.Output})
	}
	return slog.New(slog.DiscardHandler)
}

// console writes entries for people: time, level as the host names it, source,
// text, attributes.
type console struct {
	lock       *sync.Mutex
	to         io.Writer
	attributes string
}

// Enabled is part of slog.Handler.
func (c *console) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle is part of slog.Handler.
func (c *console) Handle(_ context.Context, record slog.Record) error {
	level := "Information"
	switch {
	case record.Level >= slog.LevelError:
		level = "Error"
	case record.Level >= slog.LevelWarn:
		level = "Warning"
	}
	var line strings.Builder
	fmt.Fprintf(&line, "[%s] %s: %s%s", record.Time.UTC().Format("15:04:05.000"), level, record.Message, c.attributes)
	record.Attrs(func(attribute slog.Attr) bool {
		if attribute.Key != "source" {
			fmt.Fprintf(&line, " %s=%s", attribute.Key, attribute.Value)
		}
		return true
	})
	line.WriteByte('\n')
	c.lock.Lock()
	defer c.lock.Unlock()
	if _, err := io.WriteString(c.to, line.String()); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	return nil
}

// WithAttrs is part of slog.Handler.
func (c *console) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := *c
	for _, attribute := range attributes {
		with.attributes += fmt.Sprintf(" %s=%s", attribute.Key, attribute.Value)
	}
	return &with
}

// WithGroup is part of slog.Handler; groups are not shown.
func (c *console) WithGroup(string) slog.Handler { return c }
