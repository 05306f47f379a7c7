package tablestore_test

import (
	"os"
	"testing"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript/storetest"
	"chatgate/internal/transcript/tablestore"
)

// realAccount names the environment variable with the connection string of a
// real account, against which the conformance suite runs as well. It makes the
// tables there and leaves rows in them.
const realAccount = "CHATGATE_TEST_TABLES_CONNECTION"

// emulator is the Azurite of this package's tests.
var emulator *tablestest.Emulator

func TestMain(m *testing.M) {
	tablestest.Main(m, 200, func(e *tablestest.Emulator) { emulator = e })
}

// open returns a Store whose connections end with the test.
func open(t testing.TB, connection string, options tablestore.Options) *tablestore.Store {
	t.Helper()
	if options.Transport == nil {
		options.Transport = tablestest.NewHTTPClient(t)
	}
	store, err := tablestore.NewFromConnectionString(connection, &options)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestConformance(t *testing.T) {
	_, connection := emulator.Account(t)
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return open(t, connection, tablestore.Options{})
	})
}

func TestConformanceOfARealAccount(t *testing.T) {
	connection := os.Getenv(realAccount)
	if connection == "" {
		t.Skipf("set %s to the connection string of a storage account", realAccount)
	}
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return open(t, connection, tablestore.Options{})
	})
}
