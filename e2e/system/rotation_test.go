package system_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
)

// The documented order of a rotation: the bot's other key becomes a new version
// of the secret in the vault, then the old key is regenerated. The handler learns
// of it only by being refused, and reads the vault anew at most each 5 s.
func TestSixRotationsUnderLoadFailNoRequest(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	p := s.startHandler(t)
	p.issue(t, "")
	crowd := p.newCrowd(t, 6)
	inUse, other := directline.Key1, directline.Key2
	for range 6 {
		s.Vault.Set(cloud.DirectLineSecret, s.DirectLine.Secret(other).Reveal())
		s.canaries.add("Direct Line secret", s.DirectLine.Regenerate(inUse).Reveal())
		inUse, other = other, inUse
		crowd.awaitAll(t)
	}
	served := crowd.leave()
	reads := s.Vault.Reads(cloud.DirectLineSecret)
	t.Logf("%d tokens issued, %d reads of the vault", served, reads)
	if reads < 7 || reads > 12 {
		t.Errorf("%d reads of the vault for 6 rotations, want one each, shared by all who wait", reads)
	}
}

// crowd are visitors who ask for tokens one after the other, all of whom must get
// one.
type crowd struct {
	members []*member
	stop    context.CancelFunc
	gone    sync.WaitGroup
	served  atomic.Int64
	round   atomic.Int64
}

// member is a visitor; done is the newest round in which a request of theirs
// began and was answered.
type member struct{ done atomic.Int64 }

func (a *app) newCrowd(t *testing.T, size int) *crowd {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &crowd{stop: stop}
	for range size {
		each := &member{}
		c.members = append(c.members, each)
		c.gone.Go(func() {
			for ctx.Err() == nil {
				c.ask(ctx, t, a, each)
			}
		})
	}
	t.Cleanup(func() { c.leave() })
	return c
}

func (c *crowd) ask(ctx context.Context, t *testing.T, a *app, who *member) {
	round := c.round.Load()
	got, err := a.try(context.WithoutCancel(ctx), request{path: "/api/GetNewToken"})
	if err == nil {
		_, err = a.granted(got)
	}
	if err != nil {
		t.Errorf("a visitor got no token: %v", err)
	}
	c.served.Add(1)
	who.done.Store(round)
}

// awaitAll waits until each member has been answered to a request that began
// after this call.
func (c *crowd) awaitAll(t *testing.T) {
	t.Helper()
	round := c.round.Add(1)
	poll(t, "everybody to get a token", func() bool {
		for _, each := range c.members {
			if each.done.Load() < round {
				return false
			}
		}
		return true
	})
}

// leave ends the crowd and returns how many requests it made. It may be called
// again.
func (c *crowd) leave() int64 {
	c.stop()
	c.gone.Wait()
	return c.served.Load()
}
