package directline

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"sync"

	"chatgate/internal/redacted"
)

// Key names one of a site's two secrets. The zero value names none.
type Key int

// The two secrets of a site: while one is being replaced, clients use the other.
const (
	Key1 Key = iota + 1
	Key2
)

// site holds the two secrets.
type site struct {
	id        string
	grammarID string // for speech recognition; opaque to clients

	mu      sync.Mutex
	secrets map[Key]redacted.Text
}

func newSite(key1, key2 redacted.Text) *site {
	made := &site{id: rand.Text()[:11], grammarID: rand.Text(), secrets: map[Key]redacted.Text{Key1: key1, Key2: key2}}
	for key, secret := range made.secrets {
		if secret.IsEmpty() {
			made.secrets[key] = newSecret()
		}
	}
	return made
}

// newSecret has the look of a Direct Line secret: two parts joined by a dot.
func newSecret() redacted.Text {
	return redacted.New(rand.Text()[:11] + "." + rand.Text() + rand.Text()[:17])
}

// accepts reports whether credential is one of the secrets.
func (s *site) accepts(credential string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	accepted := 0
	for _, secret := range s.secrets {
		accepted |= subtle.ConstantTimeCompare([]byte(secret.Reveal()), []byte(credential))
	}
	return accepted == 1
}

// Secret returns one of the site's secrets; an empty one where the key was
// revoked.
func (s *Server) Secret(key Key) redacted.Text {
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	return s.site.secrets[key]
}

// Regenerate replaces one of the two secrets and returns the new one; the old
// one is refused from now on, the other one stays valid. It panics for a key
// that is neither [Key1] nor [Key2].
func (s *Server) Regenerate(key Key) redacted.Text {
	fresh := newSecret()
	s.setSecret(key, fresh)
	return fresh
}

// RevokeKey makes one of the two secrets invalid without giving a new one.
// It panics for a key that is neither [Key1] nor [Key2].
func (s *Server) RevokeKey(key Key) {
	s.setSecret(key, redacted.Text{})
}

func (s *Server) setSecret(key Key, secret redacted.Text) {
	if key != Key1 && key != Key2 {
		panic(fmt.Sprintf("a site has key 1 and key 2, not %d", key))
	}
	s.site.mu.Lock()
	defer s.site.mu.Unlock()
	if secret.IsEmpty() {
		delete(s.site.secrets, key)
		return
	}
	s.site.secrets[key] = secret
}
