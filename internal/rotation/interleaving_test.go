package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"chatgate/internal/botservice"
	"chatgate/internal/directline"
	"chatgate/internal/redacted"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
)

const (
	botID    = "/subscriptions/s/resourceGroups/g/providers/Microsoft.BotService/botServices/b"
	siteName = "Default Site"
)

// azure is a vault with one secret and a bot with one site, in memory.
type azure struct {
	mu       sync.Mutex
	keys     botservice.Keys
	made     int
	versions []secrets.Details
	// staleLists and refusals are how many calls are still answered as if the
	// last regeneration had not happened.
	staleLists, refusals int
	stale                botservice.Keys
	// code is that of the refusals.
	code string
}

func newAzure() *azure {
	a := &azure{}
	a.keys = botservice.Keys{One: redacted.New("one.0"), Two: redacted.New("two.0")}
	a.versions = []secrets.Details{{
		Secret: secrets.Secret{Name: "s", Version: fmt.Sprintf("%032x", 0), Value: a.keys.One},
		Tags:   map[string]string{"CredentialId": "key1", "ProviderAddress": botID, "DirectLineSite": siteName},
	}}
	return a
}

// caller is azure as one process calls it. enter decides when a call happens, and
// whether it still does.
type caller struct {
	*azure

	enter func(call string) error
}

func (c caller) List(context.Context) (botservice.Keys, error) {
	if err := c.enter("list"); err != nil {
		return botservice.Keys{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.staleLists > 0 {
		c.staleLists--
		return c.stale, nil
	}
	return c.keys, nil
}

func (c caller) Regenerate(_ context.Context, key botservice.Key) error {
	if err := c.enter("regenerate"); err != nil {
		return err
	}
	c.regenerate(key)
	return nil
}

func (a *azure) regenerate(key botservice.Key) redacted.Text {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale = a.keys
	a.made++
	fresh := redacted.New(fmt.Sprintf("%s.%d", key, a.made))
	if key == botservice.Key1 {
		a.keys.One = fresh
	} else {
		a.keys.Two = fresh
	}
	return fresh
}

func (c caller) Current(context.Context, string) (secrets.Details, error) {
	if err := c.enter("current"); err != nil {
		return secrets.Details{}, err
	}
	return c.current(), nil
}

func (a *azure) current() secrets.Details {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.versions[len(a.versions)-1]
}

func (c caller) Write(_ context.Context, name string, draft secrets.Draft) (string, error) {
	if err := c.enter("write"); err != nil {
		return "", err
	}
	return c.write(name, draft.Value, draft.Tags), nil
}

func (a *azure) write(name string, value redacted.Text, tags map[string]string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	version := fmt.Sprintf("%032x", len(a.versions))
	a.versions = append(a.versions, secrets.Details{Secret: secrets.Secret{Name: name, Version: version, Value: value}, Tags: tags})
	return version
}

func (c caller) GenerateToken(_ context.Context, secret redacted.Text, _ string, _ []string) (directline.Token, error) {
	if err := c.enter("try"); err != nil {
		return directline.Token{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refusals > 0 {
		c.refusals--
		return directline.Token{}, &directline.Error{StatusCode: http.StatusForbidden, Code: c.code}
	}
	if !c.keys.Holding(secret).IsKnown() {
		return directline.Token{}, &directline.Error{StatusCode: http.StatusForbidden}
	}
	return directline.Token{}, nil
}

// isValid reports whether the secret's current version is a key.
func (a *azure) isValid() bool {
	current := a.current()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys.Holding(current.Value).IsKnown()
}

func (a *azure) rotator(enter func(call string) error) *rotation.Rotator {
	process := caller{a, enter}
	return rotation.New("https://v.vault.azure.net", process, []rotation.Assistant{{
		ID: "bankx", SecretName: "s", BotResourceID: botID, SiteName: siteName, Keys: process, DirectLine: process,
	}}, nil)
}

func (a *azure) event(version string) []byte {
	return []byte(eventOf("https://v.vault.azure.net/secrets/s/"+version, nil))
}

// Two instances get the same message (the first one's lock ran out), and each may
// end at any call. In whatever order their calls happen: once the message has been
// dealt with, the vault has a valid key, and it is a rotated one.
func TestTwoInstancesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			a := newAzure()
			event := a.event(a.current().Version)
			runs := []*process{start(a, event), start(a, event)}
			for {
				synctest.Wait()
				waiting := slices.DeleteFunc(slices.Clone(runs), func(p *process) bool { return p.ended() })
				if len(waiting) == 0 {
					break
				}
				next := waiting[rapid.IntRange(0, len(waiting)-1).Draw(rt, "whose call")]
				next.permit <- rapid.IntRange(0, 19).Draw(rt, "ends there") == 0
			}
			if runs[0].err == nil && runs[1].err == nil && !a.isValid() {
				rt.Fatal("both instances are content, and the vault has no valid key")
			}
			// The broker delivers again what was not completed.
			if _, err := a.rotator(func(string) error { return nil }).Handle(context.Background(), event); err != nil {
				rt.Fatalf("the last delivery: %v", err)
			}
			if !a.isValid() || a.current().Version == fmt.Sprintf("%032x", 0) {
				rt.Fatalf("the vault has version %s, valid: %v", a.current().Version, a.isValid())
			}
			for _, p := range runs {
				if p.err != nil && !errors.Is(p.err, errCrashed) {
					rt.Fatalf("an instance failed: %v", p.err)
				}
			}
		})
	})
}

// process is a run whose calls happen one by one, when they are permitted. Where
// the permission is true the process ends there.
type process struct {
	permit chan bool
	done   chan struct{}
	err    error
}

func start(a *azure, event []byte) *process {
	p := &process{permit: make(chan bool), done: make(chan struct{})}
	gone := false
	r := a.rotator(func(string) error {
		if gone || <-p.permit {
			gone = true
			return errCrashed
		}
		return nil
	})
	go func() {
		defer close(p.done)
		_, p.err = r.Handle(context.Background(), event)
	}()
	return p
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// One run alone, with or without its end at any call, never has an invalid key in
// the vault at any moment.
func TestOneInstanceAloneNeverLeavesTheVaultWithoutAValidKey(t *testing.T) {
	for at := range 20 {
		a := newAzure()
		event, calls := a.event(a.current().Version), 0
		run := func(end int) error {
			_, err := a.rotator(func(call string) error {
				if calls++; calls == end {
					return errCrashed
				}
				if !a.isValid() {
					t.Errorf("before %s (call %d) the vault has no valid key", call, calls)
				}
				return nil
			}).Handle(t.Context(), event)
			return err
		}
		first := run(at)
		if !a.isValid() {
			t.Errorf("after the end at call %d the vault has no valid key", at)
		}
		if err := run(-1); err != nil || !a.isValid() || a.current().Version == fmt.Sprintf("%032x", 0) {
			t.Errorf("end at call %d (%v): then %v, version %s", at, first, err, a.current().Version)
		}
	}
}

// An operator has written the other key since the run looked: it is in use now.
func TestAKeyThatCameIntoUseMeanwhileIsNotRegenerated(t *testing.T) {
	a := newAzure()
	event, looks := a.event(a.current().Version), 0
	outcomes, err := a.rotator(func(call string) error {
		if call == "current" {
			if looks++; looks == 2 {
				a.write("s", a.regenerate(botservice.Key2), nil)
			}
		}
		return nil
	}).Handle(t.Context(), event)
	if err != nil || len(outcomes) != 1 || outcomes[0].Result != rotation.Overtaken || !a.isValid() || a.made != 1 {
		t.Errorf("%+v, %v; valid: %v, %d regenerations", outcomes, err, a.isValid(), a.made)
	}
}

// An operator writes the other key in the one moment in which nothing can be asked
// any more: after the last look, before the regeneration.
func TestAKeyThatCameIntoUseInTheLastMomentIsReplacedAtOnce(t *testing.T) {
	a := newAzure()
	event := a.event(a.current().Version)
	outcomes, err := a.rotator(func(call string) error {
		if call == "regenerate" {
			a.write("s", a.regenerate(botservice.Key2), nil)
		}
		return nil
	}).Handle(t.Context(), event)
	if err != nil || len(outcomes) != 1 || outcomes[0].Result != rotation.Rotated || !a.isValid() {
		t.Errorf("%+v, %v; valid: %v", outcomes, err, a.isValid())
	}
}

func TestANewKeyIsWrittenOnlyOnceItIsKnownEverywhere(t *testing.T) {
	for name, test := range map[string]struct {
		staleLists, refusals int
		waits                time.Duration
		fails                string
	}{
		"known at once":                     {0, 0, 0, ""},
		"Bot Service tells the old one":     {2, 0, 6 * time.Second, ""},
		"Direct Line does not know it":      {0, 3, 9 * time.Second, ""},
		"both":                              {1, 1, 6 * time.Second, ""},
		"Bot Service tells the old forever": {1000, 0, 27 * time.Second, "the old one is still told"},
		"Direct Line never knows it":        {0, 1000, 27 * time.Second, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAzure()
				old := a.current()
				begin := time.Now()
				_, err := a.rotator(func(call string) error {
					if call == "regenerate" {
						a.staleLists, a.refusals = test.staleLists, test.refusals
					}
					return nil
				}).Handle(t.Context(), a.event(old.Version))
				if took := time.Since(begin); took != test.waits {
					t.Errorf("it waited %s, want %s", took, test.waits)
				}
				if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
					t.Errorf("err = %v, want %q", err, test.fails)
				}
				if err != nil && a.current().Version != old.Version {
					t.Error("a key was written that nobody knows")
				}
				if !a.isValid() {
					t.Error("the vault has no valid key")
				}
			})
		})
	}
}

func TestInTheWrongRegionNoKeyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure()
		a.refusals, a.code = 1000, "RegionNotAllowed"
		old, begin := a.current(), time.Now()
		_, err := a.rotator(func(string) error { return nil }).Handle(t.Context(), a.event(old.Version))
		if err == nil || !strings.Contains(err.Error(), "set DirectLineEndpoint") || time.Since(begin) != 0 {
			t.Errorf("err = %v after %s", err, time.Since(begin))
		}
		if a.current().Version != old.Version || !a.isValid() {
			t.Error("the key that is in use was touched")
		}
	})
}

func TestSomebodyWhoRegeneratesAgainAndAgainIsNotFollowedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure()
		writes := 0
		var wrote bool
		_, err := a.rotator(func(call string) error {
			if wrote {
				a.regenerate(botservice.Key2)
			}
			wrote = call == "write"
			if wrote {
				writes++
			}
			return nil
		}).Handle(t.Context(), a.event(a.current().Version))
		if err == nil || writes != 3 {
			t.Errorf("err = %v after %d writes", err, writes)
		}
	})
}

func TestAWaitingRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure()
		a.refusals = 1000
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := a.rotator(func(string) error { return nil }).Handle(ctx, a.event(a.current().Version))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("err = %v after %s", err, time.Since(begin))
		}
	})
}

// The host may deliver again while the first delivery is still at work in this
// process.
func TestRunsOfOneProcessTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAzure()
		r := a.rotator(func(string) error {
			time.Sleep(time.Second)
			return nil
		})
		event := a.event(a.current().Version)
		var results []rotation.Result
		var mu sync.Mutex
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				outcomes, err := r.Handle(t.Context(), event)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				results = append(results, outcomes[0].Result)
			})
		}
		synctest.Wait()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Handle(hasty, event); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a third one did not wait for its turn: %v", err)
		}
		both.Wait()
		if !slices.Equal(results, []rotation.Result{rotation.Rotated, rotation.AlreadyDone}) || a.made != 1 {
			t.Errorf("results %v, %d regenerations", results, a.made)
		}
	})
}
