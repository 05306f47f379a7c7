package azurite_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"chatgate/internal/standin/azurite"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestEachAccountHasItsOwnTables(t *testing.T) {
	server := start(t, &azurite.Options{Accounts: []string{"first", "second"}})
	transport := newTransport(t, nil)

	for _, account := range []string{"first", "second"} {
		client, err := aztables.NewServiceClientFromConnectionString(server.ConnectionString(account), transport)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.CreateTable(t.Context(), "same", nil); err != nil {
			t.Errorf("creating a table in account %s: %v", account, err)
		}
	}
}

func TestCloseEndsTheProcessAndFreesThePort(t *testing.T) {
	server := start(t, nil)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Address())
	if err == nil {
		_ = connection.Close()
		t.Error("something still listens after Close")
	}
	if err := server.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestItEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := azurite.Start(ctx, nil)
	skipIfNotInstalled(t, err)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := server.Close(); err != nil {
		t.Errorf("closing after the context ended: %v", err)
	}
}

func TestAPortInUseIsReported(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	number, _ := strconv.Atoi(port)

	server, err := azurite.Start(t.Context(), &azurite.Options{Port: number})
	skipIfNotInstalled(t, err)
	if err == nil {
		_ = server.Close()
		t.Fatal("it started on a port that is taken")
	}
	t.Log(err)
}

func TestMissingPackagesAreExplained(t *testing.T) {
	_, err := azurite.Start(t.Context(), &azurite.Options{NodeModules: t.TempDir()})
	if !errors.Is(err, azurite.ErrNotInstalled) {
		t.Fatalf("got %v, want ErrNotInstalled", err)
	}
}

func TestOverHTTPSItTakesBearerTokens(t *testing.T) {
	certFile, keyFile, pool := newCertificate(t)
	server := start(t, &azurite.Options{CertFile: certFile, KeyFile: keyFile})
	client, err := aztables.NewServiceClient(server.Endpoint(azurite.DefaultAccount), staticToken{signToken(t)}, newTransport(t, pool))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateTable(t.Context(), "secured", nil); err != nil {
		t.Errorf("creating a table with a bearer token: %v", err)
	}
}

func start(t *testing.T, options *azurite.Options) *azurite.Server {
	t.Helper()
	server, err := azurite.Start(t.Context(), options)
	skipIfNotInstalled(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func skipIfNotInstalled(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, azurite.ErrNotInstalled) {
		t.Skip(err)
	}
}

func newTransport(t *testing.T, pool *x509.CertPool) *aztables.ClientOptions {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: transport}}}
}

func newCertificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "azurite"},
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
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	folder := t.TempDir()
	return writePEM(t, folder, "CERTIFICATE", certificate), writePEM(t, folder, "PRIVATE KEY", private), pool
}

func writePEM(t *testing.T, folder, kind string, content []byte) string {
	t.Helper()
	path := filepath.Join(folder, kind+".pem")
	block := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func signToken(t *testing.T) string {
	t.Helper()
	now := time.Now()
	// As in Entra's own tokens aud is one string: Azurite takes no list.
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://sts.windows.net/tenant/",
		"aud": "https://storage.azure.com",
		"iat": now.Unix(),
		"nbf": now.Add(-time.Minute).Unix(),
		"exp": now.Add(time.Hour).Unix(),
	}).SignedString([]byte("not checked"))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type staticToken struct{ value string }

func (s staticToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: s.value, ExpiresOn: time.Now().Add(time.Hour)}, nil
}
