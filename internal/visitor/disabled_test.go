package visitor_test

import (
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
		vault.mu.Lock()
		delete(vault.keys, v2)
		vault.mu.Unlock()
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
