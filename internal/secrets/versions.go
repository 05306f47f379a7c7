package secrets

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// versionInterval is the least time between two reads of versions of one
	// secret that are not known here: strangers choose the ids. Each secret has
	// its own turns, so that who may ask for one keeps nobody from another.
	versionInterval = 5 * time.Second

	// versionMaxAge is how long a version counts as there, or as not there,
	// without asking the vault again: a key that is disabled there stops working
	// within it, and one that is enabled again works.
	versionMaxAge = time.Hour

	// versionMaxStale is how long a version counts as there at most, whatever
	// keeps the vault from being asked.
	versionMaxStale = 24 * time.Hour

	// maxUnknown is how many ids that turned out not to exist are remembered.
	// At one each 5 s that is an hour and a half.
	maxUnknown = 1024
)

type versionOf struct {
	name, version string
}

// seenVersion is a version, and when the vault last gave it.
type seenVersion struct {
	secret Secret
	asOf   time.Time
	asked  time.Time // when the vault was last asked again
}

// versions remembers single versions of secrets. Its methods are called with the
// cache's lock held.
type versions struct {
	// known grows only by versions that the vault has, so strangers cannot make
	// it grow.
	known     map[versionOf]seenVersion
	unknown   map[versionOf]time.Time // when the vault said so
	oldest    []versionOf             // the keys of unknown, in the order of their coming
	inFlight  map[versionOf]*read
	notBefore map[string]time.Time // by name of the secret
}

func newVersions() versions {
	return versions{
		known:     map[versionOf]seenVersion{},
		unknown:   map[versionOf]time.Time{},
		inFlight:  map[versionOf]*read{},
		notBefore: map[string]time.Time{},
	}
}

func (v *versions) remember(secret Secret) {
	of := versionOf{secret.Name, secret.Version}
	v.known[of] = seenVersion{secret: secret, asOf: time.Now()}
	v.forgetUnknown(of)
}

func (v *versions) forget(of versionOf) {
	delete(v.known, of)
	v.forgetUnknown(of)
	if len(v.oldest) == maxUnknown {
		delete(v.unknown, v.oldest[0])
		v.oldest = v.oldest[1:]
	}
	v.unknown[of] = time.Now()
	v.oldest = append(v.oldest, of)
}

func (v *versions) forgetUnknown(of versionOf) {
	if _, found := v.unknown[of]; found {
		delete(v.unknown, of)
		v.oldest = slices.DeleteFunc(v.oldest, func(other versionOf) bool { return other == of })
	}
}

// Version returns one version of a secret, current or not. Versions that were
// seen are remembered, and for an hour ids that do not exist as such, so that
// strangers who make up ids cause at most one read of a secret each 5 s. A failure
// that may pass is not remembered. A version that was last seen an hour ago is
// read again in the background: one that has been disabled meanwhile is then
// unknown, while the vault's absence changes nothing.
//
// Whoever lets something in by a key asks here, for the current version too: what
// [Cache.Get] has goes on serving when it is disabled and there is no newer one.
//
// The error is or wraps [ErrNotFound], or is a *problem.Error
// secret_unavailable.
func (c *Cache) Version(ctx context.Context, name, version string) (Secret, error) {
	if !IsVersion(version) {
		return Secret{}, ErrNotFound
	}
	of := versionOf{name, version}
	c.mu.Lock()
	seen, isKnown := c.versions.known[of]
	refused, isUnknown := c.versions.unknown[of]
	isUnknown = isUnknown && time.Since(refused) <= versionMaxAge
	if isKnown && time.Since(seen.asOf) > versionMaxAge {
		c.askAgain(ctx, of, seen)
	}
	isKnown = isKnown && time.Since(seen.asOf) <= versionMaxStale
	if isKnown || isUnknown {
		c.mu.Unlock()
		return seen.secret, found(isKnown)
	}
	r, err := c.versionRead(ctx, of)
	c.mu.Unlock()
	if err != nil {
		return Secret{}, err
	}
	return r.wait(ctx)
}

// Confirm asks the vault whether a version is still there. Whoever hands out anew,
// under the current key, what came under an older one asks here first: [Cache.Version]
// may go on for an hour with a key that was disabled because it leaked, and what is
// handed out in that hour would outlive the key.
//
// All callers share one read, which starts at most every 5 s; for as long the vault's
// word is taken. The error is or wraps [ErrNotFound], or is a *problem.Error
// secret_unavailable.
func (c *Cache) Confirm(ctx context.Context, name, version string) error {
	of := versionOf{name, version}
	c.mu.Lock()
	seen, isKnown := c.versions.known[of]
	if !isKnown {
		c.mu.Unlock()
		_, err := c.Version(ctx, name, version)
		return err
	}
	if time.Since(seen.asOf) < versionInterval {
		c.mu.Unlock()
		return nil
	}
	r := c.askAgain(ctx, of, seen)
	c.mu.Unlock()
	if r == nil {
		return unavailable(errTooSoon, versionInterval)
	}
	_, err := r.wait(ctx)
	return err
}

func found(yes bool) error {
	if yes {
		return nil
	}
	return ErrNotFound
}

// askAgain returns the read of a known version that is under way or can begin now;
// nil where none can. Strangers cannot keep it from being read: it is paced by
// itself, not together with unknown ones. The caller holds c.mu.
func (c *Cache) askAgain(ctx context.Context, of versionOf, seen seenVersion) *read {
	if r := c.versions.inFlight[of]; r != nil {
		return r
	}
	if c.closed || time.Since(seen.asked) < versionInterval {
		return nil
	}
	seen.asked = time.Now()
	c.versions.known[of] = seen
	return c.startVersion(ctx, of)
}

// versionRead returns the read to wait for. The caller holds c.mu.
func (c *Cache) versionRead(ctx context.Context, of versionOf) (*read, error) {
	if r := c.versions.inFlight[of]; r != nil {
		return r, nil
	}
	if wait := time.Until(c.versions.notBefore[of.name]); wait > 0 {
		return nil, unavailable(errTooSoon, wait)
	}
	if c.closed {
		return nil, unavailable(errClosed, versionInterval)
	}
	c.versions.notBefore[of.name] = time.Now().Add(versionInterval)
	return c.startVersion(ctx, of), nil
}

// startVersion starts reading a version. The caller holds c.mu.
func (c *Cache) startVersion(ctx context.Context, of versionOf) *read {
	r := c.start(ctx, readOf{name: of.name, version: of.version}, func(r *read) {
		delete(c.versions.inFlight, of)
		switch {
		case r.err == nil:
			c.versions.remember(r.secret)
		case errors.Is(r.err, ErrNotFound):
			c.versions.forget(of)
		}
	})
	c.versions.inFlight[of] = r
	return r
}
