package secrets

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"chatgate/internal/redacted"
)

// Details are the current version of a secret and what the vault keeps beside
// its value.
type Details struct {
	Secret

	ContentType string
	Tags        map[string]string
	// Expires is when the version is to be replaced; zero: never.
	Expires time.Time
}

// Draft is a version that is yet to be written.
type Draft struct {
	Value       redacted.Text
	ContentType string
	Tags        map[string]string
	// NotBefore and Expires are kept in whole seconds. The vault gives the value
	// outside of them too; it only tells people and Event Grid.
	NotBefore, Expires time.Time
}

// Writer adds versions to secrets of a vault. It needs a role that may set them
// (Key Vault Secrets Officer), where a [Vault] only reads. It may be used by
// several goroutines at once.
type Writer struct {
	vault *Vault
}

// NewWriter returns a Writer to the vault that v reads.
func NewWriter(v *Vault) *Writer {
	return &Writer{vault: v}
}

// Current reads the current version of a secret with its details.
func (w *Writer) Current(ctx context.Context, name string) (details Details, err error) {
	if !isSecretName(name) {
		return Details{}, fmt.Errorf("reading a secret from Key Vault: %w", ErrNotFound)
	}
	defer func() {
		if thrown := recover(); thrown != nil {
			details, err = Details{}, panicked("reading", name, thrown)
		}
	}()
	answer, err := w.vault.client.GetSecret(ctx, name, "", nil)
	if err != nil {
		return Details{}, fmt.Errorf("reading the secret %q from Key Vault: %w", name, vaultCause(err))
	}
	secret, err := vaultSecret(name, "", answer.Secret)
	if err != nil {
		return Details{}, err
	}
	return detailsOf(secret, answer.Secret), nil
}

func detailsOf(secret Secret, from azsecrets.Secret) Details {
	details := Details{Secret: secret, Tags: map[string]string{}}
	if from.ContentType != nil {
		details.ContentType = *from.ContentType
	}
	if from.Attributes != nil && from.Attributes.Expires != nil {
		details.Expires = from.Attributes.Expires.UTC()
	}
	for tag, value := range from.Tags {
		if value != nil {
			details.Tags[tag] = *value
		}
	}
	return details
}

// Write adds a version, which is the current one from then on, and returns its
// id. Key Vault has no condition for this ("only if the current version is still
// …"): of two writers the later one wins. A call that fails may have written.
func (w *Writer) Write(ctx context.Context, name string, draft Draft) (version string, err error) {
	if !isSecretName(name) || draft.Value.IsEmpty() {
		return "", fmt.Errorf("writing the secret %q to Key Vault: no name or no value that a secret can have", name)
	}
	defer func() {
		if thrown := recover(); thrown != nil {
			version, err = "", panicked("writing", name, thrown)
		}
	}()
	answer, err := w.vault.client.SetSecret(ctx, name, parametersOf(draft), nil)
	if err != nil {
		return "", fmt.Errorf("writing the secret %q to Key Vault: %w", name, vaultCause(err))
	}
	if answer.ID == nil || !IsVersion(answer.ID.Version()) {
		return "", fmt.Errorf("writing the secret %q to Key Vault: the answer names no version", name)
	}
	return answer.ID.Version(), nil
}

func parametersOf(draft Draft) azsecrets.SetSecretParameters {
	value, enabled := draft.Value.Reveal(), true
	parameters := azsecrets.SetSecretParameters{
		Value:            &value,
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: &enabled},
		Tags:             map[string]*string{},
	}
	if draft.ContentType != "" {
		parameters.ContentType = &draft.ContentType
	}
	if !draft.NotBefore.IsZero() {
		parameters.SecretAttributes.NotBefore = &draft.NotBefore
	}
	if !draft.Expires.IsZero() {
		parameters.SecretAttributes.Expires = &draft.Expires
	}
	for tag, text := range draft.Tags {
		parameters.Tags[tag] = &text
	}
	return parameters
}
