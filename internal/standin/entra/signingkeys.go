package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"sync"
	"time"
)

// keyring holds a tenant's keys; the newest signs. Keys take long to make, so
// that the first one waits until somebody needs it.
type keyring struct {
	now func() time.Time

	mu    sync.Mutex
	keys  []signingKey // the newest last
	reads int
}

type signingKey struct {
	// id is the thumbprint of the certificate, as Entra ID's are.
	id          string
	private     *rsa.PrivateKey
	certificate []byte // DER
}

// newSigningKey makes a key with a certificate that it signs itself.
func newSigningKey(now time.Time) signingKey {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		panic(err) // only for sizes that are too small
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: "accounts.accesscontrol.windows.net"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(5, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		panic(err) // the template is always the same
	}
	thumbprint := sha1.Sum(certificate)
	return signingKey{base64.RawURLEncoding.EncodeToString(thumbprint[:]), private, certificate}
}

func (k *keyring) current() signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.newest()
}

// newest is for callers that hold the lock.
func (k *keyring) newest() signingKey {
	if len(k.keys) == 0 {
		k.keys = append(k.keys, newSigningKey(k.now()))
	}
	return k.keys[len(k.keys)-1]
}

func (k *keyring) rotate() (keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest() // there must be one to be replaced
	k.keys = append(k.keys, newSigningKey(k.now()))
	return k.newest().id
}

func (k *keyring) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = []signingKey{k.newest()}
}

func (k *keyring) readCount() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reads
}

// read returns all keys for the tenant's own key set.
func (k *keyring) read() []signingKey {
	k.mu.Lock()
	k.reads++
	k.mu.Unlock()
	return k.published()
}

// published are all keys whose signatures are to be accepted.
func (k *keyring) published() []signingKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.newest()
	return append([]signingKey(nil), k.keys...)
}

// webKey is the public key as RFC 7517 has it, with what Entra ID adds.
func (k signingKey) webKey(issuer string) map[string]any {
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{
		"kty":                 "RSA",
		"use":                 "sig",
		"kid":                 k.id,
		"x5t":                 k.id,
		"n":                   encode(k.private.N.Bytes()),
		"e":                   encode(big.NewInt(int64(k.private.E)).Bytes()),
		"x5c":                 []string{base64.StdEncoding.EncodeToString(k.certificate)},
		"issuer":              issuer,
		"cloud_instance_name": cloudInstance,
	}
}
