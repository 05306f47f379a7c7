package consultant

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/outbound"
)

const (
	// maxKeySet bounds a key set. A real one has about 20 KiB.
	maxKeySet = 256 << 10

	// minKeyBits is what RS256 demands of a key (RFC 7518 section 3.3). The most
	// that a key may have is go-jose's limit of 16384 bits.
	minKeyBits = 2048
)

var (
	errNotKeySet = errors.New("the answer is no key set")
	errNoKeys    = errors.New("the key set holds no key that can be used")
)

// directory is where a tenant publishes its keys.
type directory struct {
	tenantID  string
	address   string
	issuers   [2]string // what a key may say that it signs for
	transport policy.Transporter
}

func newDirectory(tenantID, authority string, client *http.Client) *directory {
	return &directory{
		tenantID: tenantID,
		address:  authority + "/" + tenantID + "/discovery/v2.0/keys",
		// Entra puts an issuer beside each key, in some clouds as a template that
		// stands for every tenant (https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer).
		issuers:   [2]string{issuerOf(authority, tenantID), issuerOf(authority, "{tenantid}")},
		transport: outbound.Bound(client, maxKeySet),
	}
}

// fetch gets the tenant's keys. Its errors repeat nothing of the answer.
func (d *directory) fetch(ctx context.Context) (publicKeys, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("building the request for the keys: %w", outbound.Cause(err))
	}
	req.Header.Set("Accept", "application/json")
	resp, err := d.transport.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the keys: %w", outbound.Cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the keys: Entra ID answered %d", resp.StatusCode)
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return nil, fmt.Errorf("fetching the keys: %w", outbound.Cause(err))
	}
	return d.parse(body)
}

// parse reads a key set (RFC 7517). A key that cannot be used is left out and
// takes no other with it, as section 5 asks; go-jose's own JSONWebKeySet fails as
// a whole. Of different keys with the same id none is used.
//
// A set without a single good key is an error: taken in, it would lock everybody
// out until the next one.
func (d *directory) parse(body []byte) (publicKeys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errNotKeySet
	}
	keys, ambiguous := publicKeys{}, map[string]bool{}
	for _, raw := range set.Keys {
		keyID, key := d.parseKey(raw)
		if key == nil {
			continue
		}
		if other, known := keys[keyID]; known && !other.Equal(key) {
			ambiguous[keyID] = true
		}
		keys[keyID] = key
	}
	for keyID := range ambiguous {
		delete(keys, keyID)
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// parseKey returns a key and its id, or nil for one that may not verify tokens of
// this tenant.
func (d *directory) parseKey(raw json.RawMessage) (string, *rsa.PublicKey) {
	var published jose.JSONWebKey
	var beside struct {
		Issuer *string `json:"issuer"`
	}
	if json.Unmarshal(raw, &published) != nil || json.Unmarshal(raw, &beside) != nil {
		return "", nil
	}
	key, isRSA := published.Key.(*rsa.PublicKey)
	switch {
	case !isRSA || published.KeyID == "" || key.N.BitLen() < minKeyBits:
		return "", nil
	case published.Use != "" && published.Use != "sig":
		return "", nil
	case published.Algorithm != "" && published.Algorithm != jwt.SigningMethodRS256.Alg():
		return "", nil
	case beside.Issuer != nil && *beside.Issuer != d.issuers[0] && *beside.Issuer != d.issuers[1]:
		return "", nil
	}
	return published.KeyID, key
}
