// Package directline asks Direct Line 3.0 for tokens
// (https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-authentication).
//
// The client has the shape of an Azure SDK client and runs on the azcore
// pipeline. It retries answers of 5xx and broken connections, hands out 429 at
// once, and believes nothing of an answer that it has not checked.
package directline

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"chatgate/internal/endpoint"
	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
)

const (
	module  = "chatgate"
	version = "v1.0.0"

	// maxAnswer bounds an answer. A real one has about 1.5 KiB.
	maxAnswer = 64 << 10

	// The defaults for retries: at worst 0.3 s, 0.8 s and 1 s of waiting, so that
	// three of them fit into a call of 10 s in which nothing hangs twice.
	maxRetries    = 3
	retryDelay    = 200 * time.Millisecond
	maxRetryDelay = time.Second
	tryTimeout    = 4 * time.Second
)

// ClientOptions are the options of [NewClient]. The zero value, or nil, means
// the defaults.
type ClientOptions struct {
	// ClientOptions are azcore's. Of Retry the numbers and times count, but not
	// what is retried. Bodies and the Authorization header are never logged,
	// whatever Logging says.
	azcore.ClientOptions
}

// Client asks one Direct Line endpoint for tokens. It may be used by several
// goroutines at once.
type Client struct {
	endpoint string
	pipeline runtime.Pipeline
}

// NewClient returns a client of the Direct Line at address, which ends in
// /v3/directline and is one that [endpoint.Parse] takes.
func NewClient(address string, options *ClientOptions) (*Client, error) {
	base, err := endpoint.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the Direct Line endpoint %w", err)
	}
	if options == nil {
		options = &ClientOptions{}
	}
	settings := pipelineOptions(options.ClientOptions)
	pipeline := runtime.NewPipeline(module, version,
		runtime.PipelineOptions{PerRetry: []policy.Policy{eachTry{}}}, &settings)
	return &Client{endpoint: base.String(), pipeline: pipeline}, nil
}

// pipelineOptions fills in the defaults and takes back what would weaken the
// client. It works on a copy.
func pipelineOptions(given azcore.ClientOptions) policy.ClientOptions {
	options := outbound.Options(given, maxAnswer, policy.RetryOptions{
		MaxRetries:    maxRetries,
		RetryDelay:    retryDelay,
		MaxRetryDelay: maxRetryDelay,
		TryTimeout:    tryTimeout,
	})
	options.APIVersion = "" // Direct Line's version is part of its path.
	options.Logging.AllowedHeaders = slices.DeleteFunc(slices.Clone(options.Logging.AllowedHeaders),
		func(name string) bool { return strings.EqualFold(name, "Authorization") })
	options.Retry.ShouldRetry = func(resp *http.Response, err error) bool {
		return err != nil || resp.StatusCode >= http.StatusInternalServerError
	}
	return options
}

// eachTry prepares every single try for what azcore's retry policy does with it.
type eachTry struct{}

// Do takes the wish for a delay off an answer that is retried: azcore would obey
// it, however long, while a person waits for the chat to open.
func (eachTry) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err == nil && resp.StatusCode >= http.StatusInternalServerError {
		for _, name := range []string{"Retry-After", "Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
			resp.Header.Del(name)
		}
	}
	return resp, err
}

// post sends body, which may be nil, to the path below the endpoint.
func (c *Client) post(ctx context.Context, path string, credential redacted.Text, body []byte) (Token, error) {
	req, err := c.newRequest(ctx, path, credential, body)
	if err != nil {
		return Token{}, err
	}
	resp, err := c.pipeline.Do(req)
	if err != nil {
		return Token{}, fmt.Errorf("calling Direct Line: %w", outbound.Cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := runtime.Payload(resp)
	if err != nil {
		return Token{}, fmt.Errorf("calling Direct Line: %w", outbound.Cause(err))
	}
	if !runtime.HasStatusCode(resp, http.StatusOK, http.StatusCreated) {
		return Token{}, newError(resp, content)
	}
	return decodeToken(content)
}

func (c *Client) newRequest(ctx context.Context, path string, credential redacted.Text, body []byte) (*policy.Request, error) {
	bearer := strings.TrimSpace(credential.Reveal())
	if !fitsHeader(bearer) {
		return nil, ErrUnusableCredential
	}
	req, err := runtime.NewRequest(ctx, http.MethodPost, c.endpoint+path)
	if err != nil {
		return nil, fmt.Errorf("building the request to Direct Line: %w", outbound.Cause(err))
	}
	req.Raw().Header.Set("Authorization", "Bearer "+bearer)
	req.Raw().Header.Set("Accept", "application/json")
	if body == nil {
		return req, nil
	}
	if err := req.SetBody(streaming.NopCloser(bytes.NewReader(body)), "application/json"); err != nil {
		return nil, fmt.Errorf("building the request to Direct Line: %w", outbound.Cause(err))
	}
	return req, nil
}

// fitsHeader reports whether text can follow "Bearer " in a header.
func fitsHeader(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return text != ""
}
