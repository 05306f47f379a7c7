package entra

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/redacted"
)

// backdated is how long before their making Entra ID's tokens begin to be valid.
const backdated = 5 * time.Minute

// Draft is a token before it is signed. Who wants a wrong one changes it.
type Draft struct {
	Header map[string]any
	Claims map[string]any
	// Method and Key sign; they must fit. What the header says of them is another
	// matter.
	Method jwt.SigningMethod
	Key    any
}

// PersonToken returns a person's access token for the application with the given
// client id, which must be registered: all its scopes, asked for by the
// application itself. The changes are made in their order before it is signed.
func (o *Organization) PersonToken(audience string, person Person, changes ...func(*Draft)) (redacted.Text, error) {
	resource, known := o.directory.application(audience)
	if !known {
		return redacted.Text{}, fmt.Errorf("making a token: no application %s", audience)
	}
	return o.personAccess(resource, access{resource: resource, permissions: resource.Scopes}, person).signed(changes...)
}

// AppToken returns the app-only access token that client gets for the registered
// application with the client id audience.
func (o *Organization) AppToken(audience string, client Application, changes ...func(*Draft)) (redacted.Text, error) {
	resource, known := o.directory.application(audience)
	if !known {
		return redacted.Text{}, fmt.Errorf("making a token: no application %s", audience)
	}
	return o.appAccess(client, resource).signed(changes...)
}

// IDToken returns the ID token that a page of the application with the client id
// audience gets. It holds the same audience and roles as an access token of that
// application, and no scope.
func (o *Organization) IDToken(audience string, person Person, changes ...func(*Draft)) (redacted.Text, error) {
	client, known := o.directory.application(audience)
	if !known {
		return redacted.Text{}, fmt.Errorf("making a token: no application %s", audience)
	}
	return o.identity(client, person, "a-nonce").signed(changes...)
}

// GraphToken returns the access token for Microsoft Graph that a page of client
// gets.
func (o *Organization) GraphToken(client Application, person Person, changes ...func(*Draft)) (redacted.Text, error) {
	return o.personAccess(client, access{resource: graph(), permissions: graph().Scopes}, person).signed(changes...)
}

// draft holds what all tokens have.
func (o *Organization) draft(audience string) Draft {
	now := o.directory.now().Truncate(time.Second)
	key := o.keys.current()
	return Draft{
		Header: map[string]any{"typ": "JWT", "alg": "RS256", "kid": key.id},
		Claims: map[string]any{
			"aud": audience,
			"iss": o.Issuer(),
			"iat": now.Add(-backdated).Unix(),
			"nbf": now.Add(-backdated).Unix(),
			"exp": now.Add(o.directory.lifetime).Unix(),
			"tid": o.id,
			"uti": rand.Text(),
			"ver": "2.0",
		},
		Method: jwt.SigningMethodRS256,
		Key:    key.private,
	}
}

// ofPerson adds who it is. The subject is another for each application.
func (t Draft) ofPerson(o *Organization, person Person, application Application) Draft {
	t.Claims["oid"] = person.ObjectID
	t.Claims["sub"] = derivedUUID("subject", person.ObjectID, application.ClientID)
	t.Claims["name"] = person.Name
	t.Claims["preferred_username"] = o.address(person)
	t.addRoles(person.Roles, application)
	return t
}

// addRoles adds those roles that the application defines. Without any there is
// no claim.
func (t Draft) addRoles(roles []string, application Application) {
	held := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return !slices.Contains(application.Roles, role) })
	if len(held) > 0 {
		t.Claims["roles"] = held
	}
}

func (o *Organization) personAccess(client Application, wanted access, person Person) Draft {
	made := o.draft(wanted.resource.ClientID).ofPerson(o, person, wanted.resource)
	made.Claims["azp"] = client.ClientID
	made.Claims["azpacr"] = "0" // a public client
	made.Claims["scp"] = strings.Join(wanted.permissions, " ")
	return made
}

func (o *Organization) identity(client Application, person Person, nonce string) Draft {
	made := o.draft(client.ClientID).ofPerson(o, person, client)
	if nonce != "" {
		made.Claims["nonce"] = nonce
	}
	return made
}

// appAccess is an application's own token. Its claim idtyp is optional in Entra
// ID: the registration of the audience must ask for it.
func (o *Organization) appAccess(client, resource Application) Draft {
	made := o.draft(resource.ClientID)
	principal := derivedUUID("principal", o.id, client.ClientID)
	made.Claims["oid"], made.Claims["sub"] = principal, principal
	made.Claims["azp"] = client.ClientID
	made.Claims["azpacr"] = "1" // signed in with a secret
	made.Claims["idtyp"] = "app"
	made.addRoles(client.Granted, resource)
	return made
}

// signed makes the changes and signs.
func (t Draft) signed(changes ...func(*Draft)) (redacted.Text, error) {
	for _, change := range changes {
		change(&t)
	}
	unsigned := &jwt.Token{Header: t.Header, Claims: jwt.MapClaims(t.Claims), Method: t.Method}
	token, err := unsigned.SignedString(t.Key)
	if err != nil {
		return redacted.Text{}, fmt.Errorf("signing a token: %w", err)
	}
	return redacted.New(token), nil
}

// derivedUUID is the same for the same names (RFC 9562, version 8).
func derivedUUID(names ...string) string {
	b := sha256.Sum256([]byte(strings.Join(names, "\n")))
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
