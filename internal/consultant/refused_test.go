package consultant_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"chatgate/internal/consultant"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
	"chatgate/internal/testclock"
)

func TestAConsultantsTokenIsAccepted(t *testing.T) {
	w, _ := newWorld(t)
	good := w.person(tenantA)
	for name, test := range map[string]token{
		"as Entra writes it":           good,
		"whose API asks for idtyp":     good.claim("idtyp", "user"),
		"with a list of one audience":  good.claim("aud", []string{audience}),
		"with several scopes":          good.claim("scp", "Desk.Access profile"),
		"with ids in capital letters":  good.claim("tid", strings.ToUpper(tenantA)).claim("oid", strings.ToUpper(personID)),
		"with claims nobody knows":     good.claim("xms_new", map[string]any{"deep": []int{1}}),
		"with a header of old (x5t)":   good.head("x5t", "abc"),
		"without a type":               good.head("typ", nil),
		"that has one minute left":     good.claim("exp", w.now().Add(time.Minute).Unix()),
		"of a clock 59 s ahead of us":  good.claim("iat", w.now().Add(59*time.Second).Unix()).claim("nbf", w.now().Add(59*time.Second).Unix()),
		"that expired 59 s ago for us": good.claim("exp", w.now().Add(-59*time.Second).Unix()),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.Consultant(t.Context(), test.sign(t))
			if err != nil {
				t.Fatal(err)
			}
			if got.TenantID != tenantA || got.ObjectID != personID {
				t.Errorf("Consultant = %+v", got)
			}
			if !got.Has(consultant.Read) || got.Has(consultant.Erase) || got.Has(consultant.Broker) {
				t.Errorf("the roles are not those of the token: %+v", got)
			}
		})
	}
}

func TestWithoutARoleATokenGrantsNothing(t *testing.T) {
	w, _ := newWorld(t)
	for name, roles := range map[string]any{
		"missing role":         nil,
		"no roles":             []string{},
		"of another app":       []string{"Reports.Read"},
		"in other letters":     []string{"desk.read", "DESK.ERASE"},
		"in one text":          []string{"Desk.Read Desk.Erase Login.Broker"},
		"empty":                []string{""},
		"with spaces":          []string{" Desk.Read", "Desk.Erase "},
		"that are a beginning": []string{"Desk", "Desk.Read.All"},
	} {
		t.Run(name, func(t *testing.T) {
			person, err := w.Consultant(t.Context(), w.person(tenantA).claim("roles", roles).sign(t))
			if err != nil {
				t.Fatal(err)
			}
			bot, err := w.Bot(t.Context(), w.bot(tenantA).claim("roles", roles).sign(t))
			if err != nil {
				t.Fatal(err)
			}
			for _, role := range []consultant.Role{consultant.Read, consultant.Erase, consultant.Broker, ""} {
				if person.Has(role) || bot.Has(role) {
					t.Errorf("roles %q grant %q", roles, role)
				}
			}
		})
	}
}

// TestTenantAsTokenOnTenantBsPath shows what the path must be compared with: what
// is verified is A, whatever else the token says.
func TestTenantAsTokenOnTenantBsPath(t *testing.T) {
	w, _ := newWorld(t)
	got, err := w.Consultant(t.Context(), w.person(tenantA).claim("tenant", tenantB).claim("upn", "admin@"+tenantB).sign(t))
	if err != nil || got.TenantID != tenantA {
		t.Errorf("Consultant = %+v, %v; want one of tenant A", got, err)
	}
}

// warmVerifier has fetched tenant A's keys 30 s ago, so that it may fetch them
// again.
func warmVerifier(t *testing.T, w *world, at *testclock.Clock) *consultant.Verifier {
	t.Helper()
	v := w.verifier(t, tenantA, tenantB)
	at.Advance(-30 * time.Second)
	if _, err := v.Consultant(t.Context(), w.person(tenantA).sign(t)); err != nil {
		t.Fatal(err)
	}
	at.Advance(30 * time.Second)
	return v
}

// eachRefusal verifies every token that must be refused, in its own test.
func eachRefusal(t *testing.T, good func(*world) token, own func(*world) map[string]token, verify func(*testing.T, *consultant.Verifier, redacted.Text) error) {
	t.Helper()
	w, at := newWorld(t)
	all := refusedTexts(t, good(w))
	wrong := refusedClaims(t, w, good(w))
	maps.Copy(wrong, own(w))
	for name, test := range wrong {
		all[name] = refusal{text: test.text(t)}
		if test.header["kid"] == tenantA {
			// Were the key looked up before the claims are judged, strangers
			// could have the tenant asked for it.
			all[name+", unknown kid"] = refusal{text: test.head("kid", "unknown").text(t)}
		}
	}
	for name, test := range all {
		t.Run(name, func(t *testing.T) {
			v := warmVerifier(t, w, at)
			before := w.count(tenantA)
			wantCode(t, verify(t, v, redacted.New(test.text)), problem.TokenInvalid)
			if asked := w.count(tenantA) > before; asked != test.keyWanted {
				t.Errorf("the tenant was asked for its keys: %v", asked)
			}
		})
	}
	if w.count(stranger) != 0 {
		t.Error("the keys of a tenant that is not listed were fetched")
	}
}

func TestMustBeRefusedOfAPerson(t *testing.T) {
	eachRefusal(t, consultantsGood, consultantsOwn, func(t *testing.T, v *consultant.Verifier, text redacted.Text) error {
		got, err := v.Consultant(t.Context(), text)
		if got.TenantID != "" || got.ObjectID != "" || got.Has(consultant.Read) {
			t.Errorf("a refused token gave %+v", got)
		}
		return err
	})
}

func TestMustBeRefusedOfABot(t *testing.T) {
	eachRefusal(t, botsGood, botsOwn, func(t *testing.T, v *consultant.Verifier, text redacted.Text) error {
		got, err := v.Bot(t.Context(), text)
		if got.TenantID != "" || got.ClientID != "" || got.ObjectID != "" || got.Has(consultant.Broker) {
			t.Errorf("a refused token gave %+v", got)
		}
		return err
	})
}

func TestABotsTokenIsAccepted(t *testing.T) {
	w, _ := newWorld(t)
	good := w.bot(tenantA)
	for name, test := range map[string]token{
		"with a certificate":          good,
		"with a secret":               good.claim("azpacr", "1"),
		"whose API asks for no idtyp": good.claim("idtyp", nil),
		"with ids in capital letters": good.claim("azp", strings.ToUpper(pageID)).claim("oid", strings.ToUpper(botID)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.Bot(t.Context(), test.sign(t))
			if err != nil {
				t.Fatal(err)
			}
			if got.TenantID != tenantA || got.ClientID != pageID || got.ObjectID != botID {
				t.Errorf("Bot = %+v", got)
			}
			if !got.Has(consultant.Broker) || got.Has(consultant.Read) || got.Has(consultant.Erase) {
				t.Errorf("the roles are not those of the token: %+v", got)
			}
		})
	}
}

func TestTheLongestTokenIsAccepted(t *testing.T) {
	w, _ := newWorld(t)
	// The header, the dots and the signature do not change in length; three
	// characters of a claim become four of base64.
	good := w.person(tenantA).claim("groups", "")
	spare := 16<<10 - len(good.text(t))
	if text := good.claim("groups", strings.Repeat("x", spare*3/4)).text(t); len(text) < 16<<10-3 || len(text) > 16<<10 {
		t.Fatalf("made a token of %d bytes", len(text))
	} else {
		w.mustAccept(t, redacted.New(text))
	}
}

// TestAnExpiredTokenIsOnlyCalledSoWhereItsSignatureIsRight keeps strangers from
// learning which claims would have been good.
func TestAnExpiredTokenIsOnlyCalledSoWhereItsSignatureIsRight(t *testing.T) {
	w, at := newWorld(t)
	now := w.now().Unix()
	old := w.person(tenantA).claim("exp", now-60)
	oldBot := w.bot(tenantA).claim("exp", now-60)
	for name, test := range map[string]struct {
		token   token
		person  problem.Code
		machine problem.Code
	}{
		"by the leeway":            {old, problem.TokenExpired, problem.TokenInvalid},
		"exp 0":                    {old.claim("exp", 0), problem.TokenExpired, problem.TokenInvalid},
		"exp before 1970":          {old.claim("exp", -5), problem.TokenExpired, problem.TokenInvalid},
		"a bot's":                  {oldBot, problem.TokenInvalid, problem.TokenExpired},
		"signed by another":        {old.by(tenantB), problem.TokenInvalid, problem.TokenInvalid},
		"with an unknown key":      {old.by("new").head("kid", "new"), problem.TokenInvalid, problem.TokenInvalid},
		"for another audience":     {old.claim("aud", pageID), problem.TokenInvalid, problem.TokenInvalid},
		"of another issuer":        {old.claim("iss", w.issuers+tenantB+"/v2.0"), problem.TokenInvalid, problem.TokenInvalid},
		"of a tenant not listed":   {old.claim("tid", stranger), problem.TokenInvalid, problem.TokenInvalid},
		"an ID token":              {old.claim("scp", nil).claim("azp", nil), problem.TokenInvalid, problem.TokenInvalid},
		"of version 1.0":           {old.claim("ver", "1.0"), problem.TokenInvalid, problem.TokenInvalid},
		"that was not yet valid":   {old.claim("nbf", now+3600), problem.TokenInvalid, problem.TokenInvalid},
		"that was not yet issued":  {old.claim("iat", now+3600), problem.TokenInvalid, problem.TokenInvalid},
		"with its own key":         {old.head("jwk", jwk(t, tenantA)), problem.TokenInvalid, problem.TokenInvalid},
		"with an algorithm's name": {old.head("alg", "RS512"), problem.TokenInvalid, problem.TokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			v := warmVerifier(t, w, at)
			before := w.count(tenantA)
			_, err := v.Consultant(t.Context(), test.token.sign(t))
			wantCode(t, err, test.person)
			_, err = v.Bot(t.Context(), test.token.sign(t))
			wantCode(t, err, test.machine)
			if w.count(tenantA) != before {
				t.Error("an expired token had the keys fetched")
			}
		})
	}
}

// TestTheCauseTellsTheOperatorWhy: what nobody outside learns is in the log.
func TestTheCauseTellsTheOperatorWhy(t *testing.T) {
	w, _ := newWorld(t)
	good := w.person(tenantA)
	for want, test := range map[string]token{
		"token has invalid audience":                      good.claim("aud", pageID),
		"token has invalid issuer":                        good.claim("iss", canary),
		"token is missing required claim":                 good.claim("exp", nil),
		"token is not valid yet":                          good.claim("nbf", w.now().Unix()+3600),
		"token used before issued":                        good.claim("iat", w.now().Unix()+3600),
		"token signature is invalid":                      good.by(tenantB),
		"token is malformed":                              good.claim("exp", canary),
		"token is unverifiable":                           good.head("alg", canary),
		"of a tenant that is not allowed":                 good.claim("tid", canary),
		"signed with a key that the tenant does not have": good.head("kid", canary),
		"not the access token of a person":                good.claim("scp", nil),
		"the header names no key":                         good.head("kid", nil),
	} {
		_, err := w.Consultant(t.Context(), test.sign(t))
		wantCode(t, err, problem.TokenInvalid)
		if cause := errors.Unwrap(err); cause == nil || cause.Error() != want {
			t.Errorf("the cause is %v, want %q", cause, want)
		}
	}
}

func TestTheZeroVerifierRefusesEverything(t *testing.T) {
	w, _ := newWorld(t)
	var zero consultant.Verifier
	defer zero.Close()
	for _, v := range []*consultant.Verifier{&zero, w.verifier(t)} {
		_, err := v.Consultant(t.Context(), w.person(tenantA).sign(t))
		wantCode(t, err, problem.TokenInvalid)
		_, err = v.Bot(t.Context(), w.bot(tenantA).sign(t))
		wantCode(t, err, problem.TokenInvalid)
	}
	var person consultant.Consultant
	var bot consultant.Bot
	for _, role := range []consultant.Role{consultant.Read, consultant.Erase, consultant.Broker, ""} {
		if person.Has(role) || bot.Has(role) {
			t.Errorf("nobody has the role %q", role)
		}
	}
}
