package entra

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"chatgate/internal/standin/page"
)

// maxVerifierLength is RFC 7636's; the shortest is minVerifierLength.
const (
	minVerifierLength = 43
	maxVerifierLength = 128
)

// token is the token endpoint.
func (d *Directory) token(w http.ResponseWriter, r *http.Request) {
	d.allowOrigin(w, r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		d.fail(w, refuse("invalid_request", 900561, "The request cannot be read."))
		return
	}
	tokens, refused := d.exchange(r)
	if refused != nil {
		d.fail(w, refused)
		return
	}
	answer(w, http.StatusOK, tokens)
}

// preflight answers a browser that asks before it posts.
func (d *Directory) preflight(w http.ResponseWriter, r *http.Request) {
	d.allowOrigin(w, r)
	w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	w.WriteHeader(http.StatusNoContent)
}

// allowOrigin lets pages read the answer to which some application redirects.
func (d *Directory) allowOrigin(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	from := r.Header.Get("Origin")
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(d.applications, func(a Application) bool { return a.isServedFrom(from) }) {
		w.Header().Set("Access-Control-Allow-Origin", from)
	}
}

func (a Application) isServedFrom(from string) bool {
	return from != "" && slices.ContainsFunc(a.RedirectURIs, func(uri string) bool { return page.Origin(uri) == from })
}

// exchange gives tokens for a code, a refresh token or a secret.
func (d *Directory) exchange(r *http.Request) (map[string]any, *refusal) {
	tenant := r.PathValue("tenant")
	if _, refused := d.tenants(tenant); refused != nil {
		return nil, refused
	}
	clientID, secret, basic := r.BasicAuth()
	if !basic {
		clientID, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client, refused := d.client(clientID, tenant)
	if refused != nil {
		return nil, refused
	}
	switch grant := r.PostForm.Get("grant_type"); grant {
	case "client_credentials":
		return d.exchangeSecret(r, tenant, client, secret)
	case "authorization_code", "refresh_token":
		if secret != "" {
			return nil, refuse("invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
		}
		if !client.isServedFrom(r.Header.Get("Origin")) {
			return nil, refuse("invalid_request", 9002327, "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.")
		}
		return d.exchangeVoucher(r, tenant, client, grant)
	case "":
		return nil, missing("grant_type")
	default:
		return nil, refuse("unsupported_grant_type", 70003, "The app requested an unsupported grant type '"+grant+"'.")
	}
}

// exchangeSecret gives an application its own token.
func (d *Directory) exchangeSecret(r *http.Request, tenant string, client Application, secret string) (map[string]any, *refusal) {
	if client.Secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) != 1 {
		return nil, refuse("invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.")
	}
	found, refused := d.tenants(tenant)
	if refused != nil || isEveryTenant(tenant) {
		return nil, refuse("invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials.")
	}
	wanted, refused := d.parseScope(r.PostForm.Get("scope"))
	if refused != nil {
		return nil, refused
	}
	if !wanted.byDefault {
		return nil, refuse("invalid_scope", 1002012, "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.")
	}
	token, err := found[0].appAccess(client, wanted.resource).signed()
	if err != nil {
		return nil, refuse("server_error", 90033, "A transient error has occurred.")
	}
	return map[string]any{
		"token_type": "Bearer", "access_token": token.Reveal(),
		"expires_in": d.expiresIn(), "ext_expires_in": d.expiresIn(),
	}, nil
}

func (d *Directory) expiresIn() int {
	return int(d.lifetime / time.Second)
}

// exchangeVoucher gives a page tokens of the person who signed in to it.
func (d *Directory) exchangeVoucher(r *http.Request, tenant string, client Application, grant string) (map[string]any, *refusal) {
	parameter := map[string]string{"authorization_code": "code", "refresh_token": "refresh_token"}[grant]
	text := r.PostForm.Get(parameter)
	if text == "" {
		return nil, missing(parameter)
	}
	found, known := d.vouchers.look(text)
	if !known || found.refreshes != (parameter == "refresh_token") || !strings.EqualFold(found.clientID, client.ClientID) {
		return nil, refuse("invalid_grant", 70000, "The provided value for the input parameter '"+parameter+"' is not valid.")
	}
	if refused := d.checkVoucher(r, tenant, found); refused != nil {
		return nil, refused
	}
	if !d.vouchers.use(text) {
		return nil, refuse("invalid_grant", 54005, "The "+parameter+" was already redeemed, please retry with a new valid one.")
	}
	person, known := found.organization.person(func(p Person) bool { return p.ObjectID == found.objectID })
	if !known {
		return nil, refuse("invalid_grant", 50034, "The user account does not exist in the directory.")
	}
	if asked := r.PostForm.Get("scope"); asked != "" {
		found.scope = asked
	}
	return d.grant(client, found, person, r.PostForm.Get("client_info") == "1")
}

// checkVoucher holds the request against what the voucher was given for.
func (d *Directory) checkVoucher(r *http.Request, tenant string, found voucher) *refusal {
	switch {
	case !isEveryTenant(tenant) && !d.isTenant(found.organization.id, tenant):
		return refuse("invalid_grant", 700005, "The provided Authorization Code is intended to use against other tenant, thus rejected.")
	case !d.now().Before(found.expires) && found.refreshes:
		return refuse("invalid_grant", 700084, "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page.")
	case !d.now().Before(found.expires):
		return refuse("invalid_grant", 70008, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.")
	case found.refreshes:
		return nil
	case r.PostForm.Get("redirect_uri") != found.redirectURI:
		return refuse("invalid_grant", 500112, "The reply address '"+r.PostForm.Get("redirect_uri")+"' does not match the reply address '"+found.redirectURI+"' provided when requesting Authorization code.")
	case !proves(r.PostForm.Get("code_verifier"), found.challenge):
		return refuse("invalid_grant", 501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	return nil
}

// proves reports whether the verifier is the one whose hash the challenge is
// (RFC 7636, section 4.6).
func proves(verifier, challenge string) bool {
	hash := sha256.Sum256([]byte(verifier))
	return len(verifier) >= minVerifierLength && len(verifier) <= maxVerifierLength &&
		subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(hash[:])), []byte(challenge)) == 1
}

// grant makes the tokens of an answer.
func (d *Directory) grant(client Application, from voucher, person Person, withInfo bool) (map[string]any, *refusal) {
	wanted, refused := d.parseScope(from.scope)
	if refused != nil {
		return nil, refused
	}
	failed := refuse("server_error", 90033, "A transient error has occurred.")
	token, err := from.organization.personAccess(client, wanted, person).signed()
	if err != nil {
		return nil, failed
	}
	tokens := map[string]any{
		"token_type": "Bearer", "access_token": token.Reveal(), "scope": wanted.text(),
		"expires_in": d.expiresIn(), "ext_expires_in": d.expiresIn(),
	}
	if wanted.openID {
		id, err := from.organization.identity(client, person, from.nonce).signed()
		if err != nil {
			return nil, failed
		}
		tokens["id_token"] = id.Reveal()
	}
	if wanted.offline {
		d.addRefreshToken(tokens, from)
	}
	if withInfo {
		tokens["client_info"] = clientInfo(from.organization, person)
	}
	return tokens, nil
}

// addRefreshToken adds one that lives as long as the one before it would have.
func (d *Directory) addRefreshToken(tokens map[string]any, from voucher) {
	expires := from.expires
	if !from.refreshes {
		expires = d.now().Add(refreshLifetime)
	}
	tokens["refresh_token"] = d.vouchers.add(voucher{
		refreshes: true, clientID: from.clientID, organization: from.organization, objectID: from.objectID,
		scope: from.scope, expires: expires,
	})
	tokens["refresh_token_expires_in"] = int(expires.Sub(d.now()) / time.Second)
}
