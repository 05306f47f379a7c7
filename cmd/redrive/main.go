// Command redrive brings messages that were given up back to their queue.
//
// It is started by `make redrive QUEUE=…`: of conversation-activities and
// keyvault-events it takes the dead letters, of conversation-quarantine the
// messages themselves, which go back to conversation-activities. It acts as
// whoever is signed in (az login, azd auth login), who needs the roles Azure
// Service Bus Data Receiver and Data Sender. With -dry-run it only looks.
//
// It ends with 1 if a message could not be moved.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"chatgate/internal/redrive"
	"chatgate/internal/settings"
)

// order is the command line.
type order struct {
	namespace string
	queue     string
	dryRun    bool
	limit     int
	window    time.Duration
}

func main() {
	var o order
	flag.StringVar(&o.namespace, "namespace", settings.BusNamespace(os.Environ()), "host name of the Service Bus namespace")
	flag.StringVar(&o.queue, "queue", "", "conversation-activities, conversation-quarantine or keyvault-events")
	flag.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and change nothing")
	flag.IntVar(&o.limit, "limit", 0, "look at this many messages at most; 0: all")
	flag.DurationVar(&o.window, "duplicate-window", 10*time.Minute, "the duplicate detection window of the queue")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "redrive:", err)
		os.Exit(1)
	}
}

var (
	errNoNamespace = errors.New("name the namespace: -namespace, ConversationBus__fullyQualifiedNamespace, or APP and GROUP for make")
	errLeft        = errors.New("some messages were left; see above")
)

const closeTimeout = 10 * time.Second

func run(ctx context.Context, o order, stdout io.Writer) (err error) {
	route, err := redrive.RouteOf(o.queue)
	if err != nil {
		return fmt.Errorf("choosing the queue: %w", err)
	}
	if o.namespace == "" {
		return errNoNamespace
	}
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return fmt.Errorf("finding out who is signed in (az login, azd auth login): %w", err)
	}
	client, err := azservicebus.NewClient(o.namespace, credential, nil)
	if err != nil {
		return fmt.Errorf("preparing the namespace: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err = errors.Join(err, client.Close(closing))
	}()
	from, to, err := route.Open(client)
	if err != nil {
		return fmt.Errorf("opening the queues: %w", err)
	}
	return drive(ctx, o, route, from, to, stdout)
}

// drive moves the messages, or says what it would do, and tells the end.
func drive(ctx context.Context, o order, route redrive.Route, from redrive.Receiver, to redrive.Sender, stdout io.Writer) error {
	options := &redrive.Options{
		Limit: o.limit, DuplicateWindow: o.window,
		Report: func(item redrive.Item) { tell(stdout, item) },
	}
	var summary redrive.Summary
	var err error
	if o.dryRun {
		summary, err = redrive.List(ctx, from, route.Restore, options)
		_, _ = fmt.Fprintf(stdout, "%d would be sent to %s, %d would be left. Nothing was changed.\n", summary.Sent, route.To, summary.Left)
		return err
	}
	summary, err = redrive.Move(ctx, from, to, route.Restore, options)
	_, _ = fmt.Fprintf(stdout, "%d sent to %s, %d left, %d sent but still here too.\n", summary.Sent, route.To, summary.Left, summary.SentTwice)
	if err == nil && summary.Left+summary.SentTwice > 0 {
		return errLeft
	}
	return err
}

func tell(stdout io.Writer, item redrive.Item) {
	_, _ = fmt.Fprintf(stdout, "%s  id %q  assistant %q  %d bytes  %q  %s", item.EnqueuedAt.UTC().Format(time.RFC3339), item.MessageID, item.Assistant, item.Bytes, item.Why, item.Fate)
	if item.Because != "" {
		_, _ = fmt.Fprintf(stdout, ": %s", item.Because)
	}
	_, _ = fmt.Fprintln(stdout)
}
