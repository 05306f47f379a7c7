package bot

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultQueue is how many activities wait for the bus at most.
	DefaultQueue = 1024
	// DefaultRetryDelay is the pause before the first retry of a send.
	DefaultRetryDelay = 200 * time.Millisecond

	// entity is the Service Bus queue of the contract.
	entity = "conversation-activities"
	// maxRetryDelay is where the pauses, which double, stop growing.
	maxRetryDelay = 5 * time.Second
	// sendTimeout bounds one attempt.
	sendTimeout = 10 * time.Second
	// maxMessageID is Service Bus's limit for a MessageId, in characters.
	maxMessageID = 128
	// maxDrained bounds what is read of an answer to reuse its connection.
	maxDrained = 64 << 10
)

// BusOptions are the properties of a [Bus]. The zero value of each field means
// the default that its comment names.
type BusOptions struct {
	// Assistant is the application property "assistant" (demo).
	Assistant string
	// Client sends the requests (one that does not follow redirects).
	Client *http.Client
	// Queue is how many activities wait at most ([DefaultQueue]).
	Queue int
	// RetryDelay is the pause before the first retry; it doubles up to 5 s
	// ([DefaultRetryDelay]).
	RetryDelay time.Duration
	// Logger is told about retries and refusals, without any content
	// (discards).
	Logger *slog.Logger
}

// Bus logs activities to Service Bus by its REST interface
// (https://learn.microsoft.com/rest/api/servicebus/send-message-batch). Messages
// are sent one after another, in order, each until the bus takes it. A Bus may
// be used by several goroutines at once; close it to be sure that everything is
// sent.
type Bus struct {
	address string
	options BusOptions
	queue   chan outgoing

	putting sync.RWMutex  // held for reading while something is put into the queue
	closing chan struct{} // closed before the queue is
	stop    func()        // closes closing and the queue, once
	abandon context.CancelFunc
	done    chan struct{}
	unsent  int // what was given up; valid once done is closed
}

// outgoing is one message. Its id is the same in every attempt, so that the
// bus's duplicate detection drops a second copy.
type outgoing struct {
	id   string
	body []byte
}

// ErrClosed says that the Bus takes no more activities.
var ErrClosed = errors.New("the bus is closed")

// NewBus returns a Bus that sends to a namespace, such as
// https://example.servicebus.windows.net, and starts sending.
func NewBus(namespaceURL string, options *BusOptions) *Bus {
	chosen := busDefaults(options)
	sending, abandon := context.WithCancel(context.Background())
	bus := &Bus{
		address: strings.TrimSuffix(namespaceURL, "/") + "/" + entity + "/messages",
		options: chosen,
		queue:   make(chan outgoing, chosen.Queue),
		closing: make(chan struct{}),
		abandon: abandon,
		done:    make(chan struct{}),
	}
	bus.stop = sync.OnceFunc(bus.stopTaking)
	go bus.run(sending)
	return bus
}

func busDefaults(options *BusOptions) BusOptions {
	chosen := BusOptions{}
	if options != nil {
		chosen = *options
	}
	if chosen.Assistant == "" {
		chosen.Assistant = "demo"
	}
	if chosen.Client == nil {
		chosen.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	if chosen.Queue <= 0 {
		chosen.Queue = DefaultQueue
	}
	if chosen.RetryDelay <= 0 {
		chosen.RetryDelay = DefaultRetryDelay
	}
	if chosen.Logger == nil {
		chosen.Logger = slog.New(slog.DiscardHandler)
	}
	return chosen
}

// Log puts an activity into the queue. While the queue is full it waits until
// ctx ends; the activity is not logged then, and the error says so.
func (b *Bus) Log(ctx context.Context, activity json.RawMessage) error {
	b.putting.RLock()
	defer b.putting.RUnlock()
	select {
	case <-b.closing:
		return ErrClosed
	default:
	}
	select {
	case b.queue <- outgoing{messageID(activity), bytes.Clone(activity)}:
		return nil
	case <-b.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("waiting for the bus: %w", ctx.Err())
	}
}

// messageID is the activity's id, which is unique across conversations on
// Direct Line, or a random one.
func messageID(activity json.RawMessage) string {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(activity, &named) != nil || named.ID == "" || len(named.ID) > maxMessageID {
		return rand.Text()
	}
	return named.ID
}

// Close takes no more activities and waits until all are sent. When ctx ends
// first, the rest is given up and the error says how much that is.
func (b *Bus) Close(ctx context.Context) error {
	b.stop()
	select {
	case <-b.done:
	case <-ctx.Done():
		b.abandon()
		<-b.done
	}
	if b.unsent > 0 {
		return fmt.Errorf("closing the bus with %d activities unsent: %w", b.unsent, ctx.Err())
	}
	return nil
}

func (b *Bus) stopTaking() {
	close(b.closing)
	b.putting.Lock()
	defer b.putting.Unlock()
	close(b.queue)
}

// run sends what is in the queue until it is closed and empty.
func (b *Bus) run(ctx context.Context) {
	defer close(b.done)
	defer b.abandon()
	for message := range b.queue {
		if !b.deliver(ctx, message) {
			b.unsent = 1 + len(b.queue)
			return
		}
	}
}

// deliver tries until the bus takes the message or can never take it. It
// returns false when ctx ended.
func (b *Bus) deliver(ctx context.Context, message outgoing) bool {
	for delay := b.options.RetryDelay; ; delay = min(2*delay, maxRetryDelay) {
		status, err := b.send(ctx, message)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil && status/100 == 2:
			return true
		case status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge:
			b.options.Logger.Error("the bus refuses a message", "messageId", message.id, "status", status)
			return true
		}
		b.options.Logger.Warn("the bus does not take a message yet", "messageId", message.id, "status", status, "retryIn", delay)
		if !pause(ctx, delay) {
			return false
		}
	}
}

func pause(ctx context.Context, delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// send makes one attempt and returns the status of the answer.
func (b *Bus) send(ctx context.Context, message outgoing) (int, error) {
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodPost, b.address, bytes.NewReader(message.body))
	if err != nil {
		return 0, fmt.Errorf("making a request: %w", err)
	}
	properties, err := json.Marshal(map[string]string{"MessageId": message.id})
	if err != nil {
		return 0, fmt.Errorf("writing the broker properties: %w", err)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("BrokerProperties", string(properties))
	request.Header.Set("assistant", b.options.Assistant)
	answer, err := b.options.Client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("sending a message: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.CopyN(io.Discard, answer.Body, maxDrained)
	return answer.StatusCode, nil
}
