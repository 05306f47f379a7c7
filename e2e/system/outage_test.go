package system_test

import (
	"net/http"
	"testing"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/functionshost"
)

// A store that is away costs no visitor their chat: it shows in Health, and the
// activities wait in the queue.
func TestTokensAreIssuedWhileTheTableServiceIsDown(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{DeliveryCount: 1000})
	i := s.startInstance(t)
	i.awaitHealth(t, http.StatusOK)
	s.TableFaults.Add(faults.Answer(http.StatusServiceUnavailable, "ServerBusy"))
	if err := s.Bus.Send(t.Context(), cloud.ActivityQueue, message("m", said("c", "1", "hello"))); err != nil {
		t.Fatal(err)
	}
	i.await(t, func(counts bus.Counts) bool { return counts.Abandoned > 0 })
	failed := i.lastInvocation(t, persist)
	if failed.Status != http.StatusInternalServerError || failed.Err == nil {
		t.Errorf("PersistConversation answered %d, want 500 so that the batch comes again", failed.Status)
	}
	i.awaitHealth(t, http.StatusServiceUnavailable, "conversation_store")
	for range 3 {
		given := i.issue(t, "")
		i.refresh(t, given.Token)
	}

	s.TableFaults.Clear()
	i.awaitIdle(t)
	i.awaitHealth(t, http.StatusOK)
	i.nothingLost(t)
	if got := conversation(t, s.Tables.rows(t, "messages"), assistant, "c"); len(got) != 1 {
		t.Errorf("%d activities stored, want 1", len(got))
	}
}

// What is wrong with Direct Line is no reason to lose activities.
func TestActivitiesAreKeptWhileDirectLineAndTheVaultAreDown(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	s.Vault.Faults.Add(faults.Cut())
	s.DirectLine.Fail(directline.Any, 0, directline.Cut())
	i := s.startInstance(t)
	i.deliver(t, message("m", said("c", "1", "hello")))
	i.nothingLost(t)
	if got := conversation(t, s.Tables.rows(t, "messages"), assistant, "c"); len(got) != 1 {
		t.Errorf("%d activities stored, want 1", len(got))
	}
}

// lastInvocation is the newest one of a function that has ended; it waits for one.
func (i *instance) lastInvocation(t *testing.T, function string) (last functionshost.Invocation) {
	t.Helper()
	poll(t, "an invocation of "+function+" to end", func() bool {
		for _, each := range i.ended() {
			if each.Function == function {
				last = each
			}
		}
		return last.Function == function
	})
	return last
}
