package entra

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Response modes.
const (
	modeQuery    = "query"
	modeFragment = "fragment"
)

// maxFormBytes limits a request's body.
const maxFormBytes = 64 << 10

// signIn is a valid request for an authorization code.
type signIn struct {
	tenant        string
	organizations []*Organization // whose people may be picked
	client        Application
	redirectURI   string
	mode          string
	parameters    url.Values
}

// authorize lets somebody pick a person, and sends them back with a code. What
// the page posts is the whole request again, so that nothing is remembered.
func (d *Directory) authorize(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		d.showRefusal(w, refuse("invalid_request", 900561, "The request cannot be read."))
		return
	}
	request, refused := d.readSignIn(r)
	if refused != nil {
		// Nobody is sent to an address that is not the application's.
		d.showRefusal(w, refused)
		return
	}
	if refused := d.checkSignIn(request); refused != nil {
		sendBack(w, r, request, refused.asParameters())
		return
	}
	d.pick(w, r, request)
}

// readSignIn finds out who asks and where the answer goes.
func (d *Directory) readSignIn(r *http.Request) (request signIn, refused *refusal) {
	request = signIn{tenant: r.PathValue("tenant"), parameters: r.Form, mode: r.Form.Get("response_mode")}
	if request.organizations, refused = d.tenants(request.tenant); refused != nil {
		return signIn{}, refused
	}
	for name, values := range r.Form {
		if len(values) > 1 { // RFC 6749, section 3.1
			return signIn{}, refuse("invalid_request", 9000411, "The request is not properly formatted. The parameter '"+name+"' is duplicated.")
		}
	}
	if request.client, refused = d.client(r.Form.Get("client_id"), request.tenant); refused != nil {
		return signIn{}, refused
	}
	request.redirectURI = r.Form.Get("redirect_uri")
	if !slices.Contains(request.client.RedirectURIs, request.redirectURI) {
		return signIn{}, refuse("invalid_request", 50011,
			"The redirect URI '"+request.redirectURI+"' specified in the request does not match the redirect URIs configured for the application '"+request.client.ClientID+"'.")
	}
	if request.mode == "" {
		request.mode = modeQuery
	}
	if request.mode != modeQuery && request.mode != modeFragment {
		return signIn{}, refuse("invalid_request", 90023, "Unsupported 'response_mode' value.")
	}
	return request, nil
}

// isHash reports whether a challenge is a SHA-256 in base64url.
func isHash(challenge string) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(challenge)
	return err == nil && len(decoded) == sha256.Size
}

// checkSignIn holds the rest of the request against the rules.
func (d *Directory) checkSignIn(request signIn) *refusal {
	parameters := request.parameters
	switch {
	case parameters.Get("response_type") == "":
		return missing("response_type")
	case parameters.Get("response_type") != "code":
		return refuse("unsupported_response_type", 700054, "response_type '"+parameters.Get("response_type")+"' is not enabled for the application.")
	case parameters.Get("code_challenge") == "":
		return refuse("invalid_request", 9002325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption.")
	case parameters.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", 50149, "Invalid Code_Challenge_method parameter.")
	case !isHash(parameters.Get("code_challenge")):
		return refuse("invalid_request", 501491, "Invalid size of Code_Challenge parameter.")
	}
	if _, refused := d.parseScope(parameters.Get("scope")); refused != nil {
		return refused
	}
	switch parameters.Get("prompt") {
	case "", "login", "select_account", "consent":
		return nil
	case "none":
		return refuse("login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
	}
	return refuse("invalid_request", 90023, "Unsupported 'prompt' value.")
}

// pick sends back who was picked, or shows who can be.
func (d *Directory) pick(w http.ResponseWriter, r *http.Request, request signIn) {
	if r.PostForm.Has("cancel") {
		refused := refuse("access_denied", 65004, "User declined to consent to access the app.")
		sendBack(w, r, request, refused.asParameters())
		return
	}
	organization, person, picked := request.picked(r.PostForm.Get("person"))
	if !picked {
		d.showPeople(w, request)
		return
	}
	code := d.vouchers.add(voucher{
		clientID:     request.client.ClientID,
		organization: organization,
		objectID:     person.ObjectID,
		scope:        request.parameters.Get("scope"),
		expires:      d.now().Add(codeLifetime),
		redirectURI:  request.redirectURI,
		challenge:    request.parameters.Get("code_challenge"),
		nonce:        request.parameters.Get("nonce"),
	})
	answered := url.Values{"code": {code}, "session_state": {newUUID()}}
	if request.parameters.Get("client_info") == "1" {
		answered.Set("client_info", clientInfo(organization, person))
	}
	sendBack(w, r, request, answered)
}

// picked finds the person whose object id the page posts, or whose user name the
// client hints at, unless it wants the page to be shown.
func (s signIn) picked(objectID string) (*Organization, Person, bool) {
	hint := s.parameters.Get("login_hint")
	if objectID != "" || s.parameters.Get("prompt") != "" {
		hint = ""
	}
	for _, organization := range s.organizations {
		found, known := organization.person(func(p Person) bool {
			return objectID != "" && p.ObjectID == objectID || hint != "" && strings.EqualFold(organization.address(p), hint)
		})
		if known && (s.client.TenantID == "" || s.client.TenantID == organization.id) {
			return organization, found, true
		}
	}
	return nil, Person{}, false
}

func (r *refusal) asParameters() url.Values {
	return url.Values{"error": {r.code}, "error_description": {r.description()}}
}

// sendBack redirects to the application.
func sendBack(w http.ResponseWriter, r *http.Request, request signIn, answered url.Values) {
	if state := request.parameters.Get("state"); state != "" {
		answered.Set("state", state)
	}
	target, err := url.Parse(request.redirectURI)
	if err != nil {
		http.Error(w, "the redirect URI is no URL", http.StatusInternalServerError)
		return
	}
	target.Fragment = ""
	to := target.String()
	switch {
	case request.mode == modeFragment:
		to += "#" + answered.Encode()
	case target.RawQuery != "":
		to += "&" + answered.Encode()
	default:
		to += "?" + answered.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	// The address holds a code, which belongs into no Referer header.
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to, http.StatusSeeOther) // a post becomes a get
}

// clientInfo tells MSAL which account it is: the person's and the tenant's id.
func clientInfo(organization *Organization, person Person) string {
	info, err := json.Marshal(map[string]string{"uid": person.ObjectID, "utid": organization.id})
	if err != nil {
		return "" // a map of text is always JSON
	}
	return base64.RawURLEncoding.EncodeToString(info)
}
