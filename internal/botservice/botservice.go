// Package botservice manages the two keys of a bot's Direct Line site through
// Azure Resource Manager, by the SDK.
//
// A key here is what package directline and the vault call the Direct Line
// secret. Both keys of a site are valid at once; regenerating one invalidates
// its old value and leaves the other alone.
package botservice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/botservice/armbotservice"

	"chatgate/internal/outbound"
)

const (
	// maxAnswer bounds an answer: a channel with some sites has a few KiB.
	maxAnswer = 256 << 10

	// Nobody waits at a browser for these calls.
	tryTimeout    = 15 * time.Second
	maxRetries    = 3
	retryDelay    = time.Second
	maxRetryDelay = 10 * time.Second
)

// Site names a site of a bot's Direct Line channel.
type Site struct {
	SubscriptionID string
	ResourceGroup  string
	Bot            string
	Name           string
}

// BotID is the resource id of the site's bot.
func (s Site) BotID() string {
	return "/subscriptions/" + s.SubscriptionID + "/resourceGroups/" + s.ResourceGroup + "/providers/Microsoft.BotService/botServices/" + s.Bot
}

// ClientOptions are the options of [NewClient]. The zero value, or nil, means
// the defaults.
type ClientOptions struct {
	// ClientOptions are azcore's. Bodies are never logged, whatever Logging says.
	policy.ClientOptions
}

// Client manages the keys of one site. It may be used by several goroutines at
// once.
type Client struct {
	site     Site
	channels *armbotservice.ChannelsClient
	keys     *armbotservice.DirectLineClient
}

// NewClient returns a client for site. Nothing is sent yet. The credential needs
// the actions listChannelWithKeys and regeneratekeys on the bot's channels.
func NewClient(site Site, cred azcore.TokenCredential, options *ClientOptions) (*Client, error) {
	if site.SubscriptionID == "" || site.ResourceGroup == "" || site.Bot == "" || site.Name == "" {
		return nil, errors.New("the site of the bot is not named in full")
	}
	if options == nil {
		options = &ClientOptions{}
	}
	// Registering the resource provider, which the SDK would try on some
	// refusals, is not for this identity.
	settings := &arm.ClientOptions{ClientOptions: pipelineOptions(options.ClientOptions), DisableRPRegistration: true}
	channels, err := armbotservice.NewChannelsClient(site.SubscriptionID, cred, settings)
	if err != nil {
		return nil, fmt.Errorf("creating the client of the bot's channels: %w", err)
	}
	keys, err := armbotservice.NewDirectLineClient(site.SubscriptionID, cred, settings)
	if err != nil {
		return nil, fmt.Errorf("creating the client of the channel's keys: %w", err)
	}
	return &Client{site: site, channels: channels, keys: keys}, nil
}

// pipelineOptions fills in the defaults. It works on a copy.
func pipelineOptions(options policy.ClientOptions) policy.ClientOptions {
	return outbound.Options(options, maxAnswer, policy.RetryOptions{
		MaxRetries:    maxRetries,
		RetryDelay:    retryDelay,
		MaxRetryDelay: maxRetryDelay,
		TryTimeout:    tryTimeout,
	})
}

// CloudOf tells from a vault's address which of Azure's clouds it is in, and so
// where that cloud's Resource Manager is.
func CloudOf(vaultURI string) cloud.Configuration {
	host := strings.ToLower(strings.TrimRight(vaultURI, "/"))
	switch {
	case strings.HasSuffix(host, ".vault.usgovcloudapi.net"):
		return cloud.AzureGovernment
	case strings.HasSuffix(host, ".vault.azure.cn"):
		return cloud.AzureChina
	default:
		return cloud.AzurePublic
	}
}

// List returns the keys that are valid now.
func (c *Client) List(ctx context.Context) (Keys, error) {
	answer, err := c.channels.ListWithKeys(ctx, c.site.ResourceGroup, c.site.Bot, armbotservice.ChannelNameDirectLineChannel, nil)
	if err != nil {
		return Keys{}, fmt.Errorf("listing the keys of the bot %s: %w", c.site.Bot, cause(err))
	}
	found, err := keysOf(answer.ListChannelWithKeysResponse, c.site.Name)
	if err != nil {
		return Keys{}, fmt.Errorf("listing the keys of the bot %s: %w", c.site.Bot, err)
	}
	return found, nil
}

// Regenerate gives a key a new value, which List then tells: the answer to this
// call may leave it out. A call that fails may have had its effect, and a call
// that was retried may have had it twice.
func (c *Client) Regenerate(ctx context.Context, key Key) error {
	if !key.IsKnown() {
		return fmt.Errorf("regenerating a key of the bot %s: there is no such key", c.site.Bot)
	}
	which := armbotservice.Key(key)
	_, err := c.keys.RegenerateKeys(ctx, c.site.ResourceGroup, c.site.Bot, armbotservice.RegenerateKeysChannelNameDirectLineChannel,
		armbotservice.SiteInfo{Key: &which, SiteName: &c.site.Name}, nil)
	if err != nil {
		return fmt.Errorf("regenerating %s of the bot %s: %w", key, c.site.Bot, cause(err))
	}
	return nil
}
