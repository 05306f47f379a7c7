package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"chatgate/internal/invocation"
	"chatgate/internal/rotation"
)

// rotateTimeout keeps a rotation below functionTimeout (5 minutes in host.json),
// at which the host kills the whole handler, and below the queue's lock.
const rotateTimeout = 3 * time.Minute

// Rotator rotates keys for the events in a message. Its error is of what may
// pass, and may be logged.
type Rotator interface {
	Handle(ctx context.Context, body []byte) ([]rotation.Outcome, error)
}

// rotateDirectLineKey answers the events by which Key Vault says that a secret
// is about to expire. What is not for this app is logged and done with; anything
// but a 2xx answer brings the message again, and at last to the dead letters,
// where an alert waits.
func (s *server) rotateDirectLineKey(x *exchange) error {
	received, err := decodeMessages(x, "events")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(x.request.Context(), rotateTimeout)
	defer cancel()
	var outcomes []rotation.Outcome
	var failures []error
	for _, message := range received {
		of, err := s.Rotator.Handle(ctx, message.Body)
		outcomes = append(outcomes, of...)
		failures = append(failures, err)
	}
	counts := countsOf(outcomes)
	x.event.details = append(x.event.details, slog.Int("messages", len(received)), slog.Any("rotation", outcomeAttrs(outcomes)))
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("rotating keys: %w", err)
	}
	if err := (invocation.Result{ReturnValue: counts}).Write(x.writer); err != nil {
		return fmt.Errorf("answering the host: %w", err)
	}
	return nil
}

func countsOf(outcomes []rotation.Outcome) map[rotation.Result]int {
	counts := map[rotation.Result]int{}
	for _, outcome := range outcomes {
		counts[outcome.Result]++
	}
	return counts
}

// outcomeAttrs says in the log what came of each event.
func outcomeAttrs(outcomes []rotation.Outcome) []map[string]string {
	lines := make([]map[string]string, 0, len(outcomes))
	for _, outcome := range outcomes {
		line := map[string]string{"result": string(outcome.Result)}
		if outcome.Reason != "" {
			line["reason"] = outcome.Reason
		}
		if outcome.Assistant != "" {
			line["assistant"] = outcome.Assistant
		}
		if outcome.Version != "" {
			line["key"], line["version"], line["expires"] = string(outcome.Key), outcome.Version, outcome.Expires.Format(time.RFC3339)
		}
		lines = append(lines, line)
	}
	return lines
}
