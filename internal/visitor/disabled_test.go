package visitor_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/visitor"
)

// After a leak the key is disabled. That ends its tokens within the hour, also
// where no newer key was made.
func TestTokensOfADisabledKeyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := twoKeys()
		signer := newSigner(t, vault, newClock())
		token := sign(t, signer)
		vault.set(func() { delete(vault.keys, v2) })
		var verdict visitor.Verdict
		for range 65 {
			_, verdict = signer.Verify(t.Context(), "bankx", token)
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if verdict != visitor.Invalid {
			t.Errorf("after an hour the verdict is %d", verdict)
		}
	})
}

// Otherwise whoever has the key would change what it signed, within that hour, into
// a token of the next key.
func TestATokenOfAnOlderKeyIsReplacedOnlyIfTheVaultConfirmsTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vault := twoKeys()
		vault.set(func() { vault.latest = v1 })
		token := sign(t, newSigner(t, vault, newClock()))
		vault.set(func() { vault.latest = v2 })
		signer := newSigner(t, vault, newClock())
		want := func(when, wantUser string, wantVerdict visitor.Verdict) {
			t.Helper()
			time.Sleep(10 * time.Second) // for which the vault's last word is taken no more
			if user, verdict := signer.Verify(t.Context(), "bankx", token); user != wantUser || verdict != wantVerdict {
				t.Errorf("%s: %q, verdict %d; want %q, %d", when, user, verdict, wantUser, wantVerdict)
			}
		}
		want("the key is in force", userID, visitor.Valid)
		vault.set(func() { vault.err = errors.New("away") })
		want("the vault is away", userID, visitor.Unconfirmed)
		vault.set(func() { vault.err = nil })
		want("the vault is back", userID, visitor.Valid)
		vault.set(func() { delete(vault.keys, v1) })
		want("the key is disabled", "", visitor.Invalid)
	})
}
