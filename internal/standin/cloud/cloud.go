// Package cloud puts the stand-ins together: everything that Azure offers to one
// Chatgate app, on loopback.
//
// An unmodified handler process finds it through [Cloud.Env]: a managed
// identity, and a CONNECT proxy behind which Key Vault, Direct Line, Service Bus
// and Entra ID answer under their real names. What hosts the handler, and where
// tables are, is the owner's business.
package cloud

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"chatgate/internal/standin/bot"
	"chatgate/internal/standin/botservice"
	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/egress"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/loginapi"
	"chatgate/internal/standin/tokenservice"
	"chatgate/internal/standin/vault"
)

// Names under which the stand-ins are reached.
const (
	VaultHost      = "chatgate-local.vault.azure.net"
	BusHost        = "chatgate-local.servicebus.windows.net"
	DirectLineHost = "directline.botframework.com"
)

// Names that the app's settings use.
const (
	DirectLineSecret = "demo-direct-line"
	VisitorKey       = "visitor-key"
	ActivityQueue    = "conversation-activities"
	QuarantineQueue  = "conversation-quarantine"
	VaultEventsQueue = "keyvault-events"
)

// Options adjust a [Cloud]. The zero value of each field means the default that
// its comment names.
type Options struct {
	// Assistant is the one assistant's id (demo).
	Assistant string
	// Origins are its allowed origins (none).
	Origins []string
	// BusDir keeps the queues between runs (memory only).
	BusDir string
	// DirectLine are the properties of the site.
	DirectLine *directline.Options
	// VisitorKey and its version keep visitor tokens valid between runs (new).
	VisitorKey        string
	VisitorKeyVersion string
	// DeliveryCount is how often a message is delivered before it is given up (10).
	DeliveryCount int
	// Authority is where consultants sign in (https://login.microsoftonline.com,
	// behind the proxy). At another address the owner serves the Directory.
	Authority string
	// DeskPages are the addresses of the service desk's page, to which a sign-in
	// leads back (none).
	DeskPages []string
	// AppURL is where the demo bot finds the app's public API (the bot lets nobody
	// log in).
	AppURL string
	// PhoneURL is where the bot says that the users' phone is (AppURL, and
	// /local/phone).
	PhoneURL string
	// BankURL is the address of the client's system, where the owner serves
	// [Cloud.BankHandler] (https://bank.example, behind the proxy).
	BankURL string
	// BankKey is the API key of the client's system (new).
	BankKey string
	// LoginLife is how long the client's system waits for a user to decide
	// ([loginapi.DefaultPromptLife]).
	LoginLife time.Duration
	// TokenServiceURL is the address of the service that holds the tokens of OAuth
	// connections, where the owner serves it (its real names, behind the proxy).
	TokenServiceURL string
}

// Cloud is a running set of stand-ins.
type Cloud struct {
	Proxy      *egress.Proxy
	Tenant     *entra.Tenant
	Identity   *entra.ManagedIdentity
	Vault      *vault.Vault
	DirectLine *directline.Server
	BotService *botservice.Service
	Bus        *bus.Bus
	// Directory is where consultants and bots sign in; Desk says who they are.
	Directory *entra.Directory
	Desk      Desk
	// Bank is the client's system, at which users log in; TokenService holds what
	// they got at the bot's OAuth connection.
	Bank         *loginapi.Bank
	TokenService *tokenservice.Service

	options    Options
	bot        *bot.Bot
	transcript *bot.Bus
	client     *http.Client
}

// Start starts the stand-ins and the demo bot. Close ends them, also after an
// error.
func Start(ctx context.Context, options Options) (*Cloud, error) {
	c := &Cloud{options: options}
	if c.options.Assistant == "" {
		c.options.Assistant = "demo"
	}
	for _, step := range []func(context.Context) error{c.startNetwork, c.startDirectory, c.startVault, c.startBank, c.startBus, c.startBot} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, c.Close(ctx))
		}
	}
	return c, nil
}

func (c *Cloud) startNetwork(ctx context.Context) (err error) {
	if c.Proxy, err = egress.Start(ctx); err != nil {
		return fmt.Errorf("starting the proxy: %w", err)
	}
	c.client = &http.Client{Transport: c.Proxy.Transport()}
	if c.Tenant, err = entra.NewTenant(nil); err != nil {
		return fmt.Errorf("making the tenant: %w", err)
	}
	if c.Identity, err = entra.StartManagedIdentity(ctx, c.Tenant); err != nil {
		return fmt.Errorf("starting the managed identity: %w", err)
	}
	return nil
}

// startVault fills the vault: with a secret that Direct Line knows, and a key for
// visitor tokens.
func (c *Cloud) startVault(context.Context) (err error) {
	if c.DirectLine, err = directline.New(c.options.DirectLine); err != nil {
		return fmt.Errorf("making Direct Line: %w", err)
	}
	c.Vault = vault.New(c.Tenant, &vault.Options{URL: "https://" + VaultHost})
	c.Proxy.Handle(VaultHost, c.Vault)
	c.Proxy.Handle(DirectLineHost, http.StripPrefix("/v3/directline", c.DirectLine))
	c.BotService = botservice.New(c.Tenant, c.DirectLine)
	c.Proxy.Handle(botservice.Host, c.BotService)
	c.Vault.Set(DirectLineSecret, c.DirectLine.Regenerate(directline.Key1).Reveal())
	if c.options.VisitorKey == "" {
		c.Vault.Set(VisitorKey, NewKey())
		return nil
	}
	return c.Vault.Restore(VisitorKey, c.options.VisitorKeyVersion, c.options.VisitorKey)
}

// NewKey makes 32 random bytes in base64, as the settings VisitorKeySecretName and
// SealingKeySecretName want them.
func NewKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, see its documentation
	return base64.StdEncoding.EncodeToString(key)
}

func (c *Cloud) startBus(context.Context) (err error) {
	c.Bus, err = bus.Open(bus.Options{Dir: c.options.BusDir, Queues: []bus.QueueOptions{
		{Name: ActivityQueue, MaxDeliveryCount: c.options.DeliveryCount, DuplicateWindow: 10 * time.Minute},
		{Name: QuarantineQueue},
		{Name: VaultEventsQueue, MaxDeliveryCount: c.options.DeliveryCount},
	}})
	if err != nil {
		return fmt.Errorf("opening the queues: %w", err)
	}
	c.Proxy.Handle(BusHost, c.Bus.Handler())
	return nil
}

func (c *Cloud) startBot(context.Context) error {
	c.transcript = bot.NewBus("https://"+BusHost, &bot.BusOptions{Assistant: c.options.Assistant, Client: c.client})
	c.bot = bot.New(c.DirectLine, c.transcript, &bot.Options{Login: c.botLogin()})
	c.DirectLine.Connect(c.bot)
	return nil
}

// Env returns what the app's settings need to find the stand-ins, as in Azure:
// the identity, the proxy, and the names in the vault. The conversation store is
// left to the owner.
func (c *Cloud) Env() []string {
	prefix := "Assistants__" + c.options.Assistant + "__"
	env := []string{
		"KEY_VAULT_URI=" + c.Vault.URL(),
		"VisitorKeySecretName=" + VisitorKey,
		"ConversationBus__fullyQualifiedNamespace=" + BusHost,
		prefix + "DirectLineSecretName=" + DirectLineSecret,
		prefix + "BotResourceId=" + botservice.ResourceID,
		"Api__ClientId=" + c.Desk.API.ClientID,
		prefix + "DeskTenantId=" + c.Desk.Tenant.ID(),
	}
	env = append(env, c.loginEnv(prefix)...)
	if c.options.Authority != "" {
		env = append(env, "Authority="+c.options.Authority)
	}
	for i, origin := range c.options.Origins {
		if i == 0 {
			env = append(env, prefix+"AllowedOrigins="+origin)
			continue
		}
		env[len(env)-1] += "," + origin
	}
	return append(append(env, c.Proxy.Env()...), c.Identity.Env()...)
}

// Close ends what was started. Activities that the bot still holds are sent
// first, until ctx ends.
func (c *Cloud) Close(ctx context.Context) error {
	var failures []error
	if c.DirectLine != nil {
		c.DirectLine.Close()
	}
	if c.bot != nil {
		c.bot.Close()
	}
	if c.transcript != nil {
		failures = append(failures, c.transcript.Close(ctx))
	}
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	if c.Bus != nil {
		failures = append(failures, c.Bus.Close())
	}
	if c.Identity != nil {
		failures = append(failures, c.Identity.Close())
	}
	if c.Proxy != nil {
		failures = append(failures, c.Proxy.Close())
	}
	return errors.Join(failures...)
}
