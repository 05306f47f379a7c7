package system_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/functionshost"
)

// How much is said and how often a handler dies meanwhile.
const (
	crashConversations = 24
	crashActivities    = 20 // in each conversation
	crashes            = 16
)

// Two instances share a queue. Their handlers are killed while they work: before
// a write, after a write that nobody hears of, and at any other moment. What they
// did not acknowledge comes again; senders resend too.
func TestKilledAtAnyMomentEveryActivityIsKeptOnce(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	s := newSystemWithTables(t, cloud.Options{DeliveryCount: 1000})
	trap := &trap{next: s.Tables.service}
	s.Proxy.Handle(s.Tables.host, trap)
	instances := []*instance{s.startInstance(t), s.startInstance(t)}
	spoken := conversations(random, crashConversations, crashActivities)
	messages := messagesOf(random, spoken)

	for crash := range crashes {
		victim := instances[random.IntN(len(instances))]
		switch random.IntN(4) {
		case 0:
			trap.arm(random.IntN(6), false, victim.KillHandler)
		case 1:
			trap.arm(random.IntN(6), true, victim.KillHandler)
		case 2:
			moment := make(chan struct{})
			timer := time.AfterFunc(time.Duration(random.IntN(60))*time.Millisecond, func() { close(moment) })
			t.Cleanup(func() { timer.Stop() })
			victim.Inject(persist, functionshost.KillHandler(moment))
		default:
			victim.Inject(persist, functionshost.KillHandler(nil), accident(random))
		}
		wave := messages[crash*len(messages)/crashes : (crash+1)*len(messages)/crashes]
		if err := s.Bus.Send(t.Context(), cloud.ActivityQueue, wave...); err != nil {
			t.Fatal(err)
		}
		// Some waves meet the one before them on its way through a dead handler.
		if random.IntN(3) > 0 {
			victim.awaitIdle(t)
		}
	}
	trap.arm(0, false, nil)
	instances[0].awaitIdle(t)

	starts := instances[0].Starts() + instances[1].Starts()
	t.Logf("%d messages, %d starts of the handler, %+v", len(messages), starts, instances[0].queue(t, cloud.ActivityQueue).Counts())
	if starts < crashes/2 {
		t.Errorf("the handlers started %d times in all: too few were killed for this to prove anything", starts)
	}
	instances[0].nothingLost(t)
	checkKept(t, s, spoken)
}

// Azure starts instances as the queue grows. Each remembers what it wrote last;
// what another has written since must not be undone by it.
func TestInstancesDoNotUndoEachOthersWork(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	first, second := s.startInstance(t), s.startInstanceUnder(t, functionshost.Options{Bus: openBus(t, bus.Options{})})
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var spoken []sent
	say := func(minute int) bus.Message {
		a := sent{ID: fmt.Sprint(minute), Timestamp: at.Add(time.Duration(minute) * time.Minute), Text: fmt.Sprintf("minute %d", minute)}
		a.Conversation.ID = "c"
		a.raw = fmt.Sprintf(`{"type":"message","id":%q,"timestamp":%q,"conversation":{"id":"c"},"text":%q}`, a.ID, a.Timestamp.Format(time.RFC3339), a.Text)
		spoken = append(spoken, a)
		return message(a.ID, a.raw)
	}
	first.deliver(t, say(0))
	for round := range 5 {
		minute := 10 * round
		second.deliver(t, say(minute+20))
		first.deliver(t, say(minute+15)) // newer than all that it has seen
		checkIndex(t, s.Tables.rows(t, "conversations"), kept(spoken))
	}
	if got := conversation(t, s.Tables.rows(t, "messages"), assistant, "c"); len(got) != len(spoken) {
		t.Errorf("%d activities stored, want %d", len(got), len(spoken))
	}
}

// accident is another thing that happens to an invocation.
func accident(random *rand.Rand) functionshost.Fault {
	accidents := []functionshost.Fault{
		functionshost.DropAnswer(), functionshost.LoseLock(), functionshost.Duplicate(), functionshost.Reverse(), functionshost.CutBody(0),
	}
	return accidents[random.IntN(len(accidents))]
}

// trap stands before the table service and springs at one of the next requests.
type trap struct {
	next http.Handler

	mu     sync.Mutex
	left   int
	after  bool
	spring func() // nil: not armed
}

// arm lets the trap spring after so many more requests: in place of the next one,
// or after it and in place of its answer.
func (t *trap) arm(requests int, after bool, spring func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left, t.after, t.spring = requests, after, spring
}

func (t *trap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	spring, after := t.step()
	if spring == nil {
		t.next.ServeHTTP(w, r)
		return
	}
	if after {
		t.next.ServeHTTP(httptest.NewRecorder(), r)
	}
	spring()
	panic(http.ErrAbortHandler)
}

func (t *trap) step() (spring func(), after bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spring == nil || t.left > 0 {
		t.left--
		return nil, false
	}
	spring, t.spring = t.spring, nil
	return spring, t.after
}

// conversations are made up: over several days, in several scripts, some of it
// longer than a column.
func conversations(random *rand.Rand, count, activities int) map[string][]sent {
	made := map[string][]sent{}
	for number := range count {
		id := fmt.Sprintf("会話/%d", number)
		at := time.Date(2026, 2, 28, 23, 50, 0, 0, time.UTC).Add(time.Duration(number) * time.Second)
		for turn := range activities {
			at = at.Add(time.Duration(1+random.IntN(90_000)) * time.Millisecond)
			a := sent{Type: "message", ID: fmt.Sprintf("%s|%07d", id, turn), Timestamp: at, Text: fmt.Sprintf("turn %d of %s 👋", turn, id)}
			if random.IntN(20) == 0 {
				a.Text = strings.Repeat(a.Text, 2000)
			}
			a.raw = fmt.Sprintf(`{"type":"message", "id":%q,"timestamp":%q,"conversation":{"id":%q},"from":{"id":"dl_%d","name":"Ada","role":"user"},"text":%q}`,
				a.ID, at.Format("2006-01-02T15:04:05.000Z"), id, number, a.Text)
			a.Conversation.ID = id
			made[id] = append(made[id], a)
		}
	}
	return made
}

// messagesOf puts activities into messages in random order, alone or several in
// one, and some of them again in another message.
func messagesOf(random *rand.Rand, spoken map[string][]sent) []bus.Message {
	var all []sent
	for _, activities := range spoken {
		all = append(all, activities...)
	}
	slices.SortFunc(all, func(a, b sent) int { return strings.Compare(a.ID, b.ID) }) // maps have no order, seeds do
	resent := slices.Clone(all[:len(all)/5])
	all = append(all, resent...)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var messages []bus.Message
	for len(all) > 0 {
		count := min(1+random.IntN(3), len(all))
		body := all[0].raw
		if count > 1 {
			bodies := make([]string, count)
			for i := range bodies {
				bodies[i] = all[i].raw
			}
			body = "[" + strings.Join(bodies, ",") + "]"
		}
		messages = append(messages, message(fmt.Sprintf("m-%d", len(messages)), body))
		all = all[count:]
	}
	return messages
}

// checkKept holds both tables to exactly what was said.
func checkKept(t *testing.T, s *System, spoken map[string][]sent) {
	t.Helper()
	rows, index := s.Tables.rows(t, "messages"), s.Tables.rows(t, "conversations")
	total := 0
	for id, activities := range spoken {
		total += len(activities)
		if diff := cmp.Diff(stored(t, activities), conversation(t, rows, assistant, id)); diff != "" {
			t.Errorf("conversation %s (-sent +stored):\n%s", id, diff)
		}
		checkIndex(t, index, activities)
	}
	if len(rows) != total {
		t.Errorf("%d rows for %d activities", len(rows), total)
	}
}

// The table service fails in every way while activities arrive: what it did in
// spite of that, and what not, must make no difference.
func TestWhateverTheTableServiceDoesEveryActivityIsKeptOnce(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Fault{
		"busy":                   faults.Answer(http.StatusServiceUnavailable, "ServerBusy").Times(6),
		"broken":                 faults.Answer(http.StatusInternalServerError, "InternalError").Times(6),
		"throttling":             faults.Throttle(time.Second).Times(4),
		"cut before a write":     faults.Cut().Times(12),
		"cut after a commit":     faults.CutAfterWork().Times(12),
		"hanging once":           faults.Hang().Times(1),
		"not to be signed in to": faults.Answer(http.StatusUnauthorized, "InvalidAuthenticationInfo").Times(3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystemWithTables(t, cloud.Options{DeliveryCount: 1000})
			i := s.startInstance(t)
			random := rand.New(rand.NewPCG(1, 2))
			spoken := conversations(random, 6, 10)
			s.TableFaults.Add(fault)
			i.deliver(t, messagesOf(random, spoken)...)
			if s.TableFaults.Hits() == 0 {
				t.Error("no request met the fault")
			}
			i.nothingLost(t)
			checkKept(t, s, spoken)
		})
	}
}
