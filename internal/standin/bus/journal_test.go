package bus_test

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/internal/standin/bus"
)

func TestADirectoryKeepsEverythingBetweenRuns(t *testing.T) {
	at := newClock()
	options := bus.Options{Dir: t.TempDir(), Now: at.now, Queues: []bus.QueueOptions{
		{Name: queue, MaxDeliveryCount: 2, DuplicateWindow: time.Minute}, {Name: "other"},
	}}
	b, q := open(t, options)
	if err := b.Send(ctx, queue, bus.Message{ID: "done"}, bus.Message{ID: "held", Body: []byte{1}, Properties: map[string]any{"assistant": "demo", "n": 3.0}}); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, q, 1).Complete(); err != nil {
		t.Fatal(err)
	}
	receive(t, q, 1) // and its receiver dies
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b, q = open(t, options)
	if err := b.Send(ctx, queue, bus.Message{ID: "held"}); err != nil { // a resend
		t.Fatal(err)
	}
	wantIDs(t, "second run", q.Peek(), "held")
	batch := receive(t, q, 9)
	got := batch.Messages[0]
	if got.DeliveryCount != 2 || got.SequenceNumber != 2 || got.Properties["assistant"] != "demo" || got.Properties["n"] != 3.0 || string(got.Body) != "\x01" {
		t.Errorf("after the reopening: %+v", got)
	}
	if !got.EnqueuedAt.Equal(at.at.Truncate(time.Millisecond)) {
		t.Errorf("EnqueuedAt changed to %s", got.EnqueuedAt)
	}
	if err := b.Close(); err != nil { // its second and last delivery is lost too
		t.Fatal(err)
	}

	at.at = at.at.Add(time.Hour)
	b, q = open(t, options)
	wantIDs(t, "dead letters", q.DeadLetters(), "held")
	send(t, b, "held")
	if next := receive(t, q, 1).Messages[0]; next.SequenceNumber != 3 {
		t.Errorf("sequence number %d, want 3: numbers are never given twice", next.SequenceNumber)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	_, q = open(t, options)
	wantIDs(t, "dead letters of the fourth run", q.DeadLetters(), "held")
}

func TestOneProcessHasTheDirectory(t *testing.T) {
	options := bus.Options{Dir: t.TempDir(), Queues: []bus.QueueOptions{{Name: queue}}}
	open(t, options)
	if _, err := bus.Open(options); err == nil || !strings.Contains(err.Error(), "only one process") {
		t.Errorf("a second bus on the directory: %v", err)
	}
}

func TestMessagesSurviveSIGKILL(t *testing.T) {
	dir := t.TempDir()
	sender := exec.CommandContext(t.Context(), os.Args[0])
	sender.Env = append(os.Environ(), senderEnv+"="+dir)
	stdout, err := sender.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Start(); err != nil {
		t.Fatal(err)
	}
	sent, completed := map[string]bool{}, map[string]bool{}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		what, id, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "sent":
			sent[id] = true
		case "completed":
			completed[id] = true
		default:
			t.Fatal(lines.Text())
		}
		if len(sent) == 200 {
			_ = sender.Process.Kill() // what it still prints is read too
		}
	}
	_ = sender.Wait()
	if len(sent) < 200 {
		t.Fatalf("the sender confirmed %d messages", len(sent))
	}

	_, q := open(t, bus.Options{Dir: dir})
	held := ids(q.Peek())
	var lost []string
	for id := range sent {
		if !completed[id] && !slices.Contains(held, id) {
			lost = append(lost, id)
		}
	}
	// The message that was being completed may be gone without word of it.
	if len(lost) > 1 {
		t.Errorf("confirmed and gone: %v", lost)
	}
	for id := range completed {
		if slices.Contains(held, id) {
			t.Errorf("completed and back: %s", id)
		}
	}
}
