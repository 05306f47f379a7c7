package entra

import (
	"cmp"
	"crypto/rsa"
	"slices"
	"strings"
	"sync"
)

// Organization is a tenant of a [Directory]: people who sign in, and keys that
// sign their tokens. It may be used by several goroutines at once.
type Organization struct {
	directory *Directory
	id        string
	name      string
	domain    string
	keys      keyring

	mu     sync.Mutex
	people []Person
}

// Person is an account of a tenant.
type Person struct {
	// ObjectID is a UUID, which only this tenant uses; empty: a random one.
	ObjectID string
	Name     string
	// Username is the name before the @ and the tenant's domain.
	Username string
	// Roles are the app roles that the person has, at each application that
	// defines them.
	Roles []string
}

// ID returns the tenant's id.
func (o *Organization) ID() string { return o.id }

// Name returns what people call the tenant.
func (o *Organization) Name() string { return o.name }

// Issuer is that of the tenant's version 2.0 tokens.
func (o *Organization) Issuer() string {
	return o.directory.url + "/" + o.id + "/v2.0"
}

// AddPerson adds an account, in place of one with the same object id, and
// returns it with that id.
func (o *Organization) AddPerson(person Person) Person {
	person.ObjectID = cmp.Or(strings.ToLower(person.ObjectID), newUUID())
	o.RemovePerson(person)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.people = append(o.people, person)
	return person
}

// RemovePerson deletes an account. Tokens that it has stay valid until they
// expire; they are not renewed.
func (o *Organization) RemovePerson(person Person) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.people = slices.DeleteFunc(o.people, func(other Person) bool { return other.ObjectID == person.ObjectID })
}

// People returns the accounts, in the order in which they were added.
func (o *Organization) People() []Person {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.people)
}

// person finds an account by a name that match accepts.
func (o *Organization) person(match func(Person) bool) (Person, bool) {
	people := o.People()
	at := slices.IndexFunc(people, match)
	if at < 0 {
		return Person{}, false
	}
	return people[at], true
}

// address is the person's user name with the tenant's domain.
func (o *Organization) address(person Person) string {
	return person.Username + "@" + o.domain
}

// SigningKey returns the key that signs now, with its id.
func (o *Organization) SigningKey() (keyID string, key *rsa.PrivateKey) {
	current := o.keys.current()
	return current.id, current.private
}

// Rotate makes a new key, which signs from now on, and returns its id. Earlier
// keys stay published until [Organization.Retire].
func (o *Organization) Rotate() (keyID string) {
	return o.keys.rotate()
}

// Retire withdraws all keys but the one that signs now.
func (o *Organization) Retire() {
	o.keys.retire()
}

// KeyReads is how often the tenant's own key set was served.
func (o *Organization) KeyReads() int {
	return o.keys.readCount()
}
