package directline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// Why a stream ended.
var (
	errCut          = errors.New("the connection was cut")
	errCollision    = errors.New("another stream took over")
	errForgotten    = errors.New("the conversation is lost")
	errServerClosed = errors.New("the server is closing")
	errClientGone   = errors.New("the client is gone")
)

// Account is ChannelAccount of the protocol: a party of a conversation.
type Account struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
}

// activitySet is ActivitySet of the protocol; activities is never null.
type activitySet struct {
	Activities []json.RawMessage `json:"activities"`
	Watermark  string            `json:"watermark"`
}

// maxSet is the most activities of one answer or frame; clients page on.
const maxSet = 100

// conversation is one started conversation: what was said, and who listens.
type conversation struct {
	id     string
	user   Account
	locale string

	mu       sync.Mutex
	log      []entry
	ended    bool
	members  map[string]bool
	listener *listener
}

// entry is an activity as clients see it.
type entry struct {
	kind     string
	activity json.RawMessage
}

// listener is the one stream of a conversation.
type listener struct {
	conversation *conversation
	wake         chan struct{} // holds at most one call to look at the log again
	stop         context.CancelCauseFunc
	position     int // in the log; of the stream's goroutine only
	// liveFrom is where the log ended when the stream began. What is older is
	// replayed, and a typing indicator of the past is not.
	liveFrom int
}

func newConversation(id string, user Account, locale string) *conversation {
	return &conversation{id: id, user: user, locale: locale, members: map[string]bool{}}
}

// append gives the activity its id and adds it.
func (c *conversation) append(activity stamped) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return "", badRequest(codeBadArgument, "The conversation has ended")
	}
	if len(c.log) >= maxActivities {
		return "", badRequest(codeBadArgument, "The conversation is full")
	}
	id := fmt.Sprintf("%s|%07d", c.id, len(c.log))
	activity.fields["id"] = quoted(id)
	c.log = append(c.log, entry{activity.kind, activity.encode()})
	c.ended = activity.kind == kindEndOfConversation
	if c.listener != nil {
		c.listener.notify()
	}
	return id, nil
}

// after returns the activities from a position on, at most [maxSet] of them,
// and the position behind them. Typing indicators count and are left out,
// except those at liveFrom or later.
func (c *conversation) after(position, liveFrom int) ([]json.RawMessage, int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []json.RawMessage{}
	for position < len(c.log) && len(found) < maxSet {
		if next := c.log[position]; next.kind != kindTyping || position >= liveFrom {
			found = append(found, next.activity)
		}
		position++
	}
	return found, position
}

func (c *conversation) length() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.log)
}

// join notes that somebody speaks and reports whether for the first time.
func (c *conversation) join(userID string) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = !c.members[userID]
	c.members[userID] = true
	return first
}

// listen makes a new stream the conversation's only one. The service closes
// surplus streams with the reason "collision"; here the newest wins, so that a
// reloaded page does not wait for the old connection to be found dead.
func (c *conversation) listen(position int, stop context.CancelCauseFunc) *listener {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener != nil {
		c.listener.stop(errCollision)
	}
	c.listener = &listener{
		conversation: c,
		wake:         make(chan struct{}, 1),
		stop:         stop,
		position:     position,
		liveFrom:     len(c.log),
	}
	return c.listener
}

// disconnect ends the stream for a reason and reports whether there was one.
func (c *conversation) disconnect(reason error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listener == nil {
		return false
	}
	c.listener.stop(reason)
	c.listener = nil
	return true
}

// next returns what the stream has not sent yet, and moves on.
func (l *listener) next() []json.RawMessage {
	activities, position := l.conversation.after(l.position, l.liveFrom)
	l.position = position
	return activities
}

// leave removes the stream, unless another one has taken over.
func (l *listener) leave() {
	l.conversation.mu.Lock()
	defer l.conversation.mu.Unlock()
	if l.conversation.listener == l {
		l.conversation.listener = nil
	}
}

func (l *listener) notify() {
	select {
	case l.wake <- struct{}{}:
	default: // a call is waiting already
	}
}

// position reads a watermark: an integer as a string, or "-" for the beginning.
// absent is what an empty one means.
func (c *conversation) position(watermark string, absent int) (int, error) {
	switch watermark {
	case "":
		return absent, nil
	case "-":
		return 0, nil
	}
	position, err := strconv.Atoi(watermark)
	if err != nil || position < 0 {
		return 0, badRequest(codeBadArgument, "Invalid watermark")
	}
	return min(position, c.length()), nil
}

// hiddenFromClients lists what Direct Line does not pass on to clients.
func hiddenFromClients(kind string) bool {
	return slices.Contains([]string{kindConversationUpdate, kindContactRelationUpdate}, kind)
}
