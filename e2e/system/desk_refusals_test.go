package system_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/entra"
)

// Everything that is signed by Entra ID, or looks like it, and yet is no access
// token of one of the client's consultants.
func TestOnlyAConsultantsAccessTokenOpensTheDesk(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	i.deliver(t, message("1", said("c", "1", "hello")))
	api, tenant, emil := s.Desk.API.ClientID, s.Desk.Tenant, s.Desk.Eraser
	good := i.eraser(t)
	key := good.key(t, assistant, "c")
	audited := len(s.audit(t))

	other := s.Directory.AddTenant("", "Nobody's", "nobody.example")
	claim := func(name string, value any) func(*entra.Draft) {
		return func(d *entra.Draft) {
			if d.Claims[name] = value; value == nil {
				delete(d.Claims, name)
			}
		}
	}
	made := func(token redacted.Text, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	person := func(changes ...func(*entra.Draft)) string { return made(tenant.PersonToken(api, emil, changes...)) }
	for name, token := range map[string]string{
		"of a bot":                      made(tenant.AppToken(api, s.Desk.Bot)),
		"of a bot with a person's role": made(tenant.AppToken(api, s.Desk.Bot, claim("roles", []string{"Desk.Read", "Desk.Erase"}))),
		"an ID token":                   made(tenant.IDToken(api, emil)),
		"for Microsoft Graph":           made(tenant.GraphToken(s.Desk.API, emil)),
		"of another tenant":             made(s.Desk.Other.PersonToken(api, s.Desk.Stranger)),
		"of a tenant nobody knows":      made(other.PersonToken(api, other.AddPerson(entra.Person{Roles: emil.Roles}))),
		"another tenant's id":           made(s.Desk.Other.PersonToken(api, s.Desk.Stranger, claim("tid", tenant.ID()))),
		"another tenant's issuer":       person(claim("iss", s.Desk.Other.Issuer())),
		"another tenant's key":          person(signedBy(s.Desk.Other)),
		"another key of the same name":  person(func(d *entra.Draft) { _, d.Key = s.Desk.Other.SigningKey() }),
		"version 1.0":                   person(claim("ver", "1.0"), claim("iss", "https://sts.windows.net/"+tenant.ID()+"/")),
		"no audience":                   person(claim("aud", nil)),
		"audience is the URI":           person(claim("aud", "api://"+api)),
		"no expiry":                     person(claim("exp", nil)),
		"not yet valid":                 person(claim("nbf", time.Now().Add(time.Hour).Unix())),
		"no scope":                      person(claim("scp", nil)),
		"no object id":                  person(claim("oid", nil)),
		"unsigned":                      person(unsigned),
		"signed with the public key":    person(signedWithPublicKey(t, tenant)),
		"no key id":                     person(func(d *entra.Draft) { delete(d.Header, "kid") }),
		"unknown key id":                person(func(d *entra.Draft) { d.Header["kid"] = "made-up" }),
		"its own key in the header":     person(func(d *entra.Draft) { d.Header["jku"] = "https://evil.example/keys" }),
		"of the managed identity":       made(identityToken(s)),
		"no token at all":               "not.a.token",
	} {
		who := i.with(token)
		for _, each := range []struct{ method, path string }{
			{http.MethodGet, "assistants"}, {http.MethodGet, shelf(assistant)}, {http.MethodGet, book(assistant, key)}, {http.MethodDelete, book(assistant, key)},
		} {
			got := who.ask(t, each.method, each.path)
			if got.status != http.StatusUnauthorized {
				t.Errorf("%s: %s %s answered %d %s", name, each.method, each.path, got.status, got.body)
				continue
			}
			wantProblem(t, got, http.StatusUnauthorized, "token_invalid")
		}
	}
	for _, expiry := range []int64{0, 1, time.Now().Add(-2 * time.Minute).Unix()} {
		wantProblem(t, i.as(t, tenant, emil, claim("exp", expiry)).ask(t, http.MethodGet, "assistants"), http.StatusUnauthorized, "token_expired")
	}
	wantProblem(t, i.with("").ask(t, http.MethodGet, "assistants"), http.StatusUnauthorized, "token_missing")
	checkRoles(t, i, key)
	if now := len(s.audit(t)); now != audited {
		t.Errorf("%d rows in the audit for requests that were refused", now-audited)
	}
	if left := good.list(t, assistant, nil); len(left) != 1 {
		t.Errorf("%d conversations are left", len(left))
	}
}

// checkRoles asks for more than one's roles allow.
func checkRoles(t *testing.T, i *instance, key string) {
	t.Helper()
	tenant := i.system.Desk.Tenant
	nobody := i.as(t, tenant, tenant.AddPerson(entra.Person{Name: "Nora Norole", Username: "nora"}))
	onlyErases := i.as(t, tenant, tenant.AddPerson(entra.Person{Name: "Ede Eraseonly", Username: "ede", Roles: []string{"Desk.Erase"}}))
	for _, each := range []struct {
		who          *consultant
		method, path string
	}{
		{nobody, http.MethodGet, "assistants"}, {nobody, http.MethodGet, shelf(assistant)}, {nobody, http.MethodDelete, book(assistant, key)},
		{i.reader(t), http.MethodDelete, book(assistant, key)}, {i.reader(t), http.MethodDelete, "assistants/" + assistant + "/users/dl_user"},
		{onlyErases, http.MethodGet, shelf(assistant)}, {onlyErases, http.MethodGet, book(assistant, key) + "?format=transcript"},
	} {
		wantProblem(t, each.who.ask(t, each.method, each.path), http.StatusForbidden, "role_missing")
	}
}

func signedBy(other *entra.Organization) func(*entra.Draft) {
	return func(d *entra.Draft) { d.Header["kid"], d.Key = other.SigningKey() }
}

func unsigned(d *entra.Draft) {
	d.Header["alg"], d.Method, d.Key = "none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
}

// signedWithPublicKey makes a MAC with what everybody can read, which a verifier
// takes for good that lets the token choose its algorithm.
func signedWithPublicKey(t *testing.T, tenant *entra.Organization) func(*entra.Draft) {
	t.Helper()
	_, key := tenant.SigningKey()
	encoded, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return func(d *entra.Draft) {
		d.Header["alg"], d.Method = "HS256", jwt.SigningMethodHS256
		d.Key = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	}
}

func identityToken(s *System) (redacted.Text, error) {
	token, _, err := s.Tenant.Token(s.Desk.API.ClientID)
	return token, err
}

// A token that ends up in the wrong place is in no answer and in no log.
func TestAccessTokensAndWhatWasSaidAreNeverShown(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	const spoken = "canary-of-what-was-said"
	s.canaries.add("message text", spoken)
	i.deliver(t, message("1", said("c", "1", spoken)))
	emil := i.eraser(t)
	key := emil.key(t, assistant, "c")
	emil.read(t, assistant, key, 1)
	token := url.PathEscape(emil.token)
	for _, path := range []string{
		"assistants/" + token + "/conversations", shelf(assistant) + "?access_token=" + token, shelf(assistant) + "?cursor=" + token,
		shelf(assistant) + "?from=" + token, shelf(assistant) + "?limit=" + token, book(assistant, token), book(assistant, key) + "?format=" + token,
		book(assistant, key) + "?cursor=" + token, token, "config?token=" + token,
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost} {
			if method == http.MethodDelete && strings.Contains(path, key) {
				continue
			}
			got := emil.ask(t, method, path)
			if got.status < 400 || strings.Contains(got.body, emil.token) {
				t.Errorf("%s %.40s…: %d %s", method, path, got.status, got.body)
			}
		}
	}
	for _, header := range []string{emil.token, "Basic " + emil.token, "Bearer " + emil.token + " x", "Bearer\t" + emil.token} {
		got := i.call(t, request{method: http.MethodGet, path: "/api/desk/assistants", header: map[string]string{"Origin": "", "Authorization": header}})
		if got.status != http.StatusUnauthorized || strings.Contains(got.body, emil.token) {
			t.Errorf("%.12s…: %d %s", header, got.status, got.body)
		}
	}
	lines := i.stdout.String()
	for _, action := range []string{"list", "read"} {
		if !strings.Contains(lines, fmt.Sprintf(`"action":%q`, action)) {
			t.Errorf("the log does not say that somebody did %s", action)
		}
	}
	if !strings.Contains(emil.ask(t, http.MethodGet, book(assistant, key)).body, spoken) {
		t.Error("what was said cannot be read, so that nothing is proved")
	}
}
