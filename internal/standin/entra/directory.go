package entra

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"chatgate/internal/standin/faults"
)

// DirectoryHost is where people and programs sign in.
const DirectoryHost = "login.microsoftonline.com"

// accessTokenLifetime is the shortest that Entra ID gives by default
// (learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes).
const accessTokenLifetime = time.Hour

// DirectoryOptions adjust a [Directory].
type DirectoryOptions struct {
	// URL is where clients reach the directory, without a slash at its end; empty:
	// https://login.microsoftonline.com. It is part of every issuer.
	URL string
	// TokenLifetime is the life of access and ID tokens, in whole seconds; 0: an
	// hour.
	TokenLifetime time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Directory is the sign-in service of Entra ID with several tenants: an OpenID
// provider for the authorization code flow with PKCE, refresh tokens and client
// credentials. It keeps no sessions, so that everybody picks a person each time.
//
// It is an http.Handler for the paths below its URL, and may be used by several
// goroutines at once.
type Directory struct {
	// Faults befall requests; see also [ReadingKeys].
	Faults faults.Injector

	url      string
	lifetime time.Duration
	now      func() time.Time
	handler  http.Handler
	vouchers *vouchers

	mu            sync.Mutex
	organizations []*Organization // in the order in which they were added
	applications  []Application
}

// Application is an app registration, the same in each tenant that has it.
type Application struct {
	// ClientID is a UUID; empty: a random one.
	ClientID string
	Name     string
	// TenantID is the only tenant that has it; empty: each has it.
	TenantID string
	// RedirectURIs are those of its single-page applications: where a sign-in or
	// sign-out may lead, compared exactly. They must be absolute.
	RedirectURIs []string
	// Scopes are what it lets other applications ask for, such as Desk.Access.
	Scopes []string
	// Roles are the app roles that it defines.
	Roles []string
	// Secret is what it signs in with for itself; empty: it cannot.
	Secret string
	// Granted are app roles that it has for itself, at each application that
	// defines them.
	Granted []string
}

// NewDirectory makes a directory without tenants; nil options mean the defaults.
func NewDirectory(options *DirectoryOptions) *Directory {
	if options == nil {
		options = &DirectoryOptions{}
	}
	d := &Directory{
		url:      strings.TrimSuffix(cmp.Or(options.URL, "https://"+DirectoryHost), "/"),
		lifetime: cmp.Or(options.TokenLifetime, accessTokenLifetime),
		now:      options.Now,
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.vouchers = newVouchers(d.now)
	d.handler = d.Faults.Wrap(d.routes())
	return d
}

// URL is what clients take for the authority, without a tenant.
func (d *Directory) URL() string { return d.url }

// ServeHTTP answers as Entra ID does.
func (d *Directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.handler.ServeHTTP(w, r)
}

func (d *Directory) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /common/discovery/instance", d.instance)
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", d.configuration)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", d.keySet)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", d.authorize)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/authorize", d.authorize)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", d.token)
	mux.HandleFunc("OPTIONS /{tenant}/oauth2/v2.0/token", d.preflight)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/logout", d.signOut)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/logout", d.signOut)
	return mux
}

// AddTenant adds a tenant and returns it. An empty id means a random one; domain
// is the part of its people's user names after the @.
func (d *Directory) AddTenant(id, name, domain string) *Organization {
	added := &Organization{directory: d, id: cmp.Or(strings.ToLower(id), newUUID()), name: name, domain: domain}
	added.keys.now = d.now
	d.mu.Lock()
	defer d.mu.Unlock()
	d.organizations = append(d.organizations, added)
	return added
}

// AddApplication registers an application, in place of one with the same client
// id, and returns it with that id.
func (d *Directory) AddApplication(application Application) Application {
	application.ClientID = cmp.Or(strings.ToLower(application.ClientID), newUUID())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.applications = slices.DeleteFunc(d.applications, func(other Application) bool { return other.ClientID == application.ClientID })
	d.applications = append(d.applications, application)
	return application
}

// Tenant returns the tenant with this id; nil where there is none.
func (d *Directory) Tenant(id string) *Organization {
	found, refused := d.tenants(id)
	if refused != nil || !strings.EqualFold(id, found[0].id) {
		return nil
	}
	return found[0]
}

// tenants are those that a path's first part means: one by its id or domain, or
// all of them.
func (d *Directory) tenants(name string) ([]*Organization, *refusal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if isEveryTenant(name) && len(d.organizations) > 0 {
		return slices.Clone(d.organizations), nil
	}
	for _, each := range d.organizations {
		if strings.EqualFold(name, each.id) || strings.EqualFold(name, each.domain) {
			return []*Organization{each}, nil
		}
	}
	return nil, refuse("invalid_tenant", 90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.", name))
}

func isEveryTenant(name string) bool {
	return strings.EqualFold(name, "organizations") || strings.EqualFold(name, "common")
}

// application finds a registration by its client id.
func (d *Directory) application(clientID string) (Application, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, each := range d.applications {
		if strings.EqualFold(each.ClientID, clientID) {
			return each, true
		}
	}
	return Application{}, false
}

// client finds the application that a request names, in the tenant it names.
func (d *Directory) client(clientID, tenant string) (Application, *refusal) {
	if clientID == "" {
		return Application{}, missing("client_id")
	}
	found, known := d.application(clientID)
	if !known || found.TenantID != "" && !isEveryTenant(tenant) && !d.isTenant(found.TenantID, tenant) {
		return Application{}, refuse("unauthorized_client", 700016,
			fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'.", clientID, tenant))
	}
	return found, nil
}

func (d *Directory) isTenant(id, name string) bool {
	found, refused := d.tenants(name)
	return refused == nil && len(found) == 1 && strings.EqualFold(found[0].id, id)
}
