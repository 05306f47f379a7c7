// Package page writes the pages that stand-ins show to people: one look, one
// policy, and no script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed frame.html
var frame string

//go:embed look.css
var look string

// Set is the pages of one stand-in.
type Set struct {
	// Templates define the pages, as html/template reads them, beside the page
	// message, which has a Text. Each starts with the template head, which shows
	// the Title, and ends with the template foot.
	Templates string
	// Style is added to the look that all pages share.
	Style string
	// Note stands below every page: what it stands in for.
	Note string
}

// Show writes the page name. It adds Style and Note to data. formTarget is the
// origin that the answer to a form may redirect to; empty means none but the
// page's own.
func (s Set) Show(w http.ResponseWriter, status int, name, formTarget string, data map[string]any) {
	style := look + s.Style
	data["Style"], data["Note"] = template.CSS(style), s.Note
	var text bytes.Buffer
	pages, err := template.New("").Parse(frame)
	if err == nil {
		pages, err = pages.Parse(s.Templates)
	}
	if err == nil {
		err = pages.ExecuteTemplate(&text, name, data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256([]byte(style))
	h := w.Header()
	// Browsers hold the address that a form's answer redirects to against
	// form-action as well.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; form-action "+strings.TrimSpace("'self' "+formTarget)+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = text.WriteTo(w)
}

// Origin is that of an absolute address; "" where there is none.
func Origin(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return ""
	}
	return parsed.Scheme + "://" + parsed.Host
}
