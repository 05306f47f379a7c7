package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"chatgate/handlers"
	"chatgate/internal/directline"
	"chatgate/internal/handshake"
	"chatgate/internal/ratelimit"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
	"chatgate/internal/settings"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
	"chatgate/internal/transcript/tablestore"
	"chatgate/internal/visitor"
	"chatgate/web"
)

// version is set by the linker.
var version = "dev"

// app is the wired program.
type app struct {
	handler     http.Handler
	cache       *secrets.Cache
	desk        serviceDesk
	login       userLogin
	secretNames []string
}

// newApp wires settings to clients and clients to handlers. Nothing is read
// from the network here.
func newApp(config settings.Settings, logger *slog.Logger) (*app, error) {
	credential, err := newCredential(config.Development, config.ClientID)
	if err != nil {
		return nil, fmt.Errorf("preparing the managed identity: %w", err)
	}
	store, err := newStore(config.Store, credential)
	if err != nil {
		return nil, fmt.Errorf("preparing the conversation store: %w", err)
	}
	a := &app{secretNames: secretNames(config)}
	vault, err := newVault(config, credential)
	if err != nil {
		return nil, fmt.Errorf("preparing Key Vault: %w", err)
	}
	a.cache = newCache(config, vault, logger)
	rotator, err := newRotator(config, vault, credential, logger)
	if err != nil {
		return nil, fmt.Errorf("preparing the rotation of keys: %w", err)
	}
	issuer, err := newIssuer(config, a.cache, logger)
	if err != nil {
		return nil, fmt.Errorf("preparing Direct Line: %w", err)
	}
	pages, err := newPages(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the pages: %w", err)
	}
	a.desk, err = newServiceDesk(config, store, logger)
	if err != nil {
		return nil, fmt.Errorf("preparing the service desk: %w", err)
	}
	a.login, err = newUserLogin(config, credential, a.cache, logger)
	if err != nil {
		return nil, fmt.Errorf("preparing the login: %w", err)
	}
	a.handler = handlers.New(handlers.Config{
		Assistants:     admissions(config.Assistants),
		Issuer:         issuer,
		Recorder:       newRecorder(config, store),
		Rotator:        rotator,
		Purger:         newPurger(config, store),
		Desk:           a.desk.service,
		Login:          a.login.service,
		LoginSweeper:   a.login.sweeper,
		Pages:          pages,
		ClientLimit:    newLimiter(config.TokenRateLimit),
		AssistantLimit: newLimiter(config.AssistantRateLimit),
		ClientSource:   handlers.ClientSource{FrontDoorID: config.FrontDoorID},
		SecretsReady:   a.secretsReady,
		Version:        version,
		Logger:         logger,
	})
	return a, nil
}

func (a *app) close() {
	a.cache.Close()
	a.desk.close()
	a.login.close()
}

// newCredential is a managed identity: the user-assigned one of clientID, or the
// app's own. A developer's own sign-in counts only in Development, so that a
// deployed app never tries a chain of other identities.
func newCredential(development bool, clientID string) (azcore.TokenCredential, error) {
	if development {
		return azidentity.NewDefaultAzureCredential(nil)
	}
	options := &azidentity.ManagedIdentityCredentialOptions{}
	if clientID != "" {
		options.ID = azidentity.ClientID(clientID)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

func newStore(config settings.Store, credential azcore.TokenCredential) (conversationStore, error) {
	switch {
	case config.File != "":
		return filestore.Open(config.File, nil)
	case !config.ConnectionString.IsEmpty():
		return tablestore.NewFromConnectionString(config.ConnectionString.Reveal(), nil)
	default:
		return tablestore.New(config.TableServiceURI, credential, nil)
	}
}

// newVault returns nil where, in Development, no secret is read from a vault.
func newVault(config settings.Settings, credential azcore.TokenCredential) (*secrets.Vault, error) {
	if config.KeyVaultURI == "" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	vault, err := secrets.NewVault(config.KeyVaultURI, credential, nil)
	if err != nil {
		return nil, fmt.Errorf("making the vault's client: %w", err)
	}
	return vault, nil
}

// newCache reads secrets from the vault, and in Development from the settings.
func newCache(config settings.Settings, vault *secrets.Vault, logger *slog.Logger) *secrets.Cache {
	var reader secrets.Reader
	if vault != nil {
		reader = vault
	}
	fixed := map[string]redacted.Text{}
	for _, assistant := range config.Assistants {
		if !assistant.DirectLineSecret.IsEmpty() {
			fixed[secretName(assistant)] = assistant.DirectLineSecret
		}
	}
	if !config.SealingKey.IsEmpty() {
		fixed[sealingKeyName(config)] = config.SealingKey
	}
	if len(fixed) > 0 {
		reader = secrets.NewFixed(fixed, reader)
	}
	return secrets.NewCache(reader, &secrets.CacheOptions{MaxAge: config.SecretMaxAge, Logger: logger})
}

// secretName is what the assistant's secret is cached under. A secret from the
// settings has a name that Key Vault does not allow, so that the two never meet.
func secretName(assistant settings.Assistant) string {
	if !assistant.DirectLineSecret.IsEmpty() {
		return "setting:" + assistant.ID
	}
	return assistant.DirectLineSecretName
}

func secretNames(config settings.Settings) []string {
	names := make([]string, 0, len(config.Assistants)+1)
	for _, assistant := range config.Assistants {
		names = append(names, secretName(assistant))
		if key := assistant.Login.APIKeySecretName; key != "" && !slices.Contains(names, key) {
			names = append(names, key)
		}
	}
	if hasLogin(config) {
		names = append(names, sealingKeyName(config))
	}
	if config.VisitorKeySecretName != "" {
		names = append(names, config.VisitorKeySecretName)
	}
	return names
}

func newIssuer(config settings.Settings, cache *secrets.Cache, logger *slog.Logger) (*handshake.Issuer, error) {
	var signer *visitor.Signer
	if config.VisitorKeySecretName != "" {
		signer = visitor.NewSigner(cache, config.VisitorKeySecretName, nil)
	}
	assistants := make([]handshake.Assistant, 0, len(config.Assistants))
	for _, assistant := range config.Assistants {
		client, err := directline.NewClient(assistant.DirectLineEndpoint, nil)
		if err != nil {
			return nil, fmt.Errorf("making the client of assistant %s: %w", assistant.ID, err)
		}
		assistants = append(assistants, handshake.Assistant{
			ID:             assistant.ID,
			SecretName:     secretName(assistant),
			TrustedOrigins: assistant.TrustedOrigins,
			Client:         client,
			Domain:         assistant.DirectLineEndpoint,
		})
	}
	return handshake.NewIssuer(assistants, cache, &handshake.IssuerOptions{Visitors: signer, Logger: logger}), nil
}

func newRecorder(config settings.Settings, store transcript.Store) *transcript.Recorder {
	return transcript.NewRecorder(store, &transcript.RecorderOptions{
		Assistants:   assistantIDs(config),
		SkippedTypes: config.SkippedActivityTypes,
	})
}

func assistantIDs(config settings.Settings) []string {
	ids := make([]string, 0, len(config.Assistants))
	for _, assistant := range config.Assistants {
		ids = append(ids, assistant.ID)
	}
	return ids
}

func newLimiter(limit settings.Rate) *ratelimit.Limiter {
	if limit.Off {
		return nil
	}
	return ratelimit.New(limit.Count, limit.Period, nil)
}

func admissions(assistants []settings.Assistant) []handlers.Assistant {
	admitted := make([]handlers.Assistant, 0, len(assistants))
	for _, assistant := range assistants {
		admitted = append(admitted, handlers.Assistant{
			ID:             assistant.ID,
			AllowedOrigins: assistant.AllowedOrigins,
			AllowNoOrigin:  assistant.AllowNoOrigin,
		})
	}
	return admitted
}

func newPages(config settings.Settings) ([]web.Page, error) {
	options := web.PageOptions{WebChatURL: config.WebChatURL, DirectLineEndpoints: directLineEndpoints(config)}
	if config.APIClientID != "" {
		options.Authority = config.Authority
	}
	return web.Pages(options)
}

func directLineEndpoints(config settings.Settings) []string {
	endpoints := make([]string, 0, len(config.Assistants))
	for _, assistant := range config.Assistants {
		endpoints = append(endpoints, assistant.DirectLineEndpoint)
	}
	return endpoints
}

// warmRetry is the pause between attempts to read the secrets at start.
const warmRetry = 10 * time.Second

// warm reads the secrets before the first visitor needs them, and goes on
// trying, so that health turns to ok without a visitor's help. It ends when all
// are there or ctx ends.
func (a *app) warm(ctx context.Context) {
	for {
		for _, name := range a.secretNames {
			_, _ = a.cache.Get(ctx, name) // the cache logs failures
		}
		if a.secretsReady() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(warmRetry):
		}
	}
}

// secretsReady reports whether no secret is known to be out of reach.
func (a *app) secretsReady() bool {
	for _, name := range a.secretNames {
		if !a.cache.Available(name) {
			return false
		}
	}
	return true
}
