package rotation

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/botservice"
	"chatgate/internal/directline"
)

// Target says where everything is that rotating the key of an assistant takes.
type Target struct {
	AssistantID string
	// VaultURI and SecretName say where the key is kept.
	VaultURI   string
	SecretName string
	// Site is that of the bot whose key it is.
	Site botservice.Site
	// DirectLineEndpoint is where a new key is tried.
	DirectLineEndpoint string
}

// Connect makes the clients for an assistant. Nothing is sent yet.
func Connect(target Target, cred azcore.TokenCredential) (Assistant, error) {
	options := &botservice.ClientOptions{}
	options.Cloud = botservice.CloudOf(target.VaultURI)
	keys, err := botservice.NewClient(target.Site, cred, options)
	if err != nil {
		return Assistant{}, fmt.Errorf("making the clients of assistant %s: %w", target.AssistantID, err)
	}
	line, err := directline.NewClient(target.DirectLineEndpoint, nil)
	if err != nil {
		return Assistant{}, fmt.Errorf("making the clients of assistant %s: %w", target.AssistantID, err)
	}
	return Assistant{
		ID:            target.AssistantID,
		SecretName:    target.SecretName,
		BotResourceID: target.Site.BotID(),
		SiteName:      target.Site.Name,
		Keys:          keys,
		DirectLine:    line,
	}, nil
}
