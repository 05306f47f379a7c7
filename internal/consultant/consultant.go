// Package consultant checks the access tokens that Microsoft Entra ID gives to
// people, the consultants of the service desk, and to bots.
//
// A [Verifier] knows a few tenants and one audience. It believes a token only if
// the issuer, the tenant in it and the key that signed it belong together, and
// says of every other token no more than that it is none. The keys of a tenant
// are fetched when they are first needed and kept: see [NewVerifier].
package consultant

import "slices"

// Role is an app role of our API, as Entra ID writes it into the claim roles.
type Role string

// The app roles. The zero value is no role, and nobody has it.
const (
	// Read lets a consultant read conversations.
	Read Role = "Desk.Read"
	// Erase lets a consultant erase conversations and users.
	Erase Role = "Desk.Erase"
	// Broker lets a bot log visitors in.
	Broker Role = "Login.Broker"
)

// roles are those that one token grants.
type roles []Role

func (r roles) has(role Role) bool {
	return role != "" && slices.Contains(r, role)
}

// Consultant is a person whose token was verified. The zero value is nobody and
// has no role.
type Consultant struct {
	// TenantID and ObjectID together name the person, today and for ever. Names
	// and mail addresses in a token are no identity: they change hands. Both are
	// GUIDs in lower case.
	TenantID string
	ObjectID string

	roles roles
}

// Has reports whether the person's token grants role.
func (c Consultant) Has(role Role) bool {
	return c.roles.has(role)
}

// Bot is an app whose token was verified. The zero value is nobody and has no
// role.
type Bot struct {
	// TenantID, ClientID and ObjectID are GUIDs in lower case. ClientID is the
	// app registration's, ObjectID that of its service principal in the tenant.
	TenantID string
	ClientID string
	ObjectID string

	roles roles
}

// Has reports whether the bot's token grants role.
func (b Bot) Has(role Role) bool {
	return b.roles.has(role)
}
