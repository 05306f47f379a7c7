package cloud

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/bot"
	"chatgate/internal/standin/entra"
	"chatgate/internal/standin/loginapi"
	"chatgate/internal/standin/tokenservice"
)

// BankHost is where the client's system answers behind the proxy.
const BankHost = "bank.example"

// The client's system is at these paths below its address.
const (
	bankLoginPath   = "/login"
	bankBackendPath = "/api"
)

// Names of the user login that the app's settings use.
const (
	SealingKey = "sealing-key"
	BankKey    = "bank-login-key"
	Connection = "bank"
)

// startBank starts the client's system, at which the chat's users log in, and the
// service that holds the tokens of the bot's OAuth connection.
func (c *Cloud) startBank(context.Context) error {
	key := cmp.Or(c.options.BankKey, NewKey())
	c.Bank = loginapi.New(&loginapi.Options{Keys: []redacted.Text{redacted.New(key)}, PromptLife: c.options.LoginLife})
	c.Vault.Set(BankKey, key)
	c.Vault.Set(SealingKey, NewKey())
	c.Proxy.Handle(BankHost, c.BankHandler())
	c.TokenService = tokenservice.New(c.Tenant, c.DirectLine, &tokenservice.Options{
		URL: c.options.TokenServiceURL, Connections: []string{Connection},
		Issue: func(_, account string) (redacted.Text, time.Time, error) { return c.Bank.Issue(account) },
	})
	for _, host := range []string{tokenservice.Host, tokenservice.SignInHost} {
		c.Proxy.Handle(host, c.TokenService)
	}
	c.Identity.Accept(BotClientID)
	return nil
}

// BankHandler is the client's system, to be served at Options.BankURL.
func (c *Cloud) BankHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(bankLoginPath+"/", http.StripPrefix(bankLoginPath, c.Bank.LoginAPI()))
	mux.Handle(bankBackendPath+"/", http.StripPrefix(bankBackendPath, c.Bank.Backend()))
	return mux
}

// botLogin is how the demo bot lets users log in: by the app's public API, with a
// token that it gets from Entra ID as any bot does.
func (c *Cloud) botLogin() *bot.LoginOptions {
	if c.options.AppURL == "" {
		return nil
	}
	authority := c.options.Authority
	if authority == "" {
		authority = "https://" + entra.DirectoryHost
	}
	credentials := &bot.ClientCredentials{
		URL: authority + "/" + DeskTenantID + "/oauth2/v2.0/token", ClientID: BotClientID, Secret: redacted.New(c.Desk.Bot.Secret),
		Scope: "api://" + APIClientID + "/.default", Client: c.client,
	}
	return &bot.LoginOptions{
		URL: c.options.AppURL, Token: credentials.Token, Assistant: c.options.Assistant, Connection: Connection, PhoneURL: c.options.PhoneURL,
	}
}

// loginEnv are the settings of the user login.
func (c *Cloud) loginEnv(prefix string) []string {
	bank := c.options.BankURL
	if bank == "" {
		bank = "https://" + BankHost
	}
	env := []string{
		"SealingKeySecretName=" + SealingKey,
		prefix + "LoginUrl=" + strings.TrimRight(bank, "/") + bankLoginPath,
		prefix + "LoginApiKeySecretName=" + BankKey,
		prefix + "BackendUrl=" + strings.TrimRight(bank, "/") + bankBackendPath,
		prefix + "OAuthConnections=" + Connection,
		prefix + "BotTenantId=" + DeskTenantID,
		prefix + "BotClientId=" + BotClientID,
	}
	if c.options.TokenServiceURL != "" {
		env = append(env, prefix+"TokenServiceUrl="+c.options.TokenServiceURL)
	}
	return env
}
