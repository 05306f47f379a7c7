package tablestore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/golang-jwt/jwt/v5"

	"chatgate/internal/standin/azurite"
	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript/tablestore"
)

// identity hands out tokens for the scopes it is asked for, as a managed
// identity does.
type identity struct {
	scopes atomic.Pointer[[]string]
	fails  error
}

func (i *identity) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	i.scopes.Store(&options.Scopes)
	if i.fails != nil {
		return azcore.AccessToken{}, i.fails
	}
	now := time.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://sts.windows.net/tenant/",
		"aud": strings.TrimSuffix(options.Scopes[0], "/.default"),
		"iat": now.Unix(),
		"nbf": now.Add(-time.Minute).Unix(),
		"exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte("Azurite checks no signature"))
	return azcore.AccessToken{Token: token, ExpiresOn: now.Add(time.Hour)}, err
}

func TestProductionSignsInWithATokenOverHTTPS(t *testing.T) {
	options, client := startSecure(t)
	server, err := azurite.Start(t.Context(), options)
	if errors.Is(err, azurite.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()

	caller := new(identity)
	clientOptions := &tablestore.Options{ClientOptions: policy.ClientOptions{Transport: client}}
	store, err := tablestore.New(server.Endpoint(azurite.DefaultAccount), caller, clientOptions)
	if err != nil {
		t.Fatal(err)
	}
	records := chatter(3, 2)
	mustPut(t, store, records...)
	wantSame(t, readAll(t, store, records), cleanDelivery(t, records))
	if scopes := *caller.scopes.Load(); len(scopes) != 1 || scopes[0] != "https://storage.azure.com/.default" {
		t.Errorf("asked for a token for %v", scopes)
	}
}

func TestWithoutATokenNothingIsSent(t *testing.T) {
	caller := &identity{fails: errors.New("quoting Entra")}
	options := tablestest.Impatient(t)
	options.Transport = transport(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent without a token")
		return nil, errors.New("no network in this test")
	})
	for _, endpoint := range []string{"https://account.table.core.windows.net", "https://account.table.cosmos.azure.com", "http://127.0.0.1:1/account"} {
		store, err := tablestore.New(endpoint, caller, &options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Put(t.Context(), chatter(1, 1)); err == nil || strings.Contains(err.Error(), "Entra") {
			t.Errorf("Put to %s returned %v", endpoint, err)
		}
	}
}

// Cosmos DB for Table has an audience of its own.
func TestCosmosDBIsAskedWithItsOwnToken(t *testing.T) {
	caller := &identity{fails: errors.New("enough is known")}
	options := tablestest.Impatient(t)
	store, err := tablestore.New("https://account.table.cosmos.azure.com", caller, &options)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = store.Put(t.Context(), chatter(1, 1))
	if scopes := *caller.scopes.Load(); len(scopes) != 1 || !strings.Contains(scopes[0], "cosmos") {
		t.Errorf("asked for a token for %v", scopes)
	}
}

// startSecure returns how to start Azurite with https, and a client that trusts
// it.
func startSecure(t *testing.T) (*azurite.Options, *http.Client) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	options := &azurite.Options{
		CertFile: writePEM(t, "CERTIFICATE", certificate),
		KeyFile:  writePEM(t, "PRIVATE KEY", private),
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return options, &http.Client{Transport: transport}
}

func writePEM(t *testing.T, kind string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
