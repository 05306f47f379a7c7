package handlers

import (
	"time"

	"chatgate/internal/invocation"
	"chatgate/internal/problem"
)

// envelopeTimeout bounds the reading of a batch, which comes from the same
// machine.
const envelopeTimeout = 60 * time.Second

// decodeMessages reads what the host sends for a queue trigger.
func decodeMessages(x *exchange, binding string) ([]invocation.Message, error) {
	x.readWithin(envelopeTimeout)
	received, err := invocation.DecodeMessages(x.request.Body, binding)
	if err != nil {
		return nil, problem.New(problem.BadRequest, "This is not an invocation of "+x.event.function+" by the host.").Because(err)
	}
	x.bodyRead()
	return received, nil
}
