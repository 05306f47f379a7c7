package entra_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/entra"
)

func TestTokensForTestsAreThoseOfASignIn(t *testing.T) {
	w := newWorld(t)
	_, given := w.redeem(t, "organizations", w.redeemRequest(w.code(t, "organizations", w.emil, nil), nil))
	access, err := w.demo.PersonToken(w.api.ClientID, w.emil)
	if err != nil {
		t.Fatal(err)
	}
	sameBut(t, claimsOf(t, given.AccessToken), w.claims(t, w.demo, access.Reveal()), "uti")
	id, err := w.demo.IDToken(w.api.ClientID, w.emil)
	if err != nil {
		t.Fatal(err)
	}
	sameBut(t, claimsOf(t, given.IDToken), w.claims(t, w.demo, id.Reveal()), "uti", "nonce")
	if _, err := w.demo.PersonToken(w.demo.ID(), w.emil); err == nil {
		t.Error("a token for an application that nobody registered")
	}
	foreign, err := w.demo.GraphToken(w.api, w.emil)
	if err != nil || claimsOf(t, foreign.Reveal())["aud"] != entra.GraphID {
		t.Errorf("for Microsoft Graph: %v", err)
	}
}

// sameBut compares claims, leaving some out.
func sameBut(t *testing.T, want, got jwt.MapClaims, except ...string) {
	t.Helper()
	for name := range want {
		asText := func(claims jwt.MapClaims) string { text, _ := json.Marshal(claims[name]); return string(text) }
		if !slices.Contains(except, name) && asText(want) != asText(got) {
			t.Errorf("claim %s: %s, want %s", name, asText(got), asText(want))
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d claims, want %d", len(got), len(want))
	}
}

// claimsOf reads a token without checking it.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestWrongTokensCanBeMade(t *testing.T) {
	w := newWorld(t)
	_, foreignKey := w.other.SigningKey()
	mint := func(changes ...func(*entra.Draft)) string {
		token, err := w.demo.PersonToken(w.api.ClientID, w.rita, changes...)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	if claims := claimsOf(t, mint(func(d *entra.Draft) { d.Claims["aud"] = "x" }, func(d *entra.Draft) { delete(d.Claims, "exp") })); claims["aud"] != "x" || claims["exp"] != nil {
		t.Errorf("claims: %v", claims)
	}
	unsigned := mint(func(d *entra.Draft) {
		d.Header["alg"], d.Method, d.Key = "none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
	})
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(unsigned, ".")[0])
	if err != nil || !strings.Contains(string(header), `"alg":"none"`) || !strings.HasSuffix(unsigned, ".") {
		t.Errorf("unsigned: %s %s", header, unsigned)
	}
	forged := mint(func(d *entra.Draft) { d.Key = foreignKey })
	_, err = jwt.Parse(forged, func(*jwt.Token) (any, error) { return &foreignKey.PublicKey, nil }, jwt.WithTimeFunc(w.clock.Now))
	if err != nil {
		t.Errorf("signed by another's key: %v", err)
	}
	if _, err := w.demo.AppToken(w.api.ClientID, w.bot, func(d *entra.Draft) { d.Key = redacted.New("no key") }); err == nil {
		t.Error("signed with something that is no key")
	}
}
