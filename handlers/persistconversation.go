package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"chatgate/internal/invocation"
	"chatgate/internal/transcript"
)

// persistTimeout keeps a batch well below functionTimeout (5 minutes in
// host.json), at which the host kills the whole handler with every other call in
// flight, and below the queue's lock, which is not renewed for batches.
const persistTimeout = 100 * time.Second

// persistConversation stores a batch of activities. Anything but a 2xx answer
// brings the whole batch again, so only what may pass is an error; what can
// never be stored leaves through the output binding.
func (s *server) persistConversation(x *exchange) error {
	received, err := decodeMessages(x, "activities")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(x.request.Context(), persistTimeout)
	defer cancel()
	result, err := s.Recorder.Record(ctx, messagesOf(received))
	s.noteStore(result, err)
	if err != nil {
		return fmt.Errorf("storing %d messages: %w", len(received), err)
	}
	x.event.details = append(x.event.details, details(len(received), result)...)
	return writeResult(x.writer, result)
}

// noteStore remembers for health whether the store works. A batch of which
// nothing went to the store says nothing of it, and neither does one that the
// host gave up.
func (s *server) noteStore(result transcript.Result, err error) {
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		s.storeFailing.Store(true)
	case result.Stored > 0:
		s.storeFailing.Store(false)
	}
}

func messagesOf(received []invocation.Message) []transcript.Message {
	messages := make([]transcript.Message, len(received))
	for i, m := range received {
		messages[i] = transcript.Message{ID: m.ID, Assistant: m.Assistant, Body: m.Body, EnqueuedAt: m.EnqueuedAt}
	}
	return messages
}

func details(messages int, result transcript.Result) []slog.Attr {
	attrs := []slog.Attr{
		slog.Int("messages", messages),
		slog.Int("stored", result.Stored),
		slog.Int("skipped", result.Skipped),
		slog.Int("quarantined", len(result.SetAside)),
	}
	if len(result.SetAside) > 0 {
		reasons := map[string]int{}
		for _, aside := range result.SetAside {
			reasons[string(aside.Reason)]++
		}
		attrs = append(attrs, slog.Any("reasons", reasons))
	}
	return attrs
}

// writeResult answers the host.
func writeResult(w http.ResponseWriter, result transcript.Result) error {
	quarantine, err := invocation.Objects(result.SetAside)
	if err != nil {
		return fmt.Errorf("encoding what was set aside: %w", err)
	}
	answer := invocation.Result{
		Outputs: map[string][]invocation.Object{"quarantine": quarantine},
		ReturnValue: map[string]int{
			"stored":      result.Stored,
			"skipped":     result.Skipped,
			"quarantined": len(result.SetAside),
		},
	}
	if err := answer.Write(w); err != nil {
		return fmt.Errorf("answering the host: %w", err)
	}
	return nil
}
