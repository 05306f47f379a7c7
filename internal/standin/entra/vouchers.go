package entra

import (
	"crypto/rand"
	"sync"
	"time"
)

// Lives of what is exchanged for tokens. Entra ID's codes live ten minutes; ours
// are shorter, so that a page which dawdles is noticed. Refresh tokens of
// single-page applications live a day, however often they are renewed
// (learn.microsoft.com/entra/identity-platform/refresh-tokens).
const (
	codeLifetime    = time.Minute
	refreshLifetime = 24 * time.Hour
)

// maxVouchers bounds the memory: beyond it the oldest are forgotten.
const maxVouchers = 10_000

// voucher is what an authorization code or a refresh token stands for.
type voucher struct {
	refreshes    bool // it is a refresh token
	clientID     string
	organization *Organization
	objectID     string
	scope        string
	expires      time.Time

	// Of codes only.
	redirectURI string
	challenge   string
	nonce       string

	used bool
}

// vouchers are kept until they expire, used or not, so that using one again can
// be told from making one up.
type vouchers struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]*voucher
	order []string // oldest first
}

func newVouchers(now func() time.Time) *vouchers {
	return &vouchers{now: now, known: map[string]*voucher{}}
}

// add keeps a voucher and returns what it is redeemed by.
func (v *vouchers) add(added voucher) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.order) > 0 && (len(v.order) >= maxVouchers || !v.now().Before(v.known[v.order[0]].expires)) {
		delete(v.known, v.order[0])
		v.order = v.order[1:]
	}
	text := "1." + rand.Text() + rand.Text()
	v.known[text] = &added
	v.order = append(v.order, text)
	return text
}

// look returns a voucher without using it.
func (v *vouchers) look(text string) (voucher, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, known := v.known[text]
	if !known {
		return voucher{}, false
	}
	return *found, true
}

// use marks a voucher as used; false: it was, or is not known.
func (v *vouchers) use(text string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, known := v.known[text]
	if !known || found.used {
		return false
	}
	found.used = true
	return true
}
