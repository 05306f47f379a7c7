package handshake_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

const someUser = "dl_ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func TestRefreshCarriesTheTokenAndNeverTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.mustIssue(t, redacted.Text{})
		time.Sleep(30 * time.Minute)
		w.direct.bearers = nil
		w.direct.paths = nil
		got, err := w.issuer.Refresh(t.Context(), "bankx", old.Token)
		if err != nil {
			t.Fatal(err)
		}
		if got.UserID != old.UserID || got.ConversationID != old.ConversationID || got.Domain != domain || got.ExpiresIn != 3600 {
			t.Errorf("refreshed = %+v, want the conversation of %+v", got, old)
		}
		if !got.ExpiresAt.After(old.ExpiresAt) || !got.Visitor.IsEmpty() || got.Token.Reveal() == old.Token.Reveal() {
			t.Errorf("refreshed = %+v", got)
		}
		if len(w.direct.bearers) != 1 || w.direct.bearers[old.Token.Reveal()] != 1 || w.direct.paths["/v3/directline/tokens/refresh"] != 1 {
			t.Errorf("calls to %v", w.direct.paths)
		}
		if w.vault.count(secretName) != 1 {
			t.Error("the secret was read for a refresh")
		}
	})
}

func TestTokensThatAreRefusedWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for name, test := range map[string]struct {
			token string
			code  problem.Code
		}{
			"none":                  {"", problem.TokenMissing},
			"a space":               {"a b", problem.TokenMalformed},
			"a line break":          {"a\r\nX-Evil: 1", problem.TokenMalformed},
			"not ASCII":             {"\u00e4", problem.TokenMalformed},
			"only padding":          {"==", problem.TokenMalformed},
			"over 8 KiB":            {strings.Repeat("a", 8<<10+1), problem.TokenMalformed},
			"an expired JWT":        {token(someUser, "c", time.Now().Add(-time.Second)), problem.TokenExpired},
			"a JWT expiring now":    {token(someUser, "c", time.Now()), problem.TokenExpired},
			"a JWT that is ancient": {token(someUser, "c", time.Unix(0, 0)), problem.TokenExpired},
		} {
			_, err := w.issuer.Refresh(t.Context(), "bankx", redacted.New(test.token))
			wantProblem(t, err, test.code)
			if w.direct.seen() != 0 {
				t.Fatalf("%s: Direct Line was called", name)
			}
		}
	})
}

func TestWhoeverIsInTheNewTokenElseInTheOld(t *testing.T) {
	soon := func() time.Time { return time.Now().Add(time.Second) }
	for name, test := range map[string]struct {
		old, refreshed func() string
		user           string
	}{
		"both": {func() string { return token("dl_old", "c", soon()) }, func() string { return token("dl_new", "c", soon()) }, "dl_new"},
		"old":  {func() string { return token("dl_old", "c", soon()) }, func() string { return "opaque" }, "dl_old"},
		"new":  {func() string { return "opaque" }, func() string { return token("dl_new", "c", soon()) }, "dl_new"},
		"none": {func() string { return "opaque" }, func() string { return "opaque2" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.direct.next(granted(test.refreshed(), "c"))
				got, err := w.issuer.Refresh(t.Context(), "bankx", redacted.New(test.old()))
				if err != nil || got.UserID != test.user || w.direct.seen() != 1 {
					t.Errorf("user %q, error %v, want %q", got.UserID, err, test.user)
				}
			})
		})
	}
}

func TestFailuresOfRefresh(t *testing.T) {
	for name, test := range map[string]struct {
		answers []http.HandlerFunc
		code    problem.Code
		calls   int
	}{
		"400":              {repeated(1, refusal(400, "BadArgument")), problem.TokenInvalid, 1},
		"401":              {repeated(1, refusal(401, "")), problem.TokenInvalid, 1},
		"403":              {repeated(1, refusal(403, "BadArgument")), problem.TokenInvalid, 1},
		"403 expired":      {repeated(1, refusal(403, "TokenExpired")), problem.TokenExpired, 1},
		"401 expired":      {repeated(1, refusal(401, "TokenExpired")), problem.TokenExpired, 1},
		"404":              {repeated(1, refusal(404, "")), problem.TokenInvalid, 1},
		"429":              {repeated(1, refusal(429, "")), problem.DirectLineThrottled, 1},
		"429 expired":      {repeated(1, refusal(429, "TokenExpired")), problem.DirectLineThrottled, 1},
		"500 to the end":   {repeated(9, refusal(500, "TokenExpired")), problem.DirectLineUnavailable, 4},
		"a redirect":       {repeated(1, refusal(307, "")), problem.DirectLineUnavailable, 1},
		"an unusable body": {repeated(1, refusal(200, "")), problem.DirectLineUnavailable, 1},
		"once 502":         {repeated(1, refusal(502, "")), "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.direct.next(test.answers...)
				_, err := w.issuer.Refresh(t.Context(), "bankx", redacted.New(token(someUser, "c", time.Now().Add(time.Minute))))
				if test.code != "" {
					wantProblem(t, err, test.code)
				} else if err != nil {
					t.Error(err)
				}
				if w.direct.seen() != test.calls || w.vault.count(secretName) != 0 {
					t.Errorf("%d calls, %d reads of the secret; want %d and none", w.direct.seen(), w.vault.count(secretName), test.calls)
				}
			})
		})
	}
}

func TestARefreshKeepsTo10Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.direct.next(repeated(9, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })...)
		waited := took(func() {
			_, err := w.issuer.Refresh(t.Context(), "bankx", redacted.New("opaque"))
			wantProblem(t, err, problem.DirectLineUnavailable)
		})
		if waited >= 10*time.Second {
			t.Errorf("took %v", waited)
		}
	})
}
