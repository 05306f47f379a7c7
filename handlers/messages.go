package handlers

import (
	"time"

	"chatgate/internal/invocation"
)

// envelopeTimeout bounds the reading of a batch, which comes from the same
// machine.
const envelopeTimeout = 60 * time.Second

// decodeMessages reads what the host sends for a queue trigger.
func decodeMessages(x *exchange, binding string) ([]invocation.Message, error) {
	x.readWithin(envelopeTimeout)
	received, err := invocation.DecodeMessages(x.request.Body, binding)
	if err != nil {
		return nil, noInvocation(x, err)
	}
	x.bodyRead()
	return received, nil
}

// noInvocation refuses what does not read as the host writes.
func noInvocation(x *exchange, cause error) error {
	return badRequest("This is not an invocation of " + x.event.function + " by the host.").Because(cause)
}
