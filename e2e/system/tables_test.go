package system_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/standin/egress"
)

// maxAccounts is how many tests of one run can have tables, with -count too.
const maxAccounts = 99

// tableService is one Azurite with an account for each test: over https, so that
// it takes the tokens of a managed identity.
type tableService struct {
	mu     sync.Mutex
	server *azurite.Server
	err    error
	folder string
	used   int
}

// account returns an account without tables.
func (s *tableService) account() (name string, server *azurite.Server, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil && s.err == nil {
		s.err = s.start()
	}
	if s.err != nil {
		return "", nil, s.err
	}
	s.used++
	if s.used > maxAccounts {
		return "", nil, fmt.Errorf("more than %d tests want tables", maxAccounts)
	}
	return accountName(s.used), s.server, nil
}

func accountName(number int) string {
	return fmt.Sprintf("chatgate%02d", number)
}

func (s *tableService) start() (err error) {
	if s.folder, err = os.MkdirTemp("", "chatgate-azurite-"); err != nil {
		return err
	}
	options := &azurite.Options{}
	for number := range maxAccounts {
		options.Accounts = append(options.Accounts, accountName(number+1))
	}
	if options.CertFile, options.KeyFile, err = writeCertificate(s.folder); err != nil {
		return fmt.Errorf("making azurite's certificate: %w", err)
	}
	s.server, err = azurite.Start(context.Background(), options)
	return err
}

func (s *tableService) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failures []error
	if s.server != nil {
		failures = append(failures, s.server.Close())
	}
	return errors.Join(append(failures, os.RemoveAll(s.folder))...)
}

// writeCertificate makes a certificate that nobody checks: only the proxy
// connects to Azurite.
func writeCertificate(folder string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "azurite"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	return certFile, keyFile, errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}

// tables are those of one test: as the handler reaches them, through the proxy,
// and as the test looks into them, past it.
type tables struct {
	host    string
	service http.Handler
	client  *aztables.ServiceClient
}

// newTables returns an empty account. The test is skipped where there is no
// Azurite.
func newTables(t *testing.T) *tables {
	t.Helper()
	account, server, err := shared.tables.account()
	if errors.Is(err, azurite.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	forward, err := egress.NewForward("https://"+server.Address(), &egress.ForwardOptions{
		InsecureSkipVerify: true, Rewrite: egress.AzuriteTables(account),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(forward.Close)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := aztables.NewServiceClientFromConnectionString(server.ConnectionString(account),
		&aztables.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport}}})
	if err != nil {
		t.Fatal(err)
	}
	return &tables{host: account + ".table.core.windows.net", service: forward, client: client}
}

// row is a row as the table service gives it.
type row map[string]any

func (r row) text(column string) string {
	text, _ := r[column].(string)
	return text
}

// activity is the stored JSON: column Activity, or columns ActivityGzip0 and up.
func (r row) activity(t *testing.T) string {
	t.Helper()
	if text, whole := r["Activity"].(string); whole {
		return text
	}
	var compressed []byte
	for i := 0; ; i++ {
		part, found := r["ActivityGzip"+strconv.Itoa(i)].(string)
		if !found {
			break
		}
		decoded, err := base64.StdEncoding.DecodeString(part)
		if err != nil {
			t.Fatalf("row %s: %v", r.text("RowKey"), err)
		}
		compressed = append(compressed, decoded...)
	}
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatalf("row %s has neither Activity nor ActivityGzip0: %v", r.text("RowKey"), err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("row %s: %v", r.text("RowKey"), err)
	}
	return string(text)
}

// rows returns all rows of a table, by PartitionKey and RowKey. A table that does
// not exist has none.
func (s *tables) rows(t *testing.T, table string) []row {
	t.Helper()
	var found []row
	pager := s.client.NewClient(table).NewListEntitiesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		var answered *azcore.ResponseError
		if errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound {
			return nil
		}
		if err != nil {
			t.Fatalf("reading table %s: %v", table, err)
		}
		for _, entity := range page.Entities {
			var r row
			if err := json.Unmarshal(entity, &r); err != nil {
				t.Fatalf("reading table %s: %v", table, err)
			}
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.text("PartitionKey"), b.text("PartitionKey")), cmp.Compare(a.text("RowKey"), b.text("RowKey")))
	})
	return found
}

// conversation returns the stored activities of one conversation, in their
// order.
func conversation(t *testing.T, messages []row, assistant, id string) []string {
	t.Helper()
	var activities []string
	for _, r := range messages {
		if r.text("Assistant") == assistant && r.text("ConversationId") == id {
			activities = append(activities, r.activity(t))
		}
	}
	return activities
}
