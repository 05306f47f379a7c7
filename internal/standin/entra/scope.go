package entra

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Scopes of OpenID Connect that change what is answered.
const (
	scopeOpenID  = "openid"
	scopeOffline = "offline_access"
	scopeDefault = ".default"
)

// graph is what a client gets an access token for that asks for nothing else.
func graph() Application {
	return Application{
		ClientID: GraphID, Name: "Microsoft Graph",
		Scopes: []string{"openid", "profile", "email", "User.Read"},
	}
}

// GraphID is the application id of Microsoft Graph, the same in every tenant.
const GraphID = "00000003-0000-0000-c000-000000000000"

// access is what a scope parameter asks for.
type access struct {
	resource    Application
	permissions []string // of resource, as its tokens name them
	byDefault   bool     // .default was asked for
	openID      bool
	offline     bool
}

// parseScope reads a scope parameter. All permissions must be of one resource.
func (d *Directory) parseScope(text string) (access, *refusal) {
	if strings.TrimSpace(text) == "" {
		return access{}, missing("scope")
	}
	var wanted access
	var resource string
	for _, scope := range strings.Fields(text) {
		if wanted.isOpenIDs(scope) {
			continue
		}
		of, permission := splitScope(scope)
		if resource != "" && of != resource {
			return access{}, refuse("invalid_scope", 28000, "Provided value for the input parameter scope is not valid because it contains more than one resource.")
		}
		resource = of
		wanted.permissions = append(wanted.permissions, permission)
	}
	if resource == "" { // then the token's permissions are OpenID Connect's own
		resource, wanted.permissions = GraphID, []string{scopeOpenID, "profile", "email"}
	}
	return d.granted(wanted, resource)
}

// isOpenIDs takes in a scope that is OpenID Connect's own.
func (a *access) isOpenIDs(scope string) bool {
	switch scope {
	case scopeOpenID:
		a.openID = true
	case scopeOffline:
		a.offline = true
	case "profile", "email":
	default:
		return false
	}
	return true
}

// splitScope splits api://<client id>/Desk.Access. A scope without a resource is
// Microsoft Graph's.
func splitScope(scope string) (resource, permission string) {
	at := strings.LastIndexByte(scope, '/')
	if at < 0 {
		return GraphID, scope
	}
	resource = strings.ToLower(strings.TrimPrefix(scope[:at], "api://"))
	if strings.EqualFold(resource, "https://graph.microsoft.com") {
		resource = GraphID
	}
	return resource, scope[at+1:]
}

// granted holds what is asked for against what the resource has.
func (d *Directory) granted(wanted access, resource string) (access, *refusal) {
	found, known := d.application(resource)
	if resource == GraphID {
		found, known = graph(), true
	}
	if !known {
		return access{}, refuse("invalid_resource", 500011, fmt.Sprintf("The resource principal named %s was not found in the tenant.", resource))
	}
	wanted.resource = found
	for _, permission := range wanted.permissions {
		if permission != scopeDefault && !slices.Contains(found.Scopes, permission) {
			return access{}, refuse("invalid_scope", 650053,
				fmt.Sprintf("The application asked for scope '%s' that doesn't exist on the resource '%s'.", permission, found.ClientID))
		}
		wanted.byDefault = wanted.byDefault || permission == scopeDefault
	}
	if wanted.byDefault {
		wanted.permissions = found.Scopes
	}
	return wanted, nil
}

// text is the scope of a token's answer: the permissions by their whole names.
func (a access) text() string {
	prefix := "api://" + a.resource.ClientID + "/"
	if a.resource.ClientID == GraphID {
		prefix = ""
	}
	var names []string
	for _, permission := range a.permissions {
		names = append(names, prefix+permission)
	}
	if a.byDefault {
		names = append(names, cmp.Or(prefix, "https://graph.microsoft.com/")+scopeDefault)
	}
	return strings.Join(names, " ")
}
