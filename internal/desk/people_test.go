package desk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"chatgate/internal/consultant"
	"chatgate/internal/standin/entra"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const apiClient = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"

// people are consultants whose tokens were verified, by name.
type people struct {
	bankX, bankY string // the tenants
	by           map[string]consultant.Consultant
}

// newPeople signs people in for real: nobody else can make a consultant. They are
// the same for all tests, since keys take long to make.
func newPeople(t *testing.T) people {
	t.Helper()
	found, err := signedIn()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var signedIn = sync.OnceValues(func() (people, error) {
	var directory *entra.Directory
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { directory.ServeHTTP(w, r) }))
	defer server.Close()
	directory = entra.NewDirectory(&entra.DirectoryOptions{URL: server.URL})
	directory.AddApplication(entra.Application{
		ClientID: apiClient, Scopes: []string{"Desk.Access"}, Roles: []string{"Desk.Read", "Desk.Erase", "Login.Broker"},
	})
	bankX, bankY := directory.AddTenant("", "Bank X", "bankx.example"), directory.AddTenant("", "Bank Y", "banky.example")
	verifier, err := consultant.NewVerifier(consultant.Config{
		Authority: server.URL, Audience: apiClient, Tenants: []string{bankX.ID(), bankY.ID()},
	}, nil)
	if err != nil {
		return people{}, err
	}
	defer verifier.Close()
	found := people{bankX: bankX.ID(), bankY: bankY.ID(), by: map[string]consultant.Consultant{"a stranger": {}}}
	for name, roles := range map[string][]string{
		"reader": {"Desk.Read"}, "eraser": {"Desk.Erase"}, "both": {"Desk.Read", "Desk.Erase"}, "broker": {"Login.Broker"}, "none": nil,
	} {
		for suffix, tenant := range map[string]*entra.Organization{" of X": bankX, " of Y": bankY} {
			token, err := tenant.PersonToken(apiClient, tenant.AddPerson(entra.Person{Name: name, Roles: roles}))
			if err != nil {
				return people{}, err
			}
			if found.by[name+suffix], err = verifier.Consultant(context.Background(), token); err != nil {
				return people{}, err
			}
		}
	}
	return found, nil
})
