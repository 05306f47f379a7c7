package entra

import (
	"net/http"
	"net/url"
	"strings"
)

// cloudInstance names the public cloud.
const cloudInstance = "microsoftonline.com"

// ReadingKeys matches the requests for the key set of one tenant.
func ReadingKeys(tenantID string) func(*http.Request) bool {
	path := "/" + strings.ToLower(tenantID) + "/discovery/v2.0/keys"
	return func(r *http.Request) bool { return strings.EqualFold(r.URL.Path, path) }
}

// configuration is OpenID Connect's discovery. Like Entra ID it leaves out which
// methods of PKCE there are. For all tenants at once the issuer is a pattern.
func (d *Directory) configuration(w http.ResponseWriter, r *http.Request) {
	anyOrigin(w)
	tenant := r.PathValue("tenant")
	found, refused := d.tenants(tenant)
	if refused != nil {
		d.fail(w, refused)
		return
	}
	issuer := d.url + "/{tenantid}/v2.0"
	if len(found) == 1 && !isEveryTenant(tenant) {
		tenant, issuer = found[0].id, found[0].Issuer()
	}
	root := d.url + "/" + tenant
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                issuer,
		"authorization_endpoint":                root + "/oauth2/v2.0/authorize",
		"token_endpoint":                        root + "/oauth2/v2.0/token",
		"end_session_endpoint":                  root + "/oauth2/v2.0/logout",
		"jwks_uri":                              root + "/discovery/v2.0/keys",
		"userinfo_endpoint":                     "https://graph.microsoft.com/oidc/userinfo",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"response_modes_supported":              []string{modeQuery, modeFragment},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{scopeOpenID, "profile", "email", scopeOffline},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"},
		"request_uri_parameter_supported":       false,
		"cloud_instance_name":                   cloudInstance,
	})
}

// keySet serves a tenant's public keys, or those of all of them.
func (d *Directory) keySet(w http.ResponseWriter, r *http.Request) {
	anyOrigin(w)
	tenant := r.PathValue("tenant")
	found, refused := d.tenants(tenant)
	if refused != nil {
		d.fail(w, refused)
		return
	}
	keys := []map[string]any{}
	for _, each := range found {
		published := each.keys.published
		if !isEveryTenant(tenant) {
			published = each.keys.read
		}
		for _, key := range published() {
			keys = append(keys, key.webKey(each.Issuer()))
		}
	}
	w.Header().Set("Cache-Control", "max-age=86400, private")
	answer(w, http.StatusOK, map[string]any{"keys": keys})
}

// instance tells clients that know only a host name which clouds there are: this
// one.
func (d *Directory) instance(w http.ResponseWriter, _ *http.Request) {
	anyOrigin(w)
	host := DirectoryHost
	if parsed, err := url.Parse(d.url); err == nil {
		host = parsed.Host
	}
	answer(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": d.url + "/common/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []map[string]any{{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	})
}

// anyOrigin lets pages read what is public.
func anyOrigin(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
}
