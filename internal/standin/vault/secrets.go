package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets/fake"

	"chatgate/internal/redacted"
)

// ErrNotFound means that there is no such secret or version.
var ErrNotFound = errors.New("no such secret or version")

// namePattern is what the vault allows as a secret's name.
var namePattern = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// version is one version of a secret.
type version struct {
	id          string // 32 hex digits
	value       redacted.Text
	contentType *string
	tags        map[string]*string
	enabled     bool
	notBefore   *time.Time
	expires     *time.Time
	created     time.Time
	updated     time.Time
}

// versionPattern is the form of a version's id.
var versionPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Set writes a new version of the secret, which is then the current one, and
// returns the version's id.
func (v *Vault) Set(name, value string) string {
	return v.add(name, version{value: redacted.New(value), enabled: true}).id
}

// Restore puts a version back under the id that it had, as restoring a backup
// does, and makes it the current one. What names the version stays valid so. The
// id is 32 hex digits in lower case.
func (v *Vault) Restore(name, id, value string) error {
	if !namePattern.MatchString(name) || !versionPattern.MatchString(id) {
		return fmt.Errorf("restoring %q: no such name or version can be", name)
	}
	v.insert(name, version{id: id, value: redacted.New(value), enabled: true})
	return nil
}

// add gives a new version its id.
func (v *Vault) add(name string, added version) version {
	added.id = newVersionID()
	return v.insert(name, added)
}

// insert makes a version the current one and returns it as it then is.
func (v *Vault) insert(name string, added version) version {
	added.created = v.now()
	added.updated = added.created
	v.mu.Lock()
	defer v.mu.Unlock()
	key := strings.ToLower(name)
	v.secrets[key] = append(v.secrets[key], &added)
	return added
}

func newVersionID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails, see its documentation
	return hex.EncodeToString(id[:])
}

// SetEnabled enables or disables a version. A disabled one cannot be read; while
// it is the current one, neither can the secret without a version.
func (v *Vault) SetEnabled(name, id string, enabled bool) error {
	_, err := v.change(name, id, func(found *version) { found.enabled = enabled })
	return err
}

// Delete removes the secret with all its versions.
func (v *Vault) Delete(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.secrets, strings.ToLower(name))
}

// change edits a version and returns it as it then is.
func (v *Vault) change(name, id string, edit func(*version)) (version, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.find(name, id)
	if found == nil {
		return version{}, ErrNotFound
	}
	edit(found)
	found.updated = v.now()
	return *found, nil
}

// find returns a version, the current one where id is empty, or nil. v.mu is
// held.
func (v *Vault) find(name, id string) *version {
	versions := v.secrets[strings.ToLower(name)]
	if id == "" && len(versions) > 0 {
		return versions[len(versions)-1]
	}
	at := slices.IndexFunc(versions, func(candidate *version) bool { return candidate.id == id })
	if at < 0 {
		return nil
	}
	return versions[at]
}

// operationOf names the SDK operation that a request is for.
func operationOf(r *http.Request) (string, bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/secrets/")
	name, id, _ := strings.Cut(rest, "/")
	if !ok || !namePattern.MatchString(name) || strings.Contains(id, "/") {
		return "", false
	}
	switch r.Method {
	case http.MethodGet:
		return "Client.GetSecret", id != "versions"
	case http.MethodPut:
		return "Client.SetSecret", id == ""
	case http.MethodPatch:
		return "Client.UpdateSecretProperties", id != ""
	default:
		return "", false
	}
}

// withOperation names the operation as the SDK's client does for a fake that is
// its transport.
func withOperation(ctx context.Context, operation string) context.Context {
	return context.WithValue(ctx, runtime.CtxAPINameKey{}, operation)
}

// server returns the operations offered: reading, setting and updating a secret.
func (v *Vault) server() *fake.Server {
	return &fake.Server{
		GetSecret:              v.getSecret,
		SetSecret:              v.setSecret,
		UpdateSecretProperties: v.updateSecret,
	}
}

func (v *Vault) getSecret(_ context.Context, name, id string, _ *azsecrets.GetSecretOptions) (
	answer azfake.Responder[azsecrets.GetSecretResponse], refusal azfake.ErrorResponder,
) {
	v.mu.Lock()
	found := v.find(name, id)
	var read version
	if found != nil {
		read = *found
	}
	v.mu.Unlock()
	switch {
	case found == nil:
		refusal.SetResponseError(http.StatusNotFound, "SecretNotFound")
	case !read.enabled:
		// The service's inner error is SecretDisabled; its code is this one.
		refusal.SetResponseError(http.StatusForbidden, "Forbidden")
	default:
		answer.SetResponse(http.StatusOK, azsecrets.GetSecretResponse{Secret: v.secret(name, &read, true)}, nil)
	}
	return answer, refusal
}

func (v *Vault) setSecret(_ context.Context, name string, given azsecrets.SetSecretParameters, _ *azsecrets.SetSecretOptions) (
	answer azfake.Responder[azsecrets.SetSecretResponse], refusal azfake.ErrorResponder,
) {
	if given.Value == nil {
		refusal.SetResponseError(http.StatusBadRequest, "BadParameter")
		return answer, refusal
	}
	added := version{value: redacted.New(*given.Value), enabled: true, contentType: given.ContentType, tags: given.Tags}
	added.apply(given.SecretAttributes)
	written := v.add(name, added)
	answer.SetResponse(http.StatusOK, azsecrets.SetSecretResponse{Secret: v.secret(name, &written, true)}, nil)
	return answer, refusal
}

func (v *Vault) updateSecret(_ context.Context, name, id string, given azsecrets.UpdateSecretPropertiesParameters, _ *azsecrets.UpdateSecretPropertiesOptions) (
	answer azfake.Responder[azsecrets.UpdateSecretPropertiesResponse], refusal azfake.ErrorResponder,
) {
	updated, err := v.change(name, id, func(found *version) {
		found.apply(given.SecretAttributes)
		if given.ContentType != nil {
			found.contentType = given.ContentType
		}
		if given.Tags != nil {
			found.tags = given.Tags
		}
	})
	if err != nil {
		refusal.SetResponseError(http.StatusNotFound, "SecretNotFound")
		return answer, refusal
	}
	answer.SetResponse(http.StatusOK, azsecrets.UpdateSecretPropertiesResponse{Secret: v.secret(name, &updated, false)}, nil)
	return answer, refusal
}

// apply takes over the attributes that a client gives.
func (e *version) apply(given *azsecrets.SecretAttributes) {
	if given == nil {
		return
	}
	if given.Enabled != nil {
		e.enabled = *given.Enabled
	}
	if given.NotBefore != nil {
		e.notBefore = given.NotBefore
	}
	if given.Expires != nil {
		e.expires = given.Expires
	}
}

// secret writes a version in the SDK's terms. Times outside notBefore and expires
// do not keep the service from giving the value.
func (v *Vault) secret(name string, from *version, withValue bool) azsecrets.Secret {
	id := azsecrets.ID(v.url + "/secrets/" + name + "/" + from.id)
	secret := azsecrets.Secret{
		ID: &id, ContentType: from.contentType, Tags: from.tags,
		Attributes: &azsecrets.SecretAttributes{
			Enabled: &from.enabled, NotBefore: from.notBefore, Expires: from.expires,
			Created: &from.created, Updated: &from.updated,
		},
	}
	if withValue {
		value := from.value.Reveal()
		secret.Value = &value
	}
	return secret
}
