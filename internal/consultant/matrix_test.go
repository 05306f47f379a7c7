package consultant_test

import (
	"fmt"
	"slices"
	"testing"

	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// crossing is one token of the cross-tenant matrix: who the issuer is, which
// tenant the token says, whose key signed it and which key it names.
type crossing struct {
	issuer, tenant, signer, keyID string
}

// onDiagonal reports whether all parts of a token belong to one tenant.
func (c crossing) onDiagonal() bool {
	return c.issuer == c.tenant && c.signer == c.tenant && (c.keyID == c.tenant || c.keyID == "shared")
}

// crossings are all of them. The key id "shared" is one that each tenant has for
// its own key, so that only the key set tells the keys apart.
func crossings() []crossing {
	tenants := []string{tenantA, tenantB, stranger}
	var all []crossing
	for _, issuer := range tenants {
		for _, tenant := range tenants {
			for _, signer := range tenants {
				for _, keyID := range append([]string{"shared"}, tenants...) {
					all = append(all, crossing{issuer, tenant, signer, keyID})
				}
			}
		}
	}
	return all
}

func TestOfTheCrossTenantMatrixOnlyTheDiagonalPasses(t *testing.T) {
	w, _ := newWorld(t)
	for _, tenant := range []string{tenantA, tenantB, stranger} {
		w.publish(tenant, jwk(t, tenant), but(jwk(t, tenant), "kid", "shared"))
	}
	people, bots := map[crossing]redacted.Text{}, map[crossing]redacted.Text{}
	for _, c := range crossings() {
		cross := func(good token) redacted.Text {
			return good.claim("iss", w.issuers+c.issuer+"/v2.0").claim("tid", c.tenant).by(c.signer).head("kid", c.keyID).sign(t)
		}
		people[c], bots[c] = cross(w.person(c.tenant)), cross(w.bot(c.tenant))
	}
	for _, allowed := range [][]string{{}, {tenantA}, {tenantB}, {tenantA, tenantB}, {tenantA, tenantB, stranger}} {
		t.Run(fmt.Sprintf("%d allowed", len(allowed)), func(t *testing.T) {
			v, passed := w.verifier(t, allowed...), 0
			for c, text := range people {
				person, personErr := v.Consultant(t.Context(), text)
				bot, botErr := v.Bot(t.Context(), bots[c])
				if want := c.onDiagonal() && slices.Contains(allowed, c.tenant); !want {
					wantCode(t, personErr, problem.TokenInvalid)
					wantCode(t, botErr, problem.TokenInvalid)
				} else if passed++; personErr != nil || botErr != nil || person.TenantID != c.tenant || bot.TenantID != c.tenant {
					t.Errorf("%+v: %+v, %v; %+v, %v", c, person, personErr, bot, botErr)
				}
			}
			if passed != 2*len(allowed) {
				t.Errorf("%d of the matrix were to pass, want two a tenant", passed)
			}
		})
	}
}
