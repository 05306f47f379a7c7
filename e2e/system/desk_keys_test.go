package system_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"testing"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/faults"
)

// Entra ID signs with a new key from one moment to the next, while a stranger
// floods the app with key ids that do not exist.
func TestANewKeyOfEntraIsFoundUnderAFloodOfMadeUpOnes(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	before := i.reader(t)
	before.list(t, assistant, nil)
	ctx, stop := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	defer strangers.Wait()
	defer stop()
	for range 2 {
		strangers.Go(func() { flood(ctx, t, i) })
	}

	s.Desk.Tenant.Rotate()
	after := i.reader(t)
	poll(t, "a token signed by the new key to be taken", func() bool {
		if got := before.ask(t, http.MethodGet, "assistants"); got.status != http.StatusOK {
			t.Fatalf("a token of the old key, which is still published: %d %s", got.status, got.body)
		}
		return after.ask(t, http.MethodGet, "assistants").status == http.StatusOK
	})
	if reads := s.Desk.Tenant.KeyReads(); reads > 4 {
		t.Errorf("the new key was found by %d reads of the key set", reads)
	}
	if others := s.Desk.Other.KeyReads(); others > 0 {
		t.Errorf("the key set of a tenant without assistants was read %d times", others)
	}
}

// flood asks with one made-up key id after the other.
func flood(ctx context.Context, t *testing.T, i *instance) {
	for ctx.Err() == nil {
		token, err := i.system.Desk.Tenant.PersonToken(i.system.Desk.API.ClientID, i.system.Desk.Eraser,
			func(d *entra.Draft) { d.Header["kid"] = rand.Text() })
		if err != nil {
			t.Error(err)
			return
		}
		stranger := &consultant{app: i.app, token: token.Reveal()}
		got, err := i.try(context.WithoutCancel(ctx), stranger.deskRequest(http.MethodGet, "assistants"))
		if err != nil || got.status != http.StatusUnauthorized {
			t.Errorf("a made-up key id: %d %s %v", got.status, got.body, err)
			return
		}
	}
}

// Without Entra ID nobody can sign in anew, but who is signed in goes on.
func TestTheDeskGoesOnWhileEntraIsAway(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Fault{
		"broken": faults.Answer(http.StatusInternalServerError, "canary-of-entra"),
		"gone":   faults.Cut(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystemWithTables(t, cloud.Options{})
			s.canaries.add("error of Entra ID", "canary-of-entra")
			warm := s.startInstance(t)
			warm.reader(t).list(t, assistant, nil)
			s.Directory.Faults.Add(fault)
			cold := s.startInstance(t)
			for range 3 {
				warm.reader(t).list(t, assistant, nil)
				got := cold.reader(t).ask(t, http.MethodGet, "assistants")
				wantProblem(t, got, http.StatusServiceUnavailable, "directory_unavailable")
			}
			cold.issue(t, "") // the chat needs no directory
			s.Directory.Faults.Clear()
			poll(t, "the keys to be read", func() bool {
				return cold.reader(t).ask(t, http.MethodGet, "assistants").status == http.StatusOK
			})
		})
	}
}
