package handlers

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/desk"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

const (
	// exportTimeout keeps an export below functionTimeout (5 minutes in
	// host.json), at which the host kills the whole handler. App Service itself
	// gives up after 230 seconds.
	exportTimeout = 3 * time.Minute

	// exportBuffer is what may still be taken back: until so many bytes are
	// written, a failure gets an answer of its own.
	exportBuffer = 64 << 10
)

// export answers with the whole conversation as a .transcript file: a JSON array
// of activities, which the Bot Framework Emulator opens.
func (c *deskCall) export(reader *desk.Reader, q *query) error {
	if q.text("format") != "transcript" {
		q.refuse("format", "must be transcript.")
	}
	if q.has("limit") || q.has("cursor") {
		q.refuse("format", "cannot go with limit or cursor: a file is always of the whole conversation.")
	}
	if q.err != nil {
		return q.err
	}
	ctx, cancel := context.WithTimeout(c.request.Context(), exportTimeout)
	defer cancel()
	conversation, records, err := reader.Export(ctx, c.parameters[1])
	if err != nil {
		return err
	}
	c.forPrograms("application/json; charset=utf-8")
	c.header().Set("Content-Disposition", `attachment; filename="`+fileName(conversation.ConversationID)+`"`)
	controller := http.NewResponseController(c.writer)
	// A client that stalls would hold the connection: the server itself sets no
	// bound on writing. Only a writer that is no connection refuses this.
	_ = controller.SetWriteDeadline(time.Now().Add(exportTimeout))
	count, err := writeTranscript(bufio.NewWriterSize(c.writer, exportBuffer), records)
	c.note(audit.Export, count)
	if err == nil {
		err = controller.Flush()
	}
	if err != nil {
		return c.breakOff(err)
	}
	_ = controller.SetWriteDeadline(time.Time{})
	return nil
}

// breakOff ends an answer that cannot be completed, in such a way that nobody
// takes what was sent for the whole.
func (c *deskCall) breakOff(err error) error {
	if c.writer.status == 0 {
		c.header().Del("Content-Disposition")
		return err
	}
	c.event.failure = problem.From(err)
	panic(http.ErrAbortHandler)
}

// writeTranscript writes the activities as they are stored, which is JSON, and
// returns their number.
func writeTranscript(w *bufio.Writer, records iter.Seq2[transcript.Record, error]) (count int, err error) {
	before := "[\n"
	for record, err := range records {
		if err != nil {
			return count, err
		}
		// bufio remembers the first failure; Flush tells.
		_, _ = w.WriteString(before)
		if _, err := w.Write(record.Activity); err != nil {
			return count, fmt.Errorf("sending an activity: %w", err)
		}
		before = ",\n"
		count++
	}
	if count == 0 {
		_, _ = w.WriteString("[")
	}
	_, _ = w.WriteString("\n]\n")
	if err := w.Flush(); err != nil {
		return count, fmt.Errorf("sending the end of the transcript: %w", err)
	}
	return count, nil
}

// maxFileName is the longest name of a file without its extension.
const maxFileName = 100

// fileName returns a name that every file system takes and no header misreads.
func fileName(conversationID string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	name := strings.Map(func(c rune) rune {
		if strings.ContainsRune(plain, c) {
			return c
		}
		return '-'
	}, conversationID)
	name = strings.Trim(name[:min(len(name), maxFileName)], "-")
	if name == "" {
		name = "conversation"
	}
	return name + ".transcript"
}
