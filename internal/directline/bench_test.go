package directline_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgate/internal/directline"
	"chatgate/internal/outbound"
)

// The two benchmarks differ by what the client adds to a bare call: the
// pipeline, the checks and the JSON.

func BenchmarkBareCall(b *testing.B) {
	server := httptest.NewServer(status(http.StatusOK, goodBody))
	defer server.Close()
	client := &http.Client{Transport: outbound.NewTransport()}
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL+"/tokens/generate",
			strings.NewReader(`{"user":{"id":"`+userID+`"}}`))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+canary)
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

func BenchmarkGenerateToken(b *testing.B) {
	server := httptest.NewServer(status(http.StatusOK, goodBody))
	defer server.Close()
	client, err := directline.NewClient(server.URL, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := generate(b.Context(), client); err != nil {
			b.Fatal(err)
		}
	}
}
