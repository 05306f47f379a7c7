package entra

import (
	"net/http"
	"net/url"
	"slices"
)

// signOut ends a session, of which there is none, and sends people back to an
// address that an application redirects to.
func (d *Directory) signOut(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		d.showRefusal(w, refuse("invalid_request", 900561, "The request cannot be read."))
		return
	}
	if _, refused := d.tenants(r.PathValue("tenant")); refused != nil {
		d.showRefusal(w, refused)
		return
	}
	target := r.Form.Get("post_logout_redirect_uri")
	if !d.redirectsTo(target) {
		// Entra ID leads nobody to a stranger's address, and says nothing of it.
		showPage(w, http.StatusOK, "message", "", map[string]any{"Title": "You signed out of your account", "Text": "It’s a good idea to close all browser windows."})
		return
	}
	request := signIn{redirectURI: target, mode: modeQuery, parameters: r.Form}
	if r.Form.Get("state") == "" {
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	sendBack(w, r, request, url.Values{})
}

// redirectsTo reports whether the address is a redirect URI of an application.
func (d *Directory) redirectsTo(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.applications, func(a Application) bool { return slices.Contains(a.RedirectURIs, address) })
}
