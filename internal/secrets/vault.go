package secrets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"chatgate/internal/endpoint"
	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
)

const (
	// maxVaultAnswer bounds an answer; a secret's value has at most 25 KB
	// (https://learn.microsoft.com/azure/key-vault/secrets/about-secrets).
	maxVaultAnswer = 256 << 10

	// One try and a retry after a hanging one fit into a request of 10 s, the
	// call to Direct Line included. A try holds the vault's challenge and the
	// managed identity's token too.
	vaultTryTimeout    = 4 * time.Second
	vaultRetries       = 2
	vaultRetryDelay    = 200 * time.Millisecond
	vaultMaxRetryDelay = time.Second

	maxSecretName = 127
)

// VaultOptions are the options of [NewVault]. The zero value, or nil, means the
// defaults.
type VaultOptions struct {
	// ClientOptions are azcore's. Bodies are never logged, whatever Logging says.
	policy.ClientOptions
}

// Vault reads secrets from one Key Vault by the SDK. It may be used by several
// goroutines at once.
type Vault struct {
	client *azsecrets.Client
}

// NewVault returns a Reader of the vault at uri, which must be https. Nothing is
// sent yet.
func NewVault(uri string, cred azcore.TokenCredential, options *VaultOptions) (*Vault, error) {
	address, err := endpoint.Parse(uri)
	if err != nil || address.Scheme != "https" || address.Path != "" {
		return nil, errors.New("the Key Vault URI must be https://, a host and nothing else")
	}
	if options == nil {
		options = &VaultOptions{}
	}
	client, err := azsecrets.NewClient(address.String(), cred, &azsecrets.ClientOptions{
		ClientOptions: vaultClientOptions(options.ClientOptions),
	})
	if err != nil {
		return nil, fmt.Errorf("creating the Key Vault client: %w", err)
	}
	return &Vault{client: client}, nil
}

// vaultClientOptions fills in the defaults. It works on a copy.
func vaultClientOptions(options policy.ClientOptions) policy.ClientOptions {
	return outbound.Options(options, maxVaultAnswer, policy.RetryOptions{
		MaxRetries:    vaultRetries,
		RetryDelay:    vaultRetryDelay,
		MaxRetryDelay: vaultMaxRetryDelay,
		TryTimeout:    vaultTryTimeout,
	})
}

// Read fetches a secret from the vault, with retries.
func (v *Vault) Read(ctx context.Context, name, version string) (secret Secret, err error) {
	if !isSecretName(name) || version != "" && !IsVersion(version) {
		return Secret{}, fmt.Errorf("reading a secret from Key Vault: %w", ErrNotFound)
	}
	defer func() {
		if thrown := recover(); thrown != nil {
			secret, err = Secret{}, panicked("reading", name, thrown)
		}
	}()
	resp, err := v.client.GetSecret(ctx, name, version, nil)
	if err != nil {
		return Secret{}, fmt.Errorf("reading the secret %q from Key Vault: %w", name, vaultCause(err))
	}
	return vaultSecret(name, version, resp.Secret)
}

// panicked is the error of a call in which the SDK panicked: azsecrets takes the
// challenge's authorization URL apart without looking, and panics over one that
// has no path. Reads run in goroutines of their own, where a panic would end the
// process.
func panicked(doing, name string, thrown any) error {
	return fmt.Errorf("%s the secret %q in Key Vault: the SDK panicked: %T", doing, name, thrown)
}

// vaultSecret checks the vault's answer.
func vaultSecret(name, version string, from azsecrets.Secret) (Secret, error) {
	if from.ID == nil || from.Value == nil || *from.Value == "" {
		return Secret{}, fmt.Errorf("reading the secret %q from Key Vault: the answer holds no value", name)
	}
	answered := from.ID.Version()
	if !IsVersion(answered) || version != "" && answered != version {
		return Secret{}, fmt.Errorf("reading the secret %q from Key Vault: the answer is of another version", name)
	}
	return Secret{Name: name, Version: answered, Value: redacted.New(*from.Value)}, nil
}

// isSecretName reports whether Key Vault allows name: [0-9a-zA-Z-]{1,127}.
func isSecretName(name string) bool {
	if name == "" || len(name) > maxSecretName {
		return false
	}
	for _, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// vaultError is an answer of Key Vault other than success. It repeats nothing of
// the answer's text.
type vaultError struct {
	StatusCode int
	// Code is Key Vault's error code, the inner one where there is one; or "".
	Code string
}

// Error names the status and the code.
func (e *vaultError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("Key Vault answered %d %s", e.StatusCode, e.Code))
}

// vaultCause reduces an error of the SDK to what may be logged: the SDK's own
// text quotes the URL and the whole answer.
func vaultCause(err error) error {
	var answered *azcore.ResponseError
	if errors.As(err, &answered) {
		failure := &vaultError{StatusCode: answered.StatusCode, Code: vaultCode(answered)}
		disabled := failure.StatusCode == http.StatusForbidden && failure.Code == "SecretDisabled"
		if failure.StatusCode == http.StatusNotFound || disabled {
			return fmt.Errorf("%w: %w", ErrNotFound, failure)
		}
		return failure
	}
	return outbound.Cause(err)
}

// vaultCode prefers the inner code: Key Vault answers Forbidden for a disabled
// secret as well as for a missing role.
func vaultCode(answered *azcore.ResponseError) string {
	var body struct {
		Error struct {
			Inner struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if answered.RawResponse != nil {
		if content, err := runtime.Payload(answered.RawResponse); err == nil {
			// What is not JSON has no inner code.
			_ = json.Unmarshal(content, &body)
		}
	}
	if inner := outbound.Code(body.Error.Inner.Code); inner != "" {
		return inner
	}
	return outbound.Code(answered.ErrorCode)
}
