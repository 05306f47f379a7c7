package tablestore_test

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/tables"
	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// aztables reports every transaction that failed as status 202 without a code.
func TestTrapAFailedTransactionHasStatus202AndNoCode(t *testing.T) {
	_, connection := emulator.Account(t)
	client, err := aztables.NewServiceClientFromConnectionString(connection, bareOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	table := client.NewClient("messages")
	row := []byte(`{"PartitionKey":"a","RowKey":"b","Text":"` + strings.Repeat("x", 40_000) + `"}`)
	_, err = table.SubmitTransaction(t.Context(), []aztables.TransactionAction{{ActionType: aztables.TransactionTypeAdd, Entity: row}}, nil)
	var bare *azcore.ResponseError
	if !errors.As(err, &bare) || bare.StatusCode != http.StatusAccepted || bare.ErrorCode != "" {
		t.Errorf("aztables reports %v: the trap is gone, and code that reads around it may go", err)
	}

	record := message("conversation", "1", noon(), strings.Repeat("x", 40_000))
	other := message("conversation", "2", noon(), "")
	refused, err := open(t, connection, tablestore.Options{}).Put(t.Context(), []transcript.Record{record, other})
	if err != nil || len(refused) != 1 {
		t.Fatalf("Put refused %d records with error %v, want one", len(refused), err)
	}
	var cause *tables.Error
	if !errors.As(refused[0].Cause, &cause) || cause.StatusCode != http.StatusBadRequest || cause.Code != "PropertyValueTooLarge" {
		t.Errorf("the cause is %v, want what the service said", refused[0].Cause)
	}
}

// Azurite takes transactions over several partitions, which Azure refuses, and
// neither takes more than 100 rows, 4 MiB or a row twice.
func TestTrapTransactionsKeepToTheLimits(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	records := chatter(3, 101)
	records = append(records, message("twice", "1", noon(), "first"), message("twice", "1", noon(), "last"))
	for i := range 13 { // <, > and & take six bytes each as aztables encodes them
		record := message("markup", strconv.Itoa(i), noon().Add(time.Duration(i)*time.Hour), strings.Repeat("<&>", 10_000))
		record.Activity = []byte(`{"type":"message","text":"` + strings.Repeat("<", 30_000) + `"}`)
		records = append(records, record)
	}
	mustPut(t, store, records...)

	if got := collect(t, store.Activities(t.Context(), "bankx", "twice")); len(got) != 1 || got[0].Text != "last" {
		t.Errorf("of two records with one key came back %d, want the last", len(got))
	}
	transactions, rows := 0, 0
	for _, r := range proxy.Take() {
		if !strings.HasSuffix(r.Path, "/$batch") {
			continue
		}
		transactions++
		if len(r.Body) > 4<<20 {
			t.Errorf("a transaction of %d bytes", len(r.Body))
		}
		rows += checkOperations(t, r.Body)
	}
	// conversation0…2 in two transactions each, markup in two or more.
	if transactions < 3*2+2+1 || rows < 3*101+13+1 {
		t.Errorf("saw %d transactions with %d rows: this test sees too little", transactions, rows)
	}
}

func checkOperations(t *testing.T, body []byte) int {
	t.Helper()
	partitions, keys := make(map[string]bool), make(map[string]bool)
	count := 0
	for _, part := range bytes.Split(body, []byte("--changeset_"))[1:] {
		_, entity, found := bytes.Cut(part, []byte(`"PartitionKey":"`))
		if !found {
			continue
		}
		count++
		partition, rest, _ := bytes.Cut(entity, []byte(`"`))
		_, row, _ := bytes.Cut(rest, []byte(`"RowKey":"`))
		row, _, _ = bytes.Cut(row, []byte(`"`))
		if keys[string(row)] {
			t.Errorf("row %s comes twice in one transaction", row)
		}
		partitions[string(partition)], keys[string(row)] = true, true
	}
	if count > 100 || len(partitions) != 1 {
		t.Errorf("a transaction of %d rows in %d partitions", count, len(partitions))
	}
	return count
}

func TestTrapUseDevelopmentStorage(t *testing.T) {
	if _, err := aztables.NewServiceClientFromConnectionString("UseDevelopmentStorage=true", nil); err == nil {
		t.Error("aztables reads the short form: the trap is gone")
	}
	for _, connection := range []string{"UseDevelopmentStorage=true", " usedevelopmentstorage=TRUE ;\r\n"} {
		var asked string
		options := tablestore.Options{}
		options.Retry.MaxRetries = -1
		options.Transport = transport(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return nil, errors.New("no network in this test")
		})
		store := open(t, connection, options)
		for range store.Conversations(t.Context(), "bankx") {
			break
		}
		if want := "http://127.0.0.1:10002/devstoreaccount1/conversations"; !strings.HasPrefix(asked, want) {
			t.Errorf("%q asks %q, want %s…", connection, asked, want)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestMalformedConnectionStringsAreRefusedWithoutBeingQuoted(t *testing.T) {
	const secret = "c2VjcmV0"
	for _, connection := range []string{
		"", ";", secret, "AccountName=a", "AccountKey=" + secret, "AccountName=a;AccountKey=", "UseDevelopmentStorage=false",
		"AccountName=a;AccountKey=" + secret + "%%;TableEndpoint=http://localhost", "AccountName=a;AccountKey=" + secret + ";nonsense",
	} {
		store, err := tablestore.NewFromConnectionString(connection, nil)
		if err == nil || store != nil {
			t.Errorf("%q is taken", connection)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

func TestTablesAreCreatedAtFirstUse(t *testing.T) {
	_, connection := emulator.Account(t)
	store := open(t, connection, tablestore.Options{})
	if got := readAll(t, store, chatter(1, 1)); len(got.Index) != 0 || len(got.Activities["conversation0"]) != 0 {
		t.Errorf("an account without tables holds %v", got)
	}
	records := chatter(20, 2) // several partitions find no table at once
	mustPut(t, store, records...)
	wantSame(t, readAll(t, store, records), cleanDelivery(t, records))
}

// A table that was just deleted cannot be made again for a while.
func TestATableThatIsBeingDeletedIsAnErrorThatMayPass(t *testing.T) {
	proxy, through, _ := emulator.NewProxy(t)
	store := open(t, through, tablestest.Impatient(t))
	proxy.FailWhen(func(r tablestest.Request) tablestest.Fault {
		if strings.HasSuffix(r.Path, "/Tables") {
			return tablestest.Answer(http.StatusConflict, `{"odata.error":{"code":"TableBeingDeleted"}}`)
		}
		return nil
	})
	refused, err := store.Put(t.Context(), chatter(2, 2))
	if err == nil || len(refused) > 0 {
		t.Errorf("Put refused %d records with error %v, want an error", len(refused), err)
	}
	proxy.FailWhen(nil)
	mustPut(t, store, chatter(2, 2)...)
}

// A full row takes a third more in JSON, by which Azurite measures rows that it
// replaces.
func TestTrapAFullRowIsStored(t *testing.T) {
	_, connection := emulator.Account(t)
	store := open(t, connection, tablestore.Options{})
	full := message("conversation", "full", noon(), "")
	full.Activity, full.Compressed = fullActivity(t)
	mustPut(t, store, full, message("conversation", "mate", noon(), ""))
	mustPut(t, store, full)
	if got := readAll(t, store, []transcript.Record{full}).Activities["conversation"]; len(got) != 2 || got[0] != string(full.Activity) {
		t.Errorf("%d activities came back, or the full one changed", len(got))
	}
}
