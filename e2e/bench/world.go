package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/standin/cloud"
)

// The accounts of Azurite: one for each side of a comparison, so that their
// tables are of the same size.
const (
	handlerAccount = "handleraccount"
	bareAccount    = "bareaccount"
	memoryAccount  = "memoryaccount"
)

const origin = "https://www.example.com"

// world is what the handler finds around it.
type world struct {
	cloud    *cloud.Cloud
	tables   *azurite.Server
	upstream *httptest.Server
}

func newWorld(ctx context.Context) (*world, error) {
	w := &world{upstream: newUpstream()}
	var err error
	if w.cloud, err = cloud.Start(ctx, cloud.Options{Origins: []string{origin}}); err != nil {
		return nil, fmt.Errorf("starting the cloud: %w", err)
	}
	w.tables, err = azurite.Start(ctx, &azurite.Options{Accounts: []string{handlerAccount, bareAccount, memoryAccount}})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the table service: %w", err), w.cloud.Close(ctx))
	}
	return w, nil
}

func (w *world) close(ctx context.Context) error {
	w.upstream.Close()
	return errors.Join(w.tables.Close(), w.cloud.Close(ctx))
}

// newUpstream is a Direct Line that answers at once, with a token of the usual
// form and length and without a meaning.
func newUpstream() *httptest.Server {
	token := "ew0KICAiYWxnIjogIlJTMjU2." + strings.Repeat("ew0KICAiYm90IjogImIi", 26) + "." + strings.Repeat("c2lnbmF0dXJlLW9m", 21)
	answer := []byte(`{"conversationId":"7Xk2pQm9Zr4Ab1-eu","token":"` + token + `","expires_in":3600}`)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(answer)
	}))
}

// production are settings as in Azure.
func (w *world) production() []string {
	return append(w.cloud.Env(), "ConversationStore__tableServiceUri=https://chatgatelocal.table.core.windows.net")
}

// development are settings under which Direct Line and the tables are reached
// over plain HTTP, as the peers reach them, and nothing is limited.
func (w *world) development(account string) []string {
	return append(w.cloud.Env(),
		"AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"Assistants__demo__DirectLineEndpoint="+w.upstream.URL+"/v3/directline",
		"ConversationStore="+w.tables.ConnectionString(account),
		"TokenRateLimit=off",
		"AssistantRateLimit=off",
	)
}
