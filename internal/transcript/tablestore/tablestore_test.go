package tablestore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/storetest"
	"chatgate/internal/transcript/tablestore"
)

// realAccount names the environment variable with the connection string of a
// real account, against which the conformance suite runs as well. It makes the
// tables messages and conversations there and leaves rows in them.
const realAccount = "CHATGATE_TEST_TABLES_CONNECTION"

// emulator is the Azurite of this package's tests, with accounts to take.
type emulator struct {
	server *azurite.Server
	// missing is why there is none.
	missing  error
	accounts []string
	taken    atomic.Int64
}

var shared emulator

func TestMain(m *testing.M) {
	for i := range 64 {
		shared.accounts = append(shared.accounts, fmt.Sprintf("chatgate%02d", i))
	}
	var err error
	shared.server, err = azurite.Start(context.Background(), &azurite.Options{Accounts: shared.accounts})
	if shared.missing = err; err != nil && !errors.Is(err, azurite.ErrNotInstalled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if shared.server != nil {
			_ = shared.server.Close()
		}
		os.Exit(code)
	}))
}

// newAccount returns the endpoint and connection string of an account without
// tables.
func newAccount(t testing.TB) (endpoint, connection string) {
	t.Helper()
	if shared.missing != nil {
		t.Skip(shared.missing)
	}
	number := shared.taken.Add(1) - 1
	if number >= int64(len(shared.accounts)) {
		t.Fatal("all accounts are taken: give Azurite more")
	}
	account := shared.accounts[number]
	return shared.server.Endpoint(account), shared.server.ConnectionString(account)
}

// open returns a Store whose connections end with the test.
func open(t testing.TB, connection string, options tablestore.Options) *tablestore.Store {
	t.Helper()
	if options.Transport == nil {
		options.Transport = newHTTPClient(t)
	}
	store, err := tablestore.NewFromConnectionString(connection, &options)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func newHTTPClient(t testing.TB) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestConformance(t *testing.T) {
	_, connection := newAccount(t)
	storetest.Run(t, func(t *testing.T) transcript.Store {
		return open(t, connection, tablestore.Options{})
	})
}

func TestConformanceOfARealAccount(t *testing.T) {
	connection := os.Getenv(realAccount)
	if connection == "" {
		t.Skipf("set %s to the connection string of a storage account", realAccount)
	}
	storetest.Run(t, func(t *testing.T) transcript.Store {
		return open(t, connection, tablestore.Options{})
	})
}
