// Package tablestest is what tests of tables stand on: accounts of a real
// Azurite, and a proxy before it that lets requests go wrong.
package tablestest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/standin/azurite"
)

// Emulator is the Azurite of a package's tests, with accounts to take. Its
// methods may be called by several tests at once.
type Emulator struct {
	server *azurite.Server
	// missing is why there is none.
	missing  error
	accounts []string
	taken    atomic.Int64
}

// Main runs a package's tests with an Azurite of so many accounts, which it
// gives to use before, and ends the process. It fails for goroutines that the
// tests leave behind.
func Main(m *testing.M, accounts int, use func(*Emulator)) {
	e := new(Emulator)
	for i := range accounts {
		e.accounts = append(e.accounts, fmt.Sprintf("chatgate%03d", i))
	}
	e.server, e.missing = azurite.Start(context.Background(), &azurite.Options{Accounts: e.accounts})
	if e.missing != nil && !errors.Is(e.missing, azurite.ErrNotInstalled) {
		fmt.Fprintln(os.Stderr, e.missing)
		os.Exit(1)
	}
	use(e)
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.Cleanup(func(code int) {
		if e.server != nil {
			_ = e.server.Close()
		}
		os.Exit(code)
	}))
}

// Account returns the endpoint and connection string of an account without
// tables. It skips the test where there is no Azurite.
func (e *Emulator) Account(tb testing.TB) (endpoint, connection string) {
	tb.Helper()
	if e.missing != nil {
		tb.Skip(e.missing)
	}
	number := e.taken.Add(1) - 1
	if number >= int64(len(e.accounts)) {
		tb.Fatal("all accounts are taken: give Azurite more")
	}
	account := e.accounts[number]
	return e.server.Endpoint(account), e.server.ConnectionString(account)
}

// NewHTTPClient returns a client whose connections end with the test.
func NewHTTPClient(tb testing.TB) *http.Client {
	tb.Helper()
	// Short: a request of a client that has gone may end after the test, and leave a
	// connection that nobody closes.
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 200 * time.Millisecond}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
