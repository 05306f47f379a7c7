package functionshost

import (
	"slices"

	"chatgate/internal/standin/bus"
)

// Fault is something that goes wrong with one invocation by a queue or a timer.
// What befalls messages does nothing to a timer's.
type Fault struct {
	kind faultKind
	when <-chan struct{}
	size int64
}

type faultKind int

const (
	noFault faultKind = iota
	killHandler
	dropAnswer
	loseLock
	duplicateMessages
	reverseMessages
	cutBody
	withoutMetadata
)

// KillHandler ends the handler by SIGKILL while it works on the invocation: when
// the channel is closed, or, if it is nil, as soon as the request has been sent
// whole. The handler is started anew, and it does not count as its failure; the
// batch comes again.
func KillHandler(when <-chan struct{}) Fault { return Fault{kind: killHandler, when: when} }

// DropAnswer lets the handler finish and throws its answer away: the batch comes
// again, outputs and logs are lost.
func DropAnswer() Fault { return Fault{kind: dropAnswer} }

// LoseLock takes the answer, sends the outputs and then fails to complete the
// messages, as after the lock's end: they come again.
func LoseLock() Fault { return Fault{kind: loseLock} }

// Duplicate delivers each message of the batch twice in the one invocation.
func Duplicate() Fault { return Fault{kind: duplicateMessages} }

// Reverse delivers the batch in reverse order.
func Reverse() Fault { return Fault{kind: reverseMessages} }

// CutBody breaks the connection after size bytes of the request's body; 0: after
// half of it. The batch comes again.
func CutBody(size int64) Fault { return Fault{kind: cutBody, size: size} }

// WithoutMetadata sends an empty Metadata object.
func WithoutMetadata() Fault { return Fault{kind: withoutMetadata} }

// arrange returns the messages as the fault has them delivered.
func (f Fault) arrange(messages []bus.Message) []bus.Message {
	switch f.kind {
	case duplicateMessages:
		return append(slices.Clone(messages), messages...)
	case reverseMessages:
		reversed := slices.Clone(messages)
		slices.Reverse(reversed)
		return reversed
	case noFault, killHandler, dropAnswer, loseLock, cutBody, withoutMetadata:
	}
	return messages
}

// Inject queues faults for a function without an HTTP trigger: each befalls one
// invocation, in order, from the next one on.
func (h *Host) Inject(function string, faults ...Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[function] = append(h.faults[function], faults...)
}

func (h *Host) nextFault(function string) Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	queued := h.faults[function]
	if len(queued) == 0 {
		return Fault{}
	}
	h.faults[function] = queued[1:]
	return queued[0]
}
