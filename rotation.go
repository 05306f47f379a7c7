package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/botservice"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
	"chatgate/internal/settings"
)

// newRotator rotates the keys of the assistants whose bot is named. Without a
// vault there is nothing to rotate.
func newRotator(config settings.Settings, vault *secrets.Vault, credential azcore.TokenCredential, logger *slog.Logger) (*rotation.Rotator, error) {
	var assistants []rotation.Assistant
	for _, assistant := range config.Assistants {
		if vault == nil || assistant.Bot.IsZero() || assistant.DirectLineSecretName == "" {
			continue
		}
		connected, err := rotation.Connect(rotation.Target{
			AssistantID: assistant.ID,
			VaultURI:    config.KeyVaultURI,
			SecretName:  assistant.DirectLineSecretName,
			Site: botservice.Site{
				SubscriptionID: assistant.Bot.SubscriptionID,
				ResourceGroup:  assistant.Bot.ResourceGroup,
				Bot:            assistant.Bot.Name,
				Name:           assistant.DirectLineSiteName,
			},
			DirectLineEndpoint: assistant.DirectLineEndpoint,
		}, credential)
		if err != nil {
			return nil, fmt.Errorf("making the rotator: %w", err)
		}
		assistants = append(assistants, connected)
	}
	return rotation.New(config.KeyVaultURI, secrets.NewWriter(vault), assistants, &rotation.Options{
		Progress: func(ctx context.Context, assistant, step string) {
			logger.InfoContext(ctx, "rotating a key", "assistant", assistant, "step", step)
		},
	}), nil
}
