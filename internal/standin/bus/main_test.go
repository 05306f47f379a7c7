package bus_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"chatgate/internal/standin/bus"
)

// senderEnv names a directory; with it the test binary is the sender that
// TestMessagesSurviveSIGKILL kills.
const senderEnv = "BUS_TEST_SENDER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(senderEnv); dir != "" {
		sendForever(dir)
	}
	goleak.VerifyTestMain(m)
}

// sendForever sends numbered messages, takes one in three, and prints what the
// bus has confirmed.
func sendForever(dir string) {
	b, err := bus.Open(bus.Options{Dir: dir, Queues: []bus.QueueOptions{{Name: queue}}})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	q, _ := b.Queue(queue)
	for n := 1; ; n++ {
		id := fmt.Sprintf("m-%d", n)
		if err := b.Send(ctx, queue, bus.Message{ID: id, Body: []byte(id)}); err != nil {
			os.Exit(1)
		}
		fmt.Println("sent", id)
		if n%3 != 0 {
			continue
		}
		batch, err := q.Receive(ctx, 1)
		if err != nil || batch.Complete() != nil {
			os.Exit(1)
		}
		fmt.Println("completed", batch.Messages[0].ID)
	}
}
