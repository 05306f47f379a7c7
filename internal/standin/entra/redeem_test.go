package entra_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/entra"
)

func TestACodeIsForOnePageOnceAndSoon(t *testing.T) {
	w := newWorld(t)
	second := w.AddApplication(entra.Application{Name: "Another page", RedirectURIs: []string{pageURI}})
	for name, test := range map[string]struct {
		tenant  string
		changes map[string]string
		wait    time.Duration
		header  map[string]string
		code    string
		number  int
	}{
		"another verifier":       {changes: map[string]string{"code_verifier": verifier + "x"}, code: "invalid_grant", number: 501481},
		"no verifier":            {changes: map[string]string{"code_verifier": ""}, code: "invalid_grant", number: 501481},
		"the challenge":          {changes: map[string]string{"code_verifier": w.signInRequest(nil).Get("code_challenge")}, code: "invalid_grant", number: 501481},
		"another redirect URI":   {changes: map[string]string{"redirect_uri": "https://desk.example/other?a=b"}, code: "invalid_grant", number: 500112},
		"no redirect URI":        {changes: map[string]string{"redirect_uri": ""}, code: "invalid_grant", number: 500112},
		"another client":         {changes: map[string]string{"client_id": second.ClientID}, code: "invalid_grant", number: 70000},
		"unknown client":         {changes: map[string]string{"client_id": demoTenant}, code: "unauthorized_client", number: 700016},
		"no client":              {changes: map[string]string{"client_id": ""}, code: "invalid_request", number: 900144},
		"another tenant":         {tenant: w.other.ID(), code: "invalid_grant", number: 700005},
		"unknown tenant":         {tenant: "nobody.example", code: "invalid_tenant", number: 90002},
		"after a minute":         {wait: time.Minute, code: "invalid_grant", number: 70008},
		"made up":                {changes: map[string]string{"code": "1.made-up"}, code: "invalid_grant", number: 70000},
		"no code":                {changes: map[string]string{"code": ""}, code: "invalid_request", number: 900144},
		"as a refresh token":     {changes: map[string]string{"grant_type": "refresh_token"}, code: "invalid_request", number: 900144},
		"no grant type":          {changes: map[string]string{"grant_type": ""}, code: "invalid_request", number: 900144},
		"by password":            {changes: map[string]string{"grant_type": "password"}, code: "unsupported_grant_type", number: 70003},
		"with a secret":          {changes: map[string]string{"client_secret": "x"}, code: "invalid_client", number: 700025},
		"not from a page":        {header: map[string]string{}, code: "invalid_request", number: 9002327},
		"from a stranger's page": {header: map[string]string{"Origin": "https://evil.example"}, code: "invalid_request", number: 9002327},
	} {
		t.Run(name, func(t *testing.T) {
			code := w.code(t, "organizations", w.rita, nil)
			w.clock.Advance(test.wait)
			tenant, header := "organizations", map[string]string{"Origin": pageOrigin}
			if test.tenant != "" {
				tenant = test.tenant
			}
			if test.header != nil {
				header = test.header
			}
			status, given := w.redeemWith(t, tenant, w.redeemRequest(code, test.changes), header)
			if status < 400 || status > 401 || given.Error != test.code || !slices.Equal(given.Codes, []int{test.number}) || given.AccessToken != "" {
				t.Errorf("%d %+v, want %s %d", status, given, test.code, test.number)
			}
		})
	}
	code := w.code(t, "organizations", w.rita, nil)
	w.clock.Advance(time.Minute - time.Second)
	if status, given := w.redeem(t, "organizations", w.redeemRequest(code, nil)); status != http.StatusOK {
		t.Fatalf("the first time: %d %+v", status, given)
	}
	if status, given := w.redeem(t, "organizations", w.redeemRequest(code, nil)); status != http.StatusBadRequest || !slices.Equal(given.Codes, []int{54005}) {
		t.Errorf("the second time: %d %+v", status, given)
	}
}

func TestARefreshTokenIsReplacedAndLivesADayInAll(t *testing.T) {
	w := newWorld(t)
	_, given := w.redeem(t, "organizations", w.redeemRequest(w.code(t, "organizations", w.rita, nil), nil))
	refresh := func(token string, changes map[string]string) (int, tokens) {
		return w.redeem(t, demoTenant, change(url.Values{
			"client_id": {w.api.ClientID}, "grant_type": {"refresh_token"}, "refresh_token": {token},
		}, changes))
	}
	w.clock.Advance(time.Hour)
	status, renewed := refresh(given.RefreshToken, nil)
	if status != http.StatusOK || renewed.RefreshToken == given.RefreshToken || renewed.RefreshFor != 23*3600 {
		t.Fatalf("%d %+v", status, renewed)
	}
	if claims := w.claims(t, w.demo, renewed.AccessToken); claims["oid"] != w.rita.ObjectID || claims["scp"] != "Desk.Access" {
		t.Errorf("claims: %v", claims)
	}
	if status, again := refresh(given.RefreshToken, nil); status != http.StatusBadRequest || again.Error != "invalid_grant" {
		t.Errorf("used again: %d %+v", status, again)
	}
	if status, made := refresh("1.made-up", nil); status != http.StatusBadRequest || made.Error != "invalid_grant" {
		t.Errorf("made up: %d %+v", status, made)
	}
	if _, narrow := refresh(renewed.RefreshToken, map[string]string{"scope": "openid profile"}); narrow.RefreshToken != "" || narrow.Scope != "openid profile email" {
		t.Errorf("for Microsoft Graph: %+v", narrow)
	}

	_, given = w.redeem(t, "organizations", w.redeemRequest(w.code(t, "organizations", w.rita, nil), nil))
	w.clock.Advance(24 * time.Hour)
	if _, late := refresh(given.RefreshToken, nil); !slices.Equal(late.Codes, []int{700084}) {
		t.Errorf("after a day: %+v", late)
	}
	_, given = w.redeem(t, "organizations", w.redeemRequest(w.code(t, "organizations", w.rita, nil), nil))
	w.demo.RemovePerson(w.rita)
	if _, gone := refresh(given.RefreshToken, nil); gone.Error != "invalid_grant" {
		t.Errorf("of a person who is gone: %+v", gone)
	}
}

// A role that is given or taken shows in the next token, not before.
func TestATokenHasTheRolesOfItsMoment(t *testing.T) {
	w := newWorld(t)
	code := w.code(t, "organizations", w.rita, map[string]string{"scope": "api://" + w.api.ClientID + "/.default openid"})
	w.rita.Roles = nil
	w.rita = w.demo.AddPerson(w.rita)
	_, given := w.redeem(t, "organizations", w.redeemRequest(code, nil))
	if claims := w.claims(t, w.demo, given.AccessToken); claims["roles"] != nil || claims["scp"] != "Desk.Access" {
		t.Errorf("claims: %v", claims)
	}
	if want := "api://" + w.api.ClientID + "/"; given.Scope != want+"Desk.Access "+want+".default" || given.RefreshToken != "" {
		t.Errorf("answer: %+v", given)
	}
}

func TestABotSignsInWithItsSecret(t *testing.T) {
	w := newWorld(t)
	ask := func(tenant string, changes map[string]string) (int, tokens) {
		return w.redeemWith(t, tenant, change(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {w.bot.ClientID}, "client_secret": {w.bot.Secret},
			"scope": {"api://" + w.api.ClientID + "/.default"},
		}, changes), nil)
	}
	status, given := ask(demoTenant, nil)
	if status != http.StatusOK || given.RefreshToken != "" || given.IDToken != "" {
		t.Fatalf("%d %+v", status, given)
	}
	claims := w.claims(t, w.demo, given.AccessToken)
	if diff := cmp.Diff([]any{"Login.Broker"}, claims["roles"]); diff != "" || claims["idtyp"] != "app" || claims["azp"] != w.bot.ClientID ||
		claims["azpacr"] != "1" || claims["tid"] != demoTenant || claims["oid"] != claims["sub"] || claims["scp"] != nil || claims["name"] != nil {
		t.Errorf("claims: %v", claims)
	}
	for name, test := range map[string]struct {
		tenant  string
		changes map[string]string
		number  int
	}{
		"another secret":     {demoTenant, map[string]string{"client_secret": "x"}, 7000215},
		"no secret":          {demoTenant, map[string]string{"client_secret": ""}, 7000215},
		"a page's client":    {demoTenant, map[string]string{"client_id": w.api.ClientID, "client_secret": ""}, 7000215},
		"one permission":     {demoTenant, map[string]string{"scope": "api://" + w.api.ClientID + "/Desk.Access"}, 1002012},
		"another's tenant":   {w.other.ID(), nil, 700016},
		"no tenant":          {"organizations", nil, 50059},
		"unknown resource":   {demoTenant, map[string]string{"scope": "api://" + demoTenant + "/.default"}, 500011},
		"no scope":           {demoTenant, map[string]string{"scope": ""}, 900144},
		"unknown grant type": {demoTenant, map[string]string{"grant_type": "x"}, 70003},
	} {
		if status, refused := ask(test.tenant, test.changes); status < 400 || !slices.Equal(refused.Codes, []int{test.number}) {
			t.Errorf("%s: %d %+v, want %d", name, status, refused, test.number)
		}
	}
}

func TestOnlyPagesOfAnApplicationReadTheTokenEndpoint(t *testing.T) {
	w := newWorld(t)
	for from, want := range map[string]string{pageOrigin: pageOrigin, "https://evil.example": "", "": ""} {
		got := w.call(t, "/organizations/oauth2/v2.0/token", url.Values{}, map[string]string{"Origin": from})
		if allowed := got.header.Get("Access-Control-Allow-Origin"); allowed != want || got.header.Get("Vary") != "Origin" {
			t.Errorf("origin %q: %q, want %q", from, allowed, want)
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Error("an answer with tokens may be cached")
		}
	}
}
