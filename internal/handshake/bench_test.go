package handshake_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chatgate/internal/directline"
	"chatgate/internal/handshake"
	"chatgate/internal/outbound"
	"chatgate/internal/redacted"
)

// The benchmarks differ by what an issue adds to a bare call of Direct Line:
// the secret, the visitor's tokens, the pipeline and the checks.

func upstream(b *testing.B) *httptest.Server {
	b.Helper()
	server := httptest.NewServer(granted(token(someUser, "c", time.Now().Add(time.Hour)), "c"))
	b.Cleanup(server.Close)
	return server
}

func BenchmarkBareCall(b *testing.B) {
	server, client := upstream(b), &http.Client{Transport: outbound.NewTransport()}
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL, strings.NewReader(`{"user":{"id":"`+someUser+`"}}`))
		if err != nil {
			b.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

func BenchmarkIssue(b *testing.B) {
	w := newWorld(b)
	client, err := directline.NewClient(upstream(b).URL, nil)
	if err != nil {
		b.Fatal(err)
	}
	issuer := handshake.NewIssuer([]handshake.Assistant{{ID: "bankx", SecretName: secretName, Client: client}}, w.cache,
		&handshake.IssuerOptions{Visitors: w.signer})
	visitorToken, err := w.signer.Sign(b.Context(), "bankx", someUser)
	if err != nil {
		b.Fatal(err)
	}
	for name, known := range map[string]redacted.Text{"new": {}, "known": visitorToken} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := issuer.Issue(b.Context(), "bankx", known); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
