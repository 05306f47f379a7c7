package infra

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/consultant"
)

// registration is the body with which docs/service-desk.md makes the app
// registration, as Microsoft Graph's resource type application has it.
type registration struct {
	SignInAudience         string `json:"signInAudience"`
	IsFallbackPublicClient *bool  `json:"isFallbackPublicClient"`
	Web                    struct {
		ImplicitGrantSettings map[string]bool `json:"implicitGrantSettings"`
	} `json:"web"`
	API struct {
		RequestedAccessTokenVersion int `json:"requestedAccessTokenVersion"`
		Scopes                      []struct {
			ID        string `json:"id"`
			Value     string `json:"value"`
			Type      string `json:"type"`
			IsEnabled bool   `json:"isEnabled"`
		} `json:"oauth2PermissionScopes"`
	} `json:"api"`
	AppRoles []struct {
		ID                 string   `json:"id"`
		Value              string   `json:"value"`
		AllowedMemberTypes []string `json:"allowedMemberTypes"`
		IsEnabled          bool     `json:"isEnabled"`
	} `json:"appRoles"`
	OptionalClaims struct {
		AccessToken []struct {
			Name string `json:"name"`
		} `json:"accessToken"`
	} `json:"optionalClaims"`
	RequiredResourceAccess []struct {
		ResourceAppID  string `json:"resourceAppId"`
		ResourceAccess []struct {
			ID   string `json:"id"`
			Type string `json:"type"`
		} `json:"resourceAccess"`
	} `json:"requiredResourceAccess"`
}

func appRegistration(t *testing.T) registration {
	t.Helper()
	return readJSON[registration](t, filepath.Join(root, "docs", "examples", "entra", "app-registration.json"))
}

// The roles are those that the code looks for, people's and bots' kept apart: a
// person must not be given a bot's role, nor a bot a person's.
func TestAppRolesAreThoseOfTheCode(t *testing.T) {
	members := map[consultant.Role]string{}
	for _, role := range appRegistration(t).AppRoles {
		members[consultant.Role(role.Value)] = strings.Join(role.AllowedMemberTypes, " ")
		if !role.IsEnabled {
			t.Errorf("the role %s is disabled", role.Value)
		}
	}
	want := map[consultant.Role]string{consultant.Read: "User", consultant.Erase: "User", consultant.Broker: "Application"}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("app roles (-code +registration):\n%s", diff)
	}
}

// What the checks of tokens rely on: version 2.0 (issuer and audience), no
// implicit flow, tokens of apps that say so, a scope that admins alone consent
// to.
func TestAppRegistrationGivesTheTokensThatAreChecked(t *testing.T) {
	app := appRegistration(t)
	if app.SignInAudience != "AzureADMultipleOrgs" {
		t.Errorf("signInAudience is %s: clients' tenants could not sign in, or personal accounts could", app.SignInAudience)
	}
	if app.API.RequestedAccessTokenVersion != 2 {
		t.Errorf("access tokens would be of version %d", app.API.RequestedAccessTokenVersion)
	}
	if app.IsFallbackPublicClient == nil || *app.IsFallbackPublicClient {
		t.Error("flows for devices and passwords are not ruled out")
	}
	if diff := cmp.Diff(map[string]bool{"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false}, app.Web.ImplicitGrantSettings); diff != "" {
		t.Errorf("implicit flow (-want +got):\n%s", diff)
	}
	if claims := app.OptionalClaims.AccessToken; len(claims) != 1 || claims[0].Name != "idtyp" {
		t.Errorf("optional claims are %+v; an app's token could not be told by idtyp", claims)
	}
	if scopes := app.API.Scopes; len(scopes) != 1 || scopes[0].Value != "Desk.Access" || scopes[0].Type != "Admin" || !scopes[0].IsEnabled {
		t.Errorf("scopes are %+v", scopes)
	}
}

// Entra gives an app a token for itself only if it also may sign people in and
// read their profile (AADSTS90008, AADSTS650056). Nothing more is asked for.
func TestAppRegistrationAsksForNoMoreThanSigningIn(t *testing.T) {
	asked := appRegistration(t).RequiredResourceAccess
	const graph, userRead = "00000003-0000-0000-c000-000000000000", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
	if len(asked) != 1 || asked[0].ResourceAppID != graph || len(asked[0].ResourceAccess) != 1 ||
		asked[0].ResourceAccess[0].ID != userRead || asked[0].ResourceAccess[0].Type != "Scope" {
		t.Errorf("the registration asks for %+v", asked)
	}
}

// The commands of the document name the ids of the registration, which are
// distinct GUIDs.
func TestServiceDeskDocumentNamesTheIDs(t *testing.T) {
	app := appRegistration(t)
	ids := []string{app.API.Scopes[0].ID}
	document := read(t, "docs", "service-desk.md")
	for _, role := range app.AppRoles {
		ids = append(ids, role.ID)
		if !strings.Contains(document, "`"+role.Value+"`") {
			t.Errorf("docs/service-desk.md does not say what %s may do", role.Value)
		}
		if slices.Contains(role.AllowedMemberTypes, "User") && !strings.Contains(document, role.ID) {
			t.Errorf("docs/service-desk.md does not name the id of %s", role.Value)
		}
		if slices.Contains(role.AllowedMemberTypes, "Application") && !strings.Contains(read(t, "docs", "end-user-login.md"), `\"appRoleId\":\"`+role.ID) {
			t.Errorf("docs/end-user-login.md does not grant %s", role.Value)
		}
	}
	if !strings.Contains(document, ids[0]+"=Scope") {
		t.Error("docs/service-desk.md does not let the page use the API")
	}
	for i, id := range ids {
		if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) || slices.Contains(ids[:i], id) {
			t.Errorf("the id %q is no GUID, or another's", id)
		}
	}
}
