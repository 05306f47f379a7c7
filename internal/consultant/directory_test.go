package consultant_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"chatgate/internal/consultant"
	"chatgate/internal/problem"
)

// certified is a key as Entra ID publishes it, certificate and all.
func certified(t *testing.T, name string) map[string]any {
	t.Helper()
	key := privateKeys()[name]
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "accounts.accesscontrol.windows.net"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := sha1.Sum(certificate)
	published := but(jwk(t, name), "x5t", base64.RawURLEncoding.EncodeToString(thumbprint[:]))
	published["x5c"] = []string{base64.StdEncoding.EncodeToString(certificate)}
	published["cloud_instance_name"] = "microsoftonline.com"
	return published
}

// other is a key that is not of RSA.
func other(t *testing.T, key any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: tenantA})
	if err != nil {
		t.Fatal(err)
	}
	var published map[string]any
	if err := json.Unmarshal(encoded, &published); err != nil {
		t.Fatal(err)
	}
	return published
}

func TestWhichKeysOfASetAreUsed(t *testing.T) {
	w, _ := newWorld(t)
	good := jwk(t, tenantA)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	impostor := but(jwk(t, tenantB), "kid", tenantA)
	unreadable := map[string]any{"kty": "RSA", "kid": "odd", "n": 5}
	for name, test := range map[string]struct {
		set  []map[string]any
		used bool
	}{
		"plain":                           {[]map[string]any{good}, true},
		"without a use":                   {[]map[string]any{but(good, "use", nil)}, true},
		"for RS256":                       {[]map[string]any{but(good, "alg", "RS256")}, true},
		"as Entra publishes it":           {[]map[string]any{certified(t, "new"), certified(t, tenantA)}, true},
		"with this tenant's issuer":       {[]map[string]any{but(good, "issuer", w.issuers+tenantA+"/v2.0")}, true},
		"with the template of issuers":    {[]map[string]any{but(good, "issuer", w.issuers+"{tenantid}/v2.0")}, true},
		"twice":                           {[]map[string]any{good, good}, true},
		"beside an unreadable one":        {[]map[string]any{unreadable, good}, true},
		"beside one of another kind":      {[]map[string]any{but(good, "kty", "PQC"), good}, true},
		"beside another issuer's":         {[]map[string]any{but(impostor, "issuer", w.issuers+tenantB+"/v2.0"), good}, true},
		"with another tenant's issuer":    {[]map[string]any{but(good, "issuer", w.issuers+tenantB+"/v2.0")}, false},
		"with an empty issuer":            {[]map[string]any{but(good, "issuer", "")}, false},
		"with a number for an issuer":     {[]map[string]any{but(good, "issuer", 7)}, false},
		"for encryption":                  {[]map[string]any{but(good, "use", "enc")}, false},
		"for RS512":                       {[]map[string]any{but(good, "alg", "RS512")}, false},
		"without an id":                   {[]map[string]any{but(good, "kid", nil)}, false},
		"of 2047 bits":                    {[]map[string]any{but(jwk(t, "weak"), "kid", tenantA)}, false},
		"of another curve":                {[]map[string]any{other(t, curve.Public())}, false},
		"a shared secret":                 {[]map[string]any{other(t, []byte("0123456789abcdef0123456789abcdef"))}, false},
		"published with its private half": {[]map[string]any{other(t, privateKeys()[tenantA])}, false},
		"with another's certificate":      {[]map[string]any{but(good, "x5c", certified(t, "new")["x5c"])}, false},
		"beside another of the same id":   {[]map[string]any{good, impostor}, false},
		"after another of the same id":    {[]map[string]any{impostor, good}, false},
		"between others of the same id":   {[]map[string]any{good, impostor, good}, false},
	} {
		t.Run(name, func(t *testing.T) {
			signer := tenantA
			if name == "of 2047 bits" {
				signer = "weak"
			}
			// The last key shows that the rest of the set goes on serving.
			w.publish(tenantA, append(test.set, but(jwk(t, "new"), "kid", "last"))...)
			v := w.verifier(t, tenantA)
			if _, err := v.Consultant(t.Context(), w.person(tenantA).by("new").head("kid", "last").sign(t)); err != nil {
				t.Errorf("the key beside it: %v", err)
			}
			_, err := v.Consultant(t.Context(), w.person(tenantA).by(signer).sign(t))
			if test.used && err != nil {
				t.Errorf("the key was not used: %v", err)
			} else if !test.used {
				wantCode(t, err, problem.TokenInvalid)
			}
		})
	}
}

func answering(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func TestWhatIsNoKeySetIsAFailedFetch(t *testing.T) {
	w, at := newWorld(t)
	set, err := json.Marshal(map[string]any{"keys": []any{jwk(t, tenantA)}})
	if err != nil {
		t.Fatal(err)
	}
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Store(true)
		_, _ = w.Write(set)
	}))
	defer elsewhere.Close()
	for name, test := range map[string]struct {
		fault http.HandlerFunc
		log   string
	}{
		"503":         {away, "Entra ID answered 503"},
		"404":         {http.NotFound, "Entra ID answered 404"},
		"201":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); _, _ = w.Write(set) }, "Entra ID answered 201"},
		"redirect":    {http.RedirectHandler(elsewhere.URL+"/"+canary, http.StatusFound).ServeHTTP, "Entra ID answered 302"},
		"cut":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"cut inside":  {cutInside, "unexpected EOF"},
		"empty":       {answering(""), "no key set"},
		"a page":      {answering("<html>" + canary), "no key set"},
		"a list":      {answering("[" + string(set) + "]"), "no key set"},
		"keys a text": {answering(`{"keys":"` + canary + `"}`), "no key set"},
		"and more":    {answering(string(set) + canary), "no key set"},
		"no keys":     {answering(`{"keys":[]}`), "no key that can be used"},
		"no key ids":  {answering(withoutID(set)), "no key that can be used"},
		"not HTTP":    {notHTTP, "no answer: *"},
		"null":        {answering(`null`), "no key that can be used"},
		"null keys":   {answering(`{"keys":[null,{}]}`), "no key that can be used"},
		"too long":    {answering(string(set) + strings.Repeat(" ", 256<<10)), "longer than 262144 bytes"},
		"unpacked too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packer := gzip.NewWriter(w)
			_, _ = packer.Write(append(set, bytes.Repeat([]byte(" "), 256<<10)...))
			_ = packer.Close()
		}, "longer than 262144 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			w.log.Reset()
			w.set(func(e *entra) { e.fault = test.fault })
			_, err := w.verifier(t, tenantA).Consultant(t.Context(), w.person(tenantA).sign(t))
			wantCode(t, err, problem.DirectoryUnavailable)
			if log := w.log.String(); !strings.Contains(log, test.log) || strings.Contains(log, canary) || !strings.Contains(log, tenantA) {
				t.Errorf("the log is %q, want %q in it", log, test.log)
			}
			w.set(func(e *entra) { e.fault = nil })
			v := warmVerifier(t, w, at)
			w.set(func(e *entra) { e.fault = test.fault })
			_, err = v.Consultant(t.Context(), bogus(w, "bogus"))
			wantCode(t, err, problem.DirectoryUnavailable)
			if _, err := v.Consultant(t.Context(), w.person(tenantA).sign(t)); err != nil {
				t.Errorf("the keys at hand do not serve: %v", err)
			}
		})
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

func withoutID(set []byte) string {
	return strings.Replace(string(set), `"kid"`, `"id"`, 1)
}

// notHTTP answers what net/http quotes in its error.
func notHTTP(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, canary+"\r\n\r\n")
	_ = conn.Close()
}

func cutInside(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"keys":[`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func TestAClientsRedirectsAndOwnerAreItsOwn(t *testing.T) {
	w, _ := newWorld(t)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	w.options.Client = client
	w.set(func(e *entra) {
		e.fault = http.RedirectHandler("/login/"+tenantB+"/discovery/v2.0/keys", http.StatusFound).ServeHTTP
	})
	_, err := w.verifier(t, tenantA).Consultant(t.Context(), w.person(tenantA).sign(t))
	wantCode(t, err, problem.DirectoryUnavailable)
	if w.count(tenantB) != 0 {
		t.Error("a redirect was followed")
	}
	if client.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's client was changed")
	}
	client.CloseIdleConnections()
}

func TestConfigsThatWouldCheckNothingAreRefused(t *testing.T) {
	good := consultant.Config{Authority: "https://login.microsoftonline.com", Audience: audience, Tenants: []string{tenantA}}
	for name, change := range map[string]func(*consultant.Config){
		"no authority":                func(c *consultant.Config) { c.Authority = "" },
		"no audience":                 func(c *consultant.Config) { c.Audience = "" },
		"a tenant's name":             func(c *consultant.Config) { c.Tenants = []string{tenantA, "contoso.onmicrosoft.com"} },
		"every tenant":                func(c *consultant.Config) { c.Tenants = []string{"common"} },
		"an empty tenant":             func(c *consultant.Config) { c.Tenants = []string{""} },
		"a path as tenant":            func(c *consultant.Config) { c.Tenants = []string{"../" + tenantA[3:]} },
		"an authority without scheme": func(c *consultant.Config) { c.Authority = "login.microsoftonline.com" },
		"http":                        func(c *consultant.Config) { c.Authority = "http://login.microsoftonline.com" },
		"http on a name like ours":    func(c *consultant.Config) { c.Authority = "http://localhost.example.com" },
		"another scheme":              func(c *consultant.Config) { c.Authority = "ftp://localhost" },
		"no host":                     func(c *consultant.Config) { c.Authority = "https:///login" },
		"a password":                  func(c *consultant.Config) { c.Authority = "https://me:" + canary + "@login.microsoftonline.com" },
		"a query":                     func(c *consultant.Config) { c.Authority += "?" + canary },
		"an empty query":              func(c *consultant.Config) { c.Authority += "?" },
		"a fragment":                  func(c *consultant.Config) { c.Authority += "#" + canary },
		"no URL":                      func(c *consultant.Config) { c.Authority = "https://%zz" + canary },
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			change(&config)
			v, err := consultant.NewVerifier(config, nil)
			if err == nil || v != nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats the setting: %v", err)
			}
		})
	}
	for _, authority := range []string{good.Authority, good.Authority + "/", "https://LOGIN.microsoftonline.us", "http://127.0.0.1:7071/local/entra", "http://[::1]", "http://localhost:1"} {
		config := good
		config.Authority = authority
		v, err := consultant.NewVerifier(config, nil)
		if err != nil {
			t.Errorf("%s: %v", authority, err)
			continue
		}
		v.Close()
	}
}

func TestLetterCaseAndSlashesOfTheSettingsDoNotMatter(t *testing.T) {
	w, _ := newWorld(t)
	good := w.person(tenantA).sign(t)
	w.config.Authority = strings.Replace(w.config.Authority, "http://127.0.0.1", "HTTP://127.0.0.1", 1) + "/"
	if _, err := w.verifier(t, strings.ToUpper(tenantA)).Consultant(t.Context(), good); err != nil {
		t.Error(err)
	}
	inBubble(t, func(t *testing.T, w *world) {
		w.config.Authority = "http://LocalHost/login"
		if _, err := w.verifier(t, tenantA).Consultant(t.Context(), w.person(tenantA).sign(t)); err != nil {
			t.Error(err)
		}
	})
}
