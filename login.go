package main

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/handlers"
	"chatgate/internal/backend"
	"chatgate/internal/consultant"
	"chatgate/internal/login"
	attemptsfile "chatgate/internal/login/filestore"
	attemptstable "chatgate/internal/login/tablestore"
	"chatgate/internal/loginapi"
	"chatgate/internal/sealed"
	"chatgate/internal/secrets"
	"chatgate/internal/settings"
	"chatgate/internal/tokenservice"
)

// userLogin is what bots log users in by, and what must be closed in the end. The
// zero value is no login.
type userLogin struct {
	service  *handlers.LoginService
	sweeper  handlers.LoginSweeper
	verifier *consultant.Verifier
}

// newUserLogin opens the login where an assistant has one.
func newUserLogin(config settings.Settings, credential azcore.TokenCredential, cache *secrets.Cache, logger *slog.Logger) (userLogin, error) {
	if !hasLogin(config) {
		return userLogin{}, nil
	}
	attempts, err := newAttempts(config.Store, credential)
	if err != nil {
		return userLogin{}, fmt.Errorf("opening the table of logins: %w", err)
	}
	providers, err := newProviders(config, cache)
	if err != nil {
		return userLogin{}, err
	}
	backends, err := newBackends(config)
	if err != nil {
		return userLogin{}, err
	}
	// Not the desk's: the tenant of consultants is no bot's by that.
	verifier, err := consultant.NewVerifier(consultant.Config{
		Authority: config.Authority,
		Audience:  config.APIClientID,
		Tenants:   botTenants(config),
	}, &consultant.VerifierOptions{Logger: logger})
	if err != nil {
		return userLogin{}, fmt.Errorf("making the verifier of bots' tokens: %w", err)
	}
	service := &handlers.LoginService{
		Broker:   login.NewBroker(providers, sealed.New(cache, sealingKeyName(config)), attempts, nil),
		Callers:  newCallers(config),
		Verifier: verifier,
		Backends: backends,
	}
	sweeper := login.NewSweeper(attempts, assistantIDs(config), nil)
	return userLogin{service: service, sweeper: sweeper, verifier: verifier}, nil
}

func (l userLogin) close() {
	if l.verifier != nil {
		l.verifier.Close()
	}
}

func hasLogin(config settings.Settings) bool {
	return slices.ContainsFunc(config.Assistants, func(a settings.Assistant) bool { return a.Login.IsOn() })
}

// sealingKeyName is what the sealing key is cached under. A key from the settings
// has a name that Key Vault does not allow.
func sealingKeyName(config settings.Settings) string {
	if !config.SealingKey.IsEmpty() {
		return "setting:sealing key"
	}
	return config.SealingKeySecretName
}

// newAttempts keeps the state of logins where the conversations are.
func newAttempts(config settings.Store, credential azcore.TokenCredential) (login.Purger, error) {
	switch {
	case config.File != "":
		return attemptsfile.Open(config.File, nil)
	case !config.ConnectionString.IsEmpty():
		return attemptstable.NewFromConnectionString(config.ConnectionString.Reveal(), nil)
	default:
		return attemptstable.New(config.TableServiceURI, credential, nil)
	}
}

func newProviders(config settings.Settings, cache *secrets.Cache) (map[string]login.Providers, error) {
	all := map[string]login.Providers{}
	for i := range config.Assistants {
		assistant := &config.Assistants[i]
		if !assistant.Login.IsOn() {
			continue
		}
		of := login.Providers{}
		if assistant.Login.URL != "" {
			client, err := loginapi.New(assistant.Login.URL, cache, assistant.Login.APIKeySecretName)
			if err != nil {
				return nil, fmt.Errorf("preparing the Login API of assistant %s: %w", assistant.ID, err)
			}
			of[login.LoginAPI] = client
		}
		if len(assistant.Login.OAuthConnections) > 0 {
			client, err := newTokenService(config.Development, assistant)
			if err != nil {
				return nil, fmt.Errorf("preparing the token service of assistant %s: %w", assistant.ID, err)
			}
			of[login.BotService] = client
		}
		all[assistant.ID] = of
	}
	return all, nil
}

// newTokenService calls the service in the bot's name: for it the app has the
// bot's identity, beside its own.
func newTokenService(development bool, assistant *settings.Assistant) (*tokenservice.Client, error) {
	credential, err := newCredential(development, assistant.Login.BotClientID)
	if err != nil {
		return nil, fmt.Errorf("preparing the identity of the bot: %w", err)
	}
	return tokenservice.New(tokenservice.Options{
		URL:         assistant.Login.TokenServiceURL,
		BotID:       assistant.Login.BotClientID,
		Connections: assistant.Login.OAuthConnections,
		Credential:  credential,
	})
}

func newBackends(config settings.Settings) (map[string]*backend.Backend, error) {
	backends := map[string]*backend.Backend{}
	for i := range config.Assistants {
		assistant := &config.Assistants[i]
		if assistant.Login.BackendURL == "" {
			continue
		}
		to, err := backend.New(assistant.Login.BackendURL)
		if err != nil {
			return nil, fmt.Errorf("preparing the back end of assistant %s: %w", assistant.ID, err)
		}
		backends[assistant.ID] = to
	}
	return backends, nil
}

func newCallers(config settings.Settings) *login.Callers {
	bots := map[string]login.Caller{}
	for i := range config.Assistants {
		if assistant := &config.Assistants[i]; assistant.Login.IsOn() {
			bots[assistant.ID] = login.Caller{TenantID: assistant.Login.BotTenantID, ClientID: assistant.Login.BotClientID}
		}
	}
	return login.NewCallers(bots)
}

func botTenants(config settings.Settings) []string {
	var tenants []string
	for i := range config.Assistants {
		if assistant := &config.Assistants[i]; assistant.Login.IsOn() {
			tenants = append(tenants, assistant.Login.BotTenantID)
		}
	}
	return tenants
}
