package handshake_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/handshake"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	"chatgate/internal/visitor"
)

// errAway is the failure of a vault that cannot be reached.
var errAway = errors.New("the vault is away")

func TestIssueGrantsANewConversationToANewUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		grant := w.mustIssue(t, redacted.Text{})
		if !strings.HasPrefix(grant.UserID, "dl_") || len(grant.UserID) < 25 {
			t.Errorf("user id %q", grant.UserID)
		}
		if user, verdict := w.signer.Verify(t.Context(), "bankx", grant.Visitor); verdict != visitor.Valid || user != grant.UserID {
			t.Errorf("the visitor token names %q, %v", user, verdict)
		}
		if grant.ExpiresIn != 3600 || grant.ConversationID != "conversation-1" || grant.Domain != domain || grant.Token.IsEmpty() {
			t.Errorf("grant = %+v", grant)
		}
		want := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		if grant.ExpiresAt != want || grant.ExpiresAt.Location() != time.UTC {
			t.Errorf("expires at %v, want %v", grant.ExpiresAt, want)
		}
		sent := map[string]any{"user": map[string]any{"id": grant.UserID}, "trustedOrigins": []any{origin}}
		if diff := cmp.Diff(sent, w.direct.generated[0]); diff != "" {
			t.Errorf("generate got (-want +got):\n%s", diff)
		}
		if other := w.mustIssue(t, redacted.Text{}); other.UserID == grant.UserID || other.ConversationID == grant.ConversationID {
			t.Error("two visitors got one user or one conversation")
		}
	})
}

func TestAVisitorTokenKeepsTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.mustIssue(t, redacted.Text{})
		time.Sleep(24 * time.Hour)
		second := w.mustIssue(t, first.Visitor)
		if second.UserID != first.UserID || second.ConversationID == first.ConversationID {
			t.Errorf("second = %+v, want the user %s in a new conversation", second, first.UserID)
		}
		if second.Visitor.Reveal() == first.Visitor.Reveal() {
			t.Error("the visitor token was not prolonged")
		}
		ofOther, err := w.signer.Sign(t.Context(), "banky", first.UserID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * 24 * time.Hour)
		for name, token := range map[string]redacted.Text{
			"expired": first.Visitor, "another assistant's": ofOther, "no token": redacted.New("x"), "over 8 KiB": redacted.New(strings.Repeat("x", 9<<10)),
		} {
			if got := w.mustIssue(t, token); got.UserID == first.UserID || got.Visitor.IsEmpty() {
				t.Errorf("%s: got %+v, want a new user with a visitor token", name, got)
			}
		}
	})
}

func TestIssuesAreNeverMadeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.direct.latency = time.Second
		var mu sync.Mutex
		users, conversations := map[string]bool{}, map[string]bool{}
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				grant := w.mustIssue(t, redacted.Text{})
				mu.Lock()
				defer mu.Unlock()
				users[grant.UserID], conversations[grant.ConversationID] = true, true
			})
		}
		group.Wait()
		if len(users) != 50 || len(conversations) != 50 {
			t.Errorf("50 visitors got %d ids and %d conversations", len(users), len(conversations))
		}
		if w.vault.count(secretName) != 1 {
			t.Errorf("%d reads of the secret, want one for all", w.vault.count(secretName))
		}
	})
}

func TestAnAssistantThatWasNotSetUpGetsNoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, id := range []string{"", "banky", "BankX"} {
			_, err := w.issuer.Issue(t.Context(), id, redacted.Text{})
			wantProblem(t, err, problem.Internal)
			_, err = w.issuer.Refresh(t.Context(), id, redacted.New("t"))
			wantProblem(t, err, problem.Internal)
		}
		if w.direct.seen() > 0 {
			t.Errorf("%d calls of Direct Line", w.direct.seen())
		}
	})
}

func TestFailuresOfGenerate(t *testing.T) {
	wait := func(value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		code    problem.Code
		after   time.Duration
		calls   int
		says    string
	}{
		"400":                     {repeated(1, refusal(400, "BadArgument")), problem.DirectLineUnavailable, 0, 1, "400 BadArgument"},
		"404":                     {repeated(1, refusal(404, "ServiceError")), problem.DirectLineUnavailable, 0, 1, "404"},
		"429 that says when":      {repeated(1, wait("17")), problem.DirectLineThrottled, 17 * time.Second, 1, "429"},
		"429 that does not":       {repeated(1, refusal(429, "")), problem.DirectLineThrottled, 0, 1, "429"},
		"500 to the end":          {repeated(9, refusal(500, "ServiceError")), problem.DirectLineUnavailable, 0, 4, "500 ServiceError"},
		"503 to the end":          {repeated(9, refusal(503, "")), problem.DirectLineUnavailable, 0, 4, "503"},
		"a redirect":              {repeated(1, refusal(302, "")), problem.DirectLineUnavailable, 0, 1, "302"},
		"not JSON":                {repeated(1, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("private text")) }), problem.DirectLineUnavailable, 0, 1, "not usable"},
		"401":                     {repeated(1, refusal(401, "")), problem.DirectLineRefused, 0, 1, "401"},
		"403":                     {repeated(1, refusal(403, "BadArgument")), problem.DirectLineRefused, 0, 1, "403 BadArgument"},
		"403 of the wrong region": {repeated(1, refusal(403, "RegionNotAllowed")), problem.DirectLineRefused, 0, 1, "403 RegionNotAllowed: the bot is in another region; set DirectLineEndpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.direct.next(test.answers...)
				_, err := w.issue(t)
				failure := wantProblem(t, err, test.code)
				if failure.RetryAfter != test.after || !strings.Contains(err.Error(), test.says) {
					t.Errorf("err = %v after %v, want %q after %v", err, failure.RetryAfter, test.says, test.after)
				}
				if w.direct.seen() != test.calls {
					t.Errorf("%d calls, want %d", w.direct.seen(), test.calls)
				}
			})
		})
	}
}

func TestARefusedSecretIsReadAnewAndTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustIssue(t, redacted.Text{})
		w.vault.put(secretName, "key2.0")
		w.direct.regenerate("key1.0", "key1.1")
		grant := w.mustIssue(t, redacted.Text{})
		if grant.Token.IsEmpty() || w.direct.seen() != 3 || w.vault.count(secretName) != 2 {
			t.Errorf("%d calls and %d reads, want 3 and 2", w.direct.seen(), w.vault.count(secretName))
		}
		first, second := w.direct.generated[1], w.direct.generated[2]
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the second try is for somebody else:\n%s", diff)
		}
	})
}

func TestASecretThatIsStillRefusedIsAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustIssue(t, redacted.Text{})
		w.vault.put(secretName, "key-of-another-bot")
		w.direct.regenerate("key1.0", "key1.1")
		waited := took(func() {
			_, err := w.issue(t)
			wantProblem(t, err, problem.DirectLineRefused)
		})
		if w.direct.seen() != 3 || waited > time.Second {
			t.Errorf("%d calls in %v, want one retry at once", w.direct.seen(), waited)
		}
	})
}

func TestASecondFailureAfterTheReReadIsNamedForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustIssue(t, redacted.Text{})
		w.vault.put(secretName, "key2.0")
		w.direct.next(refusal(401, ""), refusal(429, ""))
		_, err := w.issue(t)
		wantProblem(t, err, problem.DirectLineThrottled)
	})
}

func TestARefusedSecretWithTheVaultAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustIssue(t, redacted.Text{})
		w.vault.errs[secretName] = errAway
		w.mustIssue(t, redacted.Text{}) // the cached secret goes on serving
		w.direct.regenerate("key1.0", "key1.1")
		_, err := w.issue(t)
		wantProblem(t, err, problem.DirectLineRefused)
		if !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), errAway.Error()) {
			t.Errorf("err = %v, want both causes in the log", err)
		}
	})
}

func TestASecretThatCannotBeSentCountsAsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.put(secretName, "key1\r\nX-Evil: 1")
		_, err := w.issue(t)
		wantProblem(t, err, problem.DirectLineRefused)
		w.vault.put(secretName, "key1.0")
		time.Sleep(5 * time.Second)
		w.mustIssue(t, redacted.Text{})
		if w.direct.seen() != 1 {
			t.Errorf("%d calls, want the good one only", w.direct.seen())
		}
	})
}

func TestWithNoSecretThereIsNoCall(t *testing.T) {
	for name, cause := range map[string]error{"vault away": errAway, "no such secret": secrets.ErrNotFound} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.vault.errs[secretName] = cause
				_, err := w.issue(t)
				if failure := wantProblem(t, err, problem.SecretUnavailable); failure.RetryAfter <= 0 {
					t.Error("it does not say when to try again")
				}
				if w.direct.seen() != 0 {
					t.Error("Direct Line was called without a secret")
				}
				delete(w.vault.errs, secretName)
				time.Sleep(2 * time.Second)
				w.mustIssue(t, redacted.Text{})
			})
		})
	}
}

func TestAnIssueKeepsTo10Seconds(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		prepare func(*world)
		code    problem.Code // "" is success
	}{
		"Direct Line hangs":      {func(w *world) { w.direct.next(repeated(9, hang)...) }, problem.DirectLineUnavailable},
		"Direct Line hangs once": {func(w *world) { w.direct.next(hang) }, ""},
		"the vault hangs":        {func(w *world) { w.vault.delays[secretName] = time.Hour }, problem.SecretUnavailable},
		"both are slow": {func(w *world) {
			w.vault.delays[secretName] = 7 * time.Second
			w.direct.next(repeated(9, hang)...)
		}, problem.DirectLineUnavailable},
		"every secret hangs": {func(w *world) {
			w.vault.delays[secretName], w.vault.delays[keyName] = time.Hour, time.Hour
		}, problem.SecretUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				test.prepare(w)
				var err error
				if waited := took(func() { _, err = w.issue(t) }); waited >= 10*time.Second {
					t.Errorf("took %v", waited)
				}
				if test.code != "" {
					wantProblem(t, err, test.code)
				} else if err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTokensDoNotDependOnTheVisitorKey(t *testing.T) {
	for name, prepare := range map[string]func(*vault){
		"away":     func(v *vault) { v.errs[keyName] = errAway },
		"missing":  func(v *vault) { v.errs[keyName] = secrets.ErrNotFound },
		"too weak": func(v *vault) { v.put(keyName, "c2hvcnQ=") },
		"hanging":  func(v *vault) { v.delays[keyName] = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				prepare(w.vault)
				var grant handshake.Grant
				waited := took(func() { grant = w.mustIssue(t, redacted.New("some.visitor.token")) })
				if !grant.Visitor.IsEmpty() || !strings.HasPrefix(grant.UserID, "dl_") || grant.Token.IsEmpty() {
					t.Errorf("grant = %+v, want a token and no visitor token", grant)
				}
				if waited > 2*time.Second {
					t.Errorf("it took %v, want at most 2 s", waited)
				}
				if !strings.Contains(w.log.String(), "without a visitor token") {
					t.Errorf("the log does not say why:\n%s", w.log)
				}
			})
		})
	}
}

// A stranger's made-up key version takes the one read that there is each 5 s. A
// visitor whose token cannot be checked meanwhile must not lose it for good.
func TestAVisitorWhoCannotBeIdentifiedNowKeepsTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.put(keyName, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
		first := w.mustIssue(t, redacted.Text{})
		w.vault.errs[keyName] = errAway
		time.Sleep(time.Hour)
		w.vault.put(keyName, "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=")
		cache := secrets.NewCache(w.vault, nil) // an instance that has not read the key
		t.Cleanup(cache.Close)
		issuer := handshake.NewIssuer([]handshake.Assistant{w.assistant}, cache, &handshake.IssuerOptions{
			Visitors: visitor.NewSigner(cache, keyName, nil),
		})
		away, err := issuer.Issue(t.Context(), "bankx", first.Visitor)
		if err != nil || away.UserID == first.UserID || !away.Visitor.IsEmpty() {
			t.Errorf("with the key away: %+v, %v; want another user and no visitor token in place of the good one", away, err)
		}
		delete(w.vault.errs, keyName)
		time.Sleep(5 * time.Second)
		back, err := issuer.Issue(t.Context(), "bankx", first.Visitor)
		if err != nil || back.UserID != first.UserID || back.Visitor.IsEmpty() {
			t.Errorf("with the key back: %+v, %v; want the user %s", back, err, first.UserID)
		}
	})
}

// A token of an older key is exchanged for one of the current key, but not where
// the older one may have been disabled.
func TestAVisitorOfAnOlderKeyKeepsTheTokenWhileTheVaultIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.mustIssue(t, redacted.Text{})
		w.vault.put(keyName, "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=")
		time.Sleep(time.Hour)
		w.mustIssue(t, redacted.Text{})
		synctest.Wait() // the newer key has been read
		w.vault.errs[keyName] = errAway
		time.Sleep(10 * time.Second)
		away := w.mustIssue(t, first.Visitor)
		if away.UserID != first.UserID || !away.Visitor.IsEmpty() {
			t.Errorf("with the vault away: user %s, a new visitor token: %t; want %s, false", away.UserID, !away.Visitor.IsEmpty(), first.UserID)
		}
		delete(w.vault.errs, keyName)
		time.Sleep(10 * time.Second)
		back := w.mustIssue(t, first.Visitor)
		if back.UserID != first.UserID || back.Visitor.IsEmpty() {
			t.Errorf("with the vault back: user %s, a new visitor token: %t; want %s, true", back.UserID, !back.Visitor.IsEmpty(), first.UserID)
		}
	})
}

func TestTheVisitorKeyAndTheSecretAreFetchedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.vault.delays[secretName], w.vault.delays[keyName] = time.Second, time.Second
		if waited := took(func() { w.mustIssue(t, redacted.Text{}) }); waited != time.Second {
			t.Errorf("took %v, want 1 s", waited)
		}
	})
}

func TestWithoutASignerThereAreNoVisitorTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		known := w.mustIssue(t, redacted.Text{})
		issuer := handshake.NewIssuer([]handshake.Assistant{{ID: "bankx", SecretName: secretName, Client: connect(t, w.direct)}}, w.cache, nil)
		grant, err := issuer.Issue(t.Context(), "bankx", known.Visitor)
		if err != nil || !grant.Visitor.IsEmpty() || grant.UserID == known.UserID {
			t.Errorf("grant = %+v, %v", grant, err)
		}
	})
}
