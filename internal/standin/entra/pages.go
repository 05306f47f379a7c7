package entra

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed pages.html
var pagesHTML string

//go:embed pages.css
var pagesCSS string

// shownTenant is a tenant as the page shows it.
type shownTenant struct {
	Name   string
	People []shownPerson
}

type shownPerson struct {
	ID, Initial, Name, Address, Roles string
}

// showPeople lets somebody pick a person, by a form that posts the request again.
func (d *Directory) showPeople(w http.ResponseWriter, request signIn) {
	var tenants []shownTenant
	for _, organization := range request.organizations {
		if request.client.TenantID != "" && request.client.TenantID != organization.id {
			continue
		}
		shown := shownTenant{Name: organization.name}
		for _, person := range organization.People() {
			first, _ := utf8.DecodeRuneInString(person.Name)
			roles := slices.DeleteFunc(slices.Clone(person.Roles), func(role string) bool { return !slices.Contains(request.client.Roles, role) })
			shown.People = append(shown.People, shownPerson{
				person.ObjectID, string(first), person.Name, organization.address(person), strings.Join(roles, ", "),
			})
		}
		tenants = append(tenants, shown)
	}
	fields := map[string]string{}
	for name := range request.parameters {
		if name != "person" && name != "cancel" {
			fields[name] = request.parameters.Get(name)
		}
	}
	showPage(w, http.StatusOK, "people", origin(request.redirectURI), map[string]any{
		"Title": "Pick an account", "Application": request.client.Name, "Tenants": tenants, "Fields": fields,
	})
}

// showRefusal tells a person why a request leads nowhere.
func (d *Directory) showRefusal(w http.ResponseWriter, refused *refusal) {
	showPage(w, refused.status, "message", "", map[string]any{
		"Title": "Sorry, but we’re having trouble signing you in.", "Text": refused.description(),
	})
}

// showPage renders one of the pages. Browsers hold the address that a form's
// answer redirects to against form-action as well, so it names that origin.
func showPage(w http.ResponseWriter, status int, name, formTarget string, data map[string]any) {
	data["Style"] = template.CSS(pagesCSS)
	var page bytes.Buffer
	pages, err := template.New("").Parse(pagesHTML)
	if err == nil {
		err = pages.ExecuteTemplate(&page, name, data)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	style := sha256.Sum256([]byte(pagesCSS))
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(style[:])+
		"'; form-action "+strings.TrimSpace("'self' "+formTarget)+"; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

// origin is that of an absolute address; "" where there is none.
func origin(address string) string {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return ""
	}
	return parsed.Scheme + "://" + parsed.Host
}
