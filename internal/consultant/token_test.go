package consultant_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
)

// token is a token before it is signed.
type token struct {
	header, claims map[string]any
	signer         string // the name of a private key
}

// person is a good access token of a consultant, with the claims that Entra
// writes.
func (w *world) person(tenant string) token {
	now := w.now().Unix()
	return token{
		signer: tenant,
		header: map[string]any{"typ": "JWT", "alg": "RS256", "kid": tenant},
		claims: map[string]any{
			"aud": audience, "iss": w.issuers + tenant + "/v2.0", "tid": tenant, "ver": "2.0",
			"iat": now, "nbf": now, "exp": now + 3600,
			"oid": personID, "sub": "pairwise-" + canary, "azp": pageID, "azpacr": "0",
			"scp": "Desk.Access", "roles": []string{"Desk.Read"}, "preferred_username": canary + "@example.com",
		},
	}
}

// bot is a good app-only access token.
func (w *world) bot(tenant string) token {
	t := w.person(tenant).claim("scp", nil).claim("preferred_username", nil)
	return t.claim("idtyp", "app").claim("oid", botID).claim("sub", botID).claim("azpacr", "2").claim("roles", []string{"Login.Broker"})
}

// claim returns t with one claim changed, or left out if value is nil.
func (t token) claim(name string, value any) token {
	t.claims = but(t.claims, name, value)
	return t
}

// head returns t with one header changed, or left out if value is nil.
func (t token) head(name string, value any) token {
	t.header = but(t.header, name, value)
	return t
}

// by returns t signed with another key.
func (t token) by(signer string) token {
	t.signer = signer
	return t
}

// text signs with RS256, whatever the header says.
func (t token) text(tb testing.TB) string {
	tb.Helper()
	header, err := json.Marshal(t.header)
	if err != nil {
		tb.Fatal(err)
	}
	claims, err := json.Marshal(t.claims)
	if err != nil {
		tb.Fatal(err)
	}
	return signed(tb, string(header), string(claims), t.signer)
}

// sign is text in its wrapping.
func (t token) sign(tb testing.TB) redacted.Text {
	tb.Helper()
	return redacted.New(t.text(tb))
}

func signed(tb testing.TB, header, claims, signer string) string {
	tb.Helper()
	text := part(header) + "." + part(claims)
	signature, err := jwt.SigningMethodRS256.Sign(text, privateKeys()[signer])
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func part(content string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(content))
}
