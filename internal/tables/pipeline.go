package tables

import (
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/outbound"
)

// How the pipeline retries, on time-outs, broken connections, 408, 429 and 5xx.
// A request that is never answered fails after about a minute, within the time
// that Service Bus leaves a batch locked at the most.
const (
	maxRetries    = 3
	retryDelay    = 500 * time.Millisecond
	maxRetryDelay = 10 * time.Second
	tryTimeout    = 15 * time.Second
)

// FullRows is how many full rows a query may ask for at a time: what a page of
// them takes in memory, and the bound on an answer, go by it.
const FullRows = 100

// maxAnswer bounds an answer of the service. A full row takes up to 2.5 MiB in
// JSON, because binary columns are in base64 and characters may be escaped.
const maxAnswer = FullRows * (5 << 19)

// client returns the options of the client. o may be nil.
func (o *Options) client() *aztables.ClientOptions {
	var given policy.ClientOptions
	if o != nil {
		given = o.ClientOptions
	}
	options := outbound.Options(given, maxAnswer, policy.RetryOptions{
		MaxRetries:    maxRetries,
		RetryDelay:    retryDelay,
		MaxRetryDelay: maxRetryDelay,
		TryTimeout:    tryTimeout,
	})
	options.PerRetryPolicies = append(slices.Clip(options.PerRetryPolicies), transactionPolicy{})
	return &aztables.ClientOptions{ClientOptions: options}
}
