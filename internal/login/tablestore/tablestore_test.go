package tablestore_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/login"
	"chatgate/internal/login/attemptstest"
	"chatgate/internal/login/tablestore"
	"chatgate/internal/tables"
	"chatgate/internal/tables/tablestest"
)

// realAccount names the environment variable with the connection string of a
// real account, against which the conformance suite runs as well. It makes the
// table there and leaves rows in it.
const realAccount = "CHATGATE_TEST_TABLES_CONNECTION"

// emulator is the Azurite of this package's tests.
var emulator *tablestest.Emulator

func TestMain(m *testing.M) {
	tablestest.Main(m, 128, func(e *tablestest.Emulator) { emulator = e })
}

// open returns a Store whose connections end with the test.
func open(t *testing.T, connection string) *tablestore.Store {
	t.Helper()
	options := tablestest.Impatient(t)
	options.Transport = ownBodies{tablestest.NewHTTPClient(t)}
	store, err := tablestore.NewFromConnectionString(connection, &options)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// ownBodies gives each try a body of its own: azcore rewinds the one there is,
// which net/http may still be reading for the try before when an answer breaks
// off (https://pkg.go.dev/net/http#RoundTripper).
type ownBodies struct{ client *http.Client }

func (o ownBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body, r.GetBody = io.NopCloser(bytes.NewReader(body)), nil
	}
	return o.client.Do(r)
}

// table is the table itself.
func table(t *testing.T, connection string) *tables.Table {
	t.Helper()
	options := tablestest.Impatient(t)
	service, err := tables.NewServiceFromConnectionString(connection, &options)
	if err != nil {
		t.Fatal(err)
	}
	return service.Table("logins")
}

func conform(t *testing.T, connection string) {
	t.Helper()
	attemptstest.Run(t, func(t *testing.T) login.Attempts { return open(t, connection) })
	attemptstest.RunPurge(t, func(t *testing.T) login.Purger { return open(t, connection) })
}

func TestConformance(t *testing.T) {
	_, connection := emulator.Account(t)
	conform(t, connection)
}

func TestConformanceOfARealAccount(t *testing.T) {
	connection := os.Getenv(realAccount)
	if connection == "" {
		t.Skipf("set %s to the connection string of a storage account", realAccount)
	}
	conform(t, connection)
}

func key() login.Key {
	return login.Key{Partition: "bankx", Row: "c.Q29udmVyc2F0aW9u"}
}

func noon() time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
}

func pending() login.Row {
	return login.Row{
		State: login.StatePending, Attempt: strings.Repeat("ab", 32), ExpiresAt: noon().Add(5 * time.Minute), Interval: 2500 * time.Millisecond,
		NotBefore: noon().Add(5 * time.Second), CoolDownUntil: noon().Add(-time.Hour), Starts: []time.Time{noon().Add(-time.Minute), noon()},
	}
}

func save(t *testing.T, store login.Attempts, row login.Row, etag login.ETag) login.ETag {
	t.Helper()
	written, err := store.Save(t.Context(), key(), row, etag)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// The columns are those of the reference, and there is nothing else.
func TestOnlyTheColumnsOfTheReferenceAreWritten(t *testing.T) {
	_, connection := emulator.Account(t)
	save(t, open(t, connection), pending(), "")
	text, _, err := table(t, connection).Get(t.Context(), tables.Key(key()))
	if err != nil {
		t.Fatal(err)
	}
	var entity aztables.EDMEntity
	if err := entity.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range entity.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Attempt", "CoolDownUntil", "Denials", "ExpiresAt", "IntervalMilliseconds", "LastTime", "Mark", "NotBefore", "Starts", "State"}
	if !slices.Equal(names, want) {
		t.Errorf("columns are %q, want %q", names, want)
	}
	if got := entity.Properties["IntervalMilliseconds"]; got != int32(2500) {
		t.Errorf("the interval is %v", got)
	}
}

// TestTrapARetryFindsWhatItWroteBefore: the answer is lost after the service has
// committed, the pipeline tries again, and the service finds the row changed, by
// the same writer.
func TestTrapARetryFindsWhatItWroteBefore(t *testing.T) {
	for name, lost := range map[string]tablestest.Fault{"cut": tablestest.CutAfterCommit, "broken off": tablestest.BreakOff} {
		t.Run(name, func(t *testing.T) {
			proxy, through, past := emulator.NewProxy(t)
			store := open(t, through)
			save(t, open(t, past), login.Row{}, "") // so that there is a table
			row := login.Key{Partition: "bankx", Row: "c.lost"}
			etag := login.ETag("")
			for _, state := range []login.State{login.StatePending, login.StateRedeemed} {
				proxy.FailFirst(1, true, lost)
				proxy.Take()
				written, err := store.Save(t.Context(), row, login.Row{State: state}, etag)
				if err != nil {
					t.Fatalf("%s: %v", state, err)
				}
				if sent := len(proxy.Take()); sent < 3 {
					t.Errorf("only %d requests: nothing was lost", sent)
				}
				got, current, err := store.Load(t.Context(), row)
				if err != nil || got.State != state || current != written {
					t.Errorf("%+v, %q, %v; want %s, %q", got, current, err, state, written)
				}
				etag = written
			}
		})
	}
}

func TestOfManyWritersWhoseAnswersAreLostOneWins(t *testing.T) {
	proxy, through, past := emulator.NewProxy(t)
	etag := save(t, open(t, past), pending(), "")
	proxy.FailFirst(1, true, tablestest.CutAfterCommit)
	var group sync.WaitGroup
	won := make(chan login.ETag, 8)
	for range cap(won) {
		store := open(t, through)
		group.Go(func() {
			redeemed := pending() // the same row of each: only the mark tells them apart
			redeemed.State = login.StateRedeemed
			written, err := store.Save(t.Context(), key(), redeemed, etag)
			if err == nil {
				won <- written
			} else if !errors.Is(err, login.ErrConflict) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		t.Errorf("%d writers won", len(won))
	}
}

// A write of which nobody knows whether it was made is no lost race, and tells
// nothing of what it wrote.
func TestAWriteThatMayHaveBeenMadeIsNoConflict(t *testing.T) {
	for name, fail := range map[string]func(*tablestest.Proxy){
		"every answer is lost": func(p *tablestest.Proxy) { p.FailFirst(100, true, tablestest.CutAfterCommit) },
		"the service is away":  func(p *tablestest.Proxy) { p.FailFirst(100, false, tablestest.Answer(503, "")) },
		"it cannot be looked up": func(p *tablestest.Proxy) {
			first := true
			p.FailWhen(func(r tablestest.Request) tablestest.Fault {
				if r.Reads("logins") {
					return tablestest.Answer(http.StatusForbidden, "")
				}
				if !first {
					return nil
				}
				first = false
				return tablestest.CutAfterCommit
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy, through, past := emulator.NewProxy(t)
			etag := save(t, open(t, past), pending(), "")
			fail(proxy)
			_, err := open(t, through).Save(t.Context(), key(), pending(), etag)
			if err == nil || errors.Is(err, login.ErrConflict) {
				t.Fatalf("err = %v", err)
			}
			for _, part := range []string{"bankx", key().Row, "abab", "127.0.0.1"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the error holds %s: %v", part, err)
				}
			}
		})
	}
}

func TestARowOfAnotherFormIsAnError(t *testing.T) {
	_, connection := emulator.Account(t)
	store := open(t, connection)
	table := table(t, connection)
	for name, column := range map[string]string{
		"starts are no list":    `"Starts":"2026"`,
		"starts are too many":   `"Starts":"[` + strings.Repeat(`\"2026-11-21T12:00:00Z\",`, login.MaxStarts) + `\"2026-11-21T12:00:00Z\"]"`,
		"the state is a number": `"State":1`,
	} {
		entity := []byte(`{"PartitionKey":"bankx","RowKey":"` + key().Row + `","LastTime":"2020-01-01T00:00:00Z","LastTime@odata.type":"Edm.DateTime",` + column + `}`)
		if _, err := table.Commit(t.Context(), []tables.Operation{table.Upsert(tables.Key(key()), entity)}); err != nil {
			t.Fatal(err)
		}
		if row, etag, err := store.Load(t.Context(), key()); err == nil {
			t.Errorf("%s: read as %+v, %q", name, row, etag)
		}
		if removed, err := store.Purge(t.Context(), "bankx", noon(), 1); err == nil || removed > 0 {
			t.Errorf("%s: purged %d", name, removed)
		}
	}
}

// The service may answer with a page that has no rows and yet another after it.
func TestTrapAnEmptyPageDoesNotEndAPurge(t *testing.T) {
	proxy, through, past := emulator.NewProxy(t)
	save(t, open(t, past), pending(), "")
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if strings.Contains(r.Query, "filter") {
			return tablestest.EmptyPageFirst
		}
		return nil
	})
	if removed, err := open(t, through).Purge(t.Context(), "bankx", noon().Add(24*time.Hour), 10); err != nil || removed != 1 {
		t.Errorf("removed %d, %v", removed, err)
	}
}

func TestAPurgeOfATableThatDoesNotExistIsDone(t *testing.T) {
	_, connection := emulator.Account(t)
	if removed, err := open(t, connection).Purge(t.Context(), "bankx", noon(), 10); err != nil || removed != 0 {
		t.Errorf("removed %d, %v", removed, err)
	}
}
