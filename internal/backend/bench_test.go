package backend_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chatgate/internal/backend"
	"chatgate/internal/secretly"
)

// BenchmarkSearch is what the largest answers cost that are meant to keep the
// search for the token busy, beside the time that 4 MiB take over loopback. Run it
// as the program is shipped, too, where allocations inside secretly.Do are dear:
//
//	GOEXPERIMENT=runtimesecret go test -run '^$' -bench Search ./internal/backend
func BenchmarkSearch(b *testing.B) {
	long := strings.Repeat("a", 4000) + "b"
	for _, test := range []struct{ name, part, token string }{
		{"plain", `{"balance":"12.50","currency":"EUR"},`, token},
		{"percent", "%", token},
		{"backslash", `\`, token},
		{"ampersand", "&", token},
		{"percent_encoded", "%25252B", token},
		{"JSON", `\u4f60`, token},
		{"JSON_in_JSON", `\\\\u002B`, token},
		{"entities", "&amp;amp;#x2B;", token},
		{"long_entity", "&#0000000000000000000000000", token},
		{"UTF-16", "a\x00", token},
		{"almost_the_token", token[:len(token)-4], token},
		{"almost_its_base64", "Y2FuYXJ5L3Rva2VuKzhj", token},
		{"a_long_token_of_one_letter", "aaaaaaaa", long},
	} {
		b.Run(test.name, func(b *testing.B) {
			body := strings.Repeat(test.part, backend.MaxBody/len(test.part))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
			defer server.Close()
			to, err := backend.New(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				secretly.Do(func() {
					_, err = to.Forward(b.Context(), backend.Request{Method: http.MethodGet, Path: "x"}, secretly.Bytes(test.token))
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
