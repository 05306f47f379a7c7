package entra_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/faults"
)

func TestSomebodyPicksAPersonAndThePageGetsTheirTokens(t *testing.T) {
	w := newWorld(t)
	for _, tenant := range []string{"organizations", "common", demoTenant, "DemoBank.example"} {
		code := w.code(t, tenant, w.emil, nil)
		status, given := w.redeem(t, tenant, w.redeemRequest(code, nil))
		if status != http.StatusOK || given.TokenType != "Bearer" || given.ExpiresIn != 3600 || given.RefreshToken == "" {
			t.Fatalf("%s: %d %+v", tenant, status, given)
		}
		if want := "api://" + w.api.ClientID + "/Desk.Access"; given.Scope != want {
			t.Errorf("scope %q, want %q", given.Scope, want)
		}
		info, err := base64.RawURLEncoding.DecodeString(given.ClientInfo)
		if want := `{"uid":"` + w.emil.ObjectID + `","utid":"` + demoTenant + `"}`; err != nil || string(info) != want {
			t.Errorf("client_info %s, want %s", info, want)
		}
		access, id := w.claims(t, w.demo, given.AccessToken), w.claims(t, w.demo, given.IDToken)
		checkPerson(t, w, access)
		checkPerson(t, w, id)
		if access["scp"] != "Desk.Access" || access["azp"] != w.api.ClientID || access["nonce"] != nil {
			t.Errorf("access token: %v", access)
		}
		if id["scp"] != nil || id["nonce"] != "a nonce" {
			t.Errorf("ID token: %v", id)
		}
	}
}

func checkPerson(t *testing.T, w *world, got map[string]any) {
	t.Helper()
	want := map[string]any{
		"oid": w.emil.ObjectID, "tid": demoTenant, "ver": "2.0", "name": "Emil Eraser", "preferred_username": "emil@demobank.example",
		"roles": []any{"Desk.Read", "Desk.Erase"}, "exp": float64(w.clock.Now().Add(time.Hour).Unix()), "idtyp": nil,
	}
	shown := map[string]any{}
	for name := range want {
		shown[name] = got[name]
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestThePageIsSafeAndAccessible(t *testing.T) {
	w := newWorld(t)
	got := w.call(t, "/organizations/oauth2/v2.0/authorize?"+w.signInRequest(map[string]string{"state": `"><script>`}).Encode(), nil, nil)
	if strings.Contains(got.body, "<script") {
		t.Error("the page has a script")
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(got.body)
	if style == nil {
		t.Fatal("the page has no style")
	}
	hash := sha256.Sum256([]byte(style[1]))
	policy := got.header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'", "frame-ancestors 'none'",
		"form-action 'self' " + pageOrigin + ";", // a browser holds the redirect against it too
	} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	for _, part := range []string{`<html lang="en">`, "<h1>", "Rita Reader", "rita@demobank.example", "Desk.Read, Desk.Erase", "no role", "Other &lt;Insurance&gt;"} {
		if !strings.Contains(got.body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	if strings.Contains(got.body, "Another.Role") {
		t.Error("the page shows a role that the application does not define")
	}
}

func TestATenantsOwnPageShowsOnlyItsPeople(t *testing.T) {
	w := newWorld(t)
	shown := w.call(t, "/"+demoTenant+"/oauth2/v2.0/authorize?"+w.signInRequest(nil).Encode(), nil, nil)
	if strings.Contains(shown.body, "otto") {
		t.Error("another tenant's person is shown")
	}
	if again := w.pick(t, demoTenant, shown, "person", w.otto.ObjectID); again.status != http.StatusOK {
		t.Errorf("another tenant's person was taken: %d %s", again.status, again.header.Get("Location"))
	}
}

func TestAHintAtAPersonNeedsNoPage(t *testing.T) {
	w := newWorld(t)
	ask := func(changes map[string]string) page {
		return w.call(t, "/organizations/oauth2/v2.0/authorize?"+w.signInRequest(changes).Encode(), nil, nil)
	}
	for mode, mark := range map[string]string{"fragment": "#", "query": "?", "": "?"} {
		sent := answered(t, ask(map[string]string{"login_hint": "Rita@demobank.example", "response_mode": mode}), mark)
		if sent.Get("code") == "" || sent.Get("state") != "a state" || sent.Get("client_info") == "" {
			t.Errorf("mode %q: %v", mode, sent)
		}
	}
	if got := ask(map[string]string{"login_hint": "rita@demobank.example", "prompt": "select_account"}); got.status != http.StatusOK {
		t.Errorf("a page that must be shown was not: %d", got.status)
	}
	got := ask(map[string]string{"login_hint": "rita@demobank.example", "response_mode": "query", "redirect_uri": "https://desk.example/other?a=b"})
	if where := got.header.Get("Location"); !strings.HasPrefix(where, "https://desk.example/other?a=b&") {
		t.Errorf("sent to %s", where)
	}
}

// Who is not the application gets nothing, not even a redirect.
func TestStrangersAreShownWhyAndSentNowhere(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		tenant  string
		changes map[string]string
		want    string
	}{
		"unknown client":             {"organizations", map[string]string{"client_id": demoTenant}, "AADSTS700016"},
		"no client":                  {"organizations", map[string]string{"client_id": ""}, "AADSTS900144"},
		"application of another":     {w.other.ID(), map[string]string{"client_id": w.bot.ClientID}, "AADSTS700016"},
		"unknown tenant":             {"nobody.example", nil, "AADSTS90002"},
		"consumers":                  {"consumers", nil, "AADSTS90002"},
		"no redirect URI":            {"organizations", map[string]string{"redirect_uri": ""}, "AADSTS50011"},
		"another redirect URI":       {"organizations", map[string]string{"redirect_uri": "https://evil.example/"}, "AADSTS50011"},
		"redirect URI with more":     {"organizations", map[string]string{"redirect_uri": pageURI + "x"}, "AADSTS50011"},
		"redirect URI without slash": {"organizations", map[string]string{"redirect_uri": strings.TrimSuffix(pageURI, "/")}, "AADSTS50011"},
		"redirect URI in capitals":   {"organizations", map[string]string{"redirect_uri": strings.ToUpper(pageURI)}, "AADSTS50011"},
		"response mode form_post":    {"organizations", map[string]string{"response_mode": "form_post"}, "AADSTS90023"},
	} {
		got := w.call(t, "/"+test.tenant+"/oauth2/v2.0/authorize?"+w.signInRequest(test.changes).Encode(), nil, nil)
		if got.status != http.StatusBadRequest || !strings.Contains(got.body, test.want+":") || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %s, want a page with %s", name, got.status, got.header.Get("Location"), test.want)
		}
	}
	twice := w.signInRequest(nil)
	twice.Add("redirect_uri", "https://evil.example/")
	if got := w.call(t, "/organizations/oauth2/v2.0/authorize?"+twice.Encode(), nil, nil); !strings.Contains(got.body, "AADSTS9000411") {
		t.Errorf("a parameter given twice: %d", got.status)
	}
}

func TestWhatTheApplicationAsksWronglyItIsTold(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		changes map[string]string
		code    string
		number  string
	}{
		"implicit flow":        {map[string]string{"response_type": "token"}, "unsupported_response_type", "AADSTS700054"},
		"hybrid flow":          {map[string]string{"response_type": "code id_token"}, "unsupported_response_type", "AADSTS700054"},
		"no response type":     {map[string]string{"response_type": ""}, "invalid_request", "AADSTS900144"},
		"no challenge":         {map[string]string{"code_challenge": ""}, "invalid_request", "AADSTS9002325"},
		"plain challenge":      {map[string]string{"code_challenge_method": "plain"}, "invalid_request", "AADSTS50149"},
		"no challenge method":  {map[string]string{"code_challenge_method": ""}, "invalid_request", "AADSTS50149"},
		"challenge is no hash": {map[string]string{"code_challenge": "short"}, "invalid_request", "AADSTS501491"},
		"no scope":             {map[string]string{"scope": ""}, "invalid_request", "AADSTS900144"},
		"unknown permission":   {map[string]string{"scope": "api://" + w.api.ClientID + "/Desk.Other"}, "invalid_scope", "AADSTS650053"},
		"unknown resource":     {map[string]string{"scope": "api://" + demoTenant + "/Desk.Access"}, "invalid_resource", "AADSTS500011"},
		"two resources":        {map[string]string{"scope": "api://" + w.api.ClientID + "/Desk.Access User.Read"}, "invalid_scope", "AADSTS28000"},
		"silently":             {map[string]string{"prompt": "none", "login_hint": "rita@demobank.example"}, "login_required", "AADSTS50058"},
		"unknown prompt":       {map[string]string{"prompt": "sometimes"}, "invalid_request", "AADSTS90023"},
	} {
		sent := answered(t, w.call(t, "/organizations/oauth2/v2.0/authorize?"+w.signInRequest(test.changes).Encode(), nil, nil), "#")
		if sent.Get("error") != test.code || !strings.HasPrefix(sent.Get("error_description"), test.number+":") || sent.Get("state") != "a state" || sent.Has("code") {
			t.Errorf("%s: %v, want %s %s", name, sent, test.code, test.number)
		}
	}
	shown := w.call(t, "/organizations/oauth2/v2.0/authorize?"+w.signInRequest(nil).Encode(), nil, nil)
	if sent := answered(t, w.pick(t, "organizations", shown, "cancel", "true"), "#"); sent.Get("error") != "access_denied" {
		t.Errorf("cancelled: %v", sent)
	}
}

func TestSigningOutLeadsBackToThePageOnly(t *testing.T) {
	w := newWorld(t)
	for target, want := range map[string]string{pageURI: pageURI + "?state=s", "https://evil.example/": "", "": ""} {
		got := w.call(t, "/organizations/oauth2/v2.0/logout?"+url.Values{"post_logout_redirect_uri": {target}, "state": {"s"}}.Encode(), nil, nil)
		if where := got.header.Get("Location"); where != want {
			t.Errorf("%q: sent to %q", target, where)
		}
		if want == "" && (got.status != http.StatusOK || !strings.Contains(got.body, "You signed out")) {
			t.Errorf("%q: %d", target, got.status)
		}
	}
	got := w.call(t, "/organizations/oauth2/v2.0/logout", url.Values{"post_logout_redirect_uri": {pageURI}}, nil)
	if got.header.Get("Location") != pageURI {
		t.Errorf("without a state: sent to %q", got.header.Get("Location"))
	}
}

func TestEachTenantPublishesItsKeysAndItsAddresses(t *testing.T) {
	w := newWorld(t)
	ours, theirs, all := w.keys(t, demoTenant), w.keys(t, w.other.ID()), w.keys(t, "common")
	if len(ours) != 1 || len(theirs) != 1 || len(all) != 2 || w.demo.KeyReads() != 1 {
		t.Errorf("%d, %d and %d keys after %d reads", len(ours), len(theirs), len(all), w.demo.KeyReads())
	}
	first, _ := w.demo.SigningKey()
	second := w.demo.Rotate()
	if keys := slices.Sorted(maps.Keys(w.keys(t, demoTenant))); !slices.Equal(keys, slices.Sorted(slices.Values([]string{first, second}))) {
		t.Errorf("keys %v after a rotation, want %s and %s", keys, first, second)
	}
	if now, _ := w.demo.SigningKey(); now != second {
		t.Error("the old key still signs")
	}
	w.demo.Retire()
	if keys := slices.Collect(maps.Keys(w.keys(t, demoTenant))); !slices.Equal(keys, []string{second}) {
		t.Errorf("keys %v after the old one was retired", keys)
	}
	for tenant, want := range map[string]string{
		demoTenant: `"issuer":"` + w.URL() + "/" + demoTenant + `/v2.0"`, "organizations": `"issuer":"` + w.URL() + `/{tenantid}/v2.0"`,
	} {
		got := w.call(t, "/"+tenant+"/v2.0/.well-known/openid-configuration", nil, nil)
		if !strings.Contains(got.body, want) || !strings.Contains(got.body, w.URL()+"/"+tenant+"/oauth2/v2.0/token") {
			t.Errorf("%s: %s", tenant, got.body)
		}
		if got.header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error("pages cannot read the configuration")
		}
	}
	if got := w.call(t, "/common/discovery/instance?api-version=1.1", nil, nil); !strings.Contains(got.body, w.URL()+"/common/v2.0/") {
		t.Errorf("clouds: %s", got.body)
	}
	w.Faults.Add(faults.Answer(http.StatusServiceUnavailable, "x").When(entra.ReadingKeys(demoTenant)))
	for tenant, want := range map[string]int{demoTenant: http.StatusServiceUnavailable, w.other.ID(): http.StatusOK} {
		if got := w.call(t, "/"+tenant+"/discovery/v2.0/keys", nil, nil); got.status != want {
			t.Errorf("keys of %s: %d, want %d", tenant, got.status, want)
		}
	}
	if got := w.call(t, "/nobody.example/discovery/v2.0/keys", nil, nil); got.status != http.StatusBadRequest {
		t.Errorf("keys of nobody: %d", got.status)
	}
	if w.Tenant("organizations") != nil || w.Tenant(demoTenant) != w.demo {
		t.Error("tenants are not found by their ids only")
	}
}
