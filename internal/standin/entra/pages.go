package entra

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"chatgate/internal/standin/page"
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
	showPage(w, http.StatusOK, "people", page.Origin(request.redirectURI), map[string]any{
		"Title": "Pick an account", "Application": request.client.Name, "Tenants": tenants, "Fields": fields,
	})
}

// showRefusal tells a person why a request leads nowhere.
func (d *Directory) showRefusal(w http.ResponseWriter, refused *refusal) {
	showPage(w, refused.status, "message", "", map[string]any{
		"Title": "Sorry, but we’re having trouble signing you in.", "Text": refused.description(),
	})
}

func showPage(w http.ResponseWriter, status int, name, formTarget string, data map[string]any) {
	pages := page.Set{
		Templates: pagesHTML, Style: pagesCSS,
		Note: "A stand-in for Microsoft Entra\u00a0ID, for development: it asks for no password.",
	}
	pages.Show(w, status, name, formTarget, data)
}
