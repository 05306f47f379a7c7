package cloud

import (
	"context"

	"chatgate/internal/standin/entra"
)

// Ids in the directory. They are always the same, so that what was noted down in
// one run is still right in the next.
const (
	DeskTenantID  = "5a1de000-0000-4000-8000-00000000de50"
	OtherTenantID = "07e40000-0000-4000-8000-000000000702"
	APIClientID   = "c4a76a7e-0000-4000-8000-0000000000a1"
	BotClientID   = "c4a76a7e-0000-4000-8000-0000000000b0"
)

// App roles that the API defines.
const (
	RoleRead   = "Desk.Read"
	RoleErase  = "Desk.Erase"
	RoleBroker = "Login.Broker"
)

// Desk is who signs in: the client's consultants, one of somebody else's, and
// the client's bot.
type Desk struct {
	// Tenant is the client's; Other may not see anything of its conversations.
	Tenant, Other *entra.Organization
	// Reader may read, Eraser may read and erase; both are the client's.
	Reader, Eraser entra.Person
	// Stranger is of the other tenant, with the same roles as the eraser.
	Stranger entra.Person
	// API is the registration of the API and its page, Bot that of the bot.
	API, Bot entra.Application
}

// startDirectory registers the app in Entra ID. With the authority's real name
// the directory answers behind the proxy.
func (c *Cloud) startDirectory(context.Context) error {
	c.Directory = entra.NewDirectory(&entra.DirectoryOptions{URL: c.options.Authority})
	if c.options.Authority == "" {
		c.Proxy.Handle(entra.DirectoryHost, c.Directory)
	}
	tenant := c.Directory.AddTenant(DeskTenantID, "Demo Bank", "demobank.example")
	other := c.Directory.AddTenant(OtherTenantID, "Other Insurance", "otherinsurance.example")
	c.Desk = Desk{
		Tenant:   tenant,
		Other:    other,
		Reader:   tenant.AddPerson(entra.Person{ObjectID: "5a1de000-0000-4000-8000-000000000001", Name: "Rita Reader", Username: "rita", Roles: []string{RoleRead}}),
		Eraser:   tenant.AddPerson(entra.Person{ObjectID: "5a1de000-0000-4000-8000-000000000002", Name: "Emil Eraser", Username: "emil", Roles: []string{RoleRead, RoleErase}}),
		Stranger: other.AddPerson(entra.Person{ObjectID: "07e40000-0000-4000-8000-000000000001", Name: "Otto Other", Username: "otto", Roles: []string{RoleRead, RoleErase}}),
		API: c.Directory.AddApplication(entra.Application{
			ClientID: APIClientID, Name: "Chatgate service desk", RedirectURIs: c.options.DeskPages,
			Scopes: []string{"Desk.Access"}, Roles: []string{RoleRead, RoleErase, RoleBroker},
		}),
		Bot: c.Directory.AddApplication(entra.Application{
			ClientID: BotClientID, Name: "Demo bot", TenantID: DeskTenantID, Secret: "demo-bot-secret", Granted: []string{RoleBroker},
		}),
	}
	return nil
}
