package redrive

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// Route says where messages are taken from, what is made of them, and where to
// they go.
type Route struct {
	From        string
	DeadLetters bool
	To          string
	Restore     Restore
}

// RouteOf returns the route for a queue that messages are taken from.
func RouteOf(queue string) (Route, error) {
	switch queue {
	case "conversation-activities", "keyvault-events":
		return Route{From: queue, DeadLetters: true, To: queue, Restore: FromDeadLetters}, nil
	case "conversation-quarantine":
		return Route{From: queue, To: "conversation-activities", Restore: FromQuarantine}, nil
	default:
		return Route{}, fmt.Errorf("%q is no queue of Chatgate; take conversation-activities, conversation-quarantine or keyvault-events", queue)
	}
}

// Open connects to both ends of a route. Closing client closes them.
func (r Route) Open(client *azservicebus.Client) (*azservicebus.Receiver, *azservicebus.Sender, error) {
	options := &azservicebus.ReceiverOptions{}
	if r.DeadLetters {
		options.SubQueue = azservicebus.SubQueueDeadLetter
	}
	from, err := client.NewReceiverForQueue(r.From, options)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing to receive from %s: %w", r.From, err)
	}
	to, err := client.NewSender(r.To, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing to send to %s: %w", r.To, err)
	}
	return from, to, nil
}
