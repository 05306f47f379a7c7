package tokenservice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"chatgate/internal/login"
	"chatgate/internal/outbound"
)

// Bounds of one call.
const (
	timeout   = 10 * time.Second
	maxAnswer = 64 << 10
)

// call makes a call in the bot's name. Where answer is nil, none is read.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	token, err := c.options.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{Scope}})
	if err != nil {
		return outbound.Cause(err)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return fmt.Errorf("preparing the call: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "chatgate")
	response, err := c.http.Do(request)
	if err != nil {
		return outbound.Cause(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return &outbound.StatusError{Service: "the token service", Status: response.StatusCode}
	}
	if answer == nil || response.StatusCode == http.StatusNoContent {
		return nil
	}
	// What encoding/json says can quote the answer.
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("%w: the answer is not the JSON object that is documented", login.ErrRefused)
	}
	return nil
}
