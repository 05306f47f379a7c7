// Package tables keeps rows in tables of Azure Table Storage or Azure Cosmos DB
// for Table, through aztables and around its traps: transactions within their
// limits, tables that are created at the first write, the errors of
// transactions, which aztables hides, and rows that are changed under the ETag
// they were read with.
//
// Its errors hold neither addresses, in which keys stand, nor what was stored.
package tables

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// DefaultParallelism is how many requests a Service has under way at most, where
// the options do not say otherwise. More do not make writing faster.
const DefaultParallelism = 8

// Options tunes a Service. The zero value is right for production.
type Options struct {
	// ClientOptions is the pipeline under the client. Fields of Retry and the
	// Transport that are not set get this package's defaults; bodies are never
	// logged, whatever Logging says.
	policy.ClientOptions

	// Parallelism bounds the requests that all tables of the Service together
	// have under way; 0 means [DefaultParallelism].
	Parallelism int
}

// Service is an account's tables. It is safe for use by several goroutines.
// Create it with [NewService] or [NewServiceFromConnectionString].
type Service struct {
	client *aztables.ServiceClient
	// endpoint is at least as long as the service's address.
	endpoint string
	// slots bounds the requests under way: it holds one element for each.
	slots chan struct{}
}

// NewService returns the Service at serviceURL,
// https://<account>.table.core.windows.net or the endpoint of a Cosmos DB for
// Table account, that signs in with cred. Nothing is sent before the first use.
// Options may be nil.
func NewService(serviceURL string, cred azcore.TokenCredential, options *Options) (*Service, error) {
	client, err := aztables.NewServiceClient(serviceURL, cred, options.client())
	if err != nil {
		return nil, fmt.Errorf("making the client of the table service: %w", err)
	}
	return newService(client, serviceURL, options), nil
}

// NewServiceFromConnectionString returns the Service of the account that a
// storage connection string names, UseDevelopmentStorage=true included. It is
// meant for development: such a string holds the account's key. Options may be
// nil.
func NewServiceFromConnectionString(connection string, options *Options) (*Service, error) {
	connection, err := explicit(connection)
	if err != nil {
		return nil, err
	}
	client, err := aztables.NewServiceClientFromConnectionString(connection, options.client())
	if err != nil {
		// The client's own error may quote the string.
		return nil, errConnection
	}
	return newService(client, connection, options), nil
}

func newService(client *aztables.ServiceClient, endpoint string, options *Options) *Service {
	parallelism := DefaultParallelism
	if options != nil && options.Parallelism > 0 {
		parallelism = options.Parallelism
	}
	return &Service{client: client, endpoint: endpoint, slots: make(chan struct{}, parallelism)}
}

// Parallelism is how many requests are under way at most.
func (s *Service) Parallelism() int { return cap(s.slots) }

// Table returns the table of that name, which need not exist yet.
func (s *Service) Table(name string) *Table {
	return &Table{
		client:   s.client.NewClient(name),
		name:     name,
		overhead: operationOverhead + len(s.endpoint) + len(name),
		slots:    s.slots,
	}
}
