package settings

import (
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://www.example.com":       "https://www.example.com",
		"HTTPS://WWW.Example.com":       "https://www.example.com",
		"https://www.example.com:443":   "https://www.example.com",
		"https://www.example.com:8443":  "https://www.example.com:8443",
		"http://localhost:7071":         "http://localhost:7071",
		"http://127.0.0.1":              "http://127.0.0.1",
		"http://localhost:80":           "http://localhost",
		"https://xn--bcher-kva.example": "https://xn--bcher-kva.example",
		"https://[2001:db8::1]:8443":    "https://[2001:db8::1]:8443",
		// Refused.
		"https://www.example.com/":       "",
		"https://www.example.com/path":   "",
		"https://www.example.com?x":      "",
		"https://www.example.com#":       "",
		"https://user@www.example.com":   "",
		"http://www.example.com":         "",
		"http://localhost.evil.example":  "",
		"https://*.example.com":          "",
		"https://bücher.example":         "",
		"https://www.example.com:0":      "",
		"https://www.example.com:x":      "",
		"https://":                       "",
		"www.example.com":                "",
		"null":                           "",
		"*":                              "",
		"file:///etc/passwd":             "",
		"https://a.example https://b":    "",
		"chrome-extension://abcdefghijk": "",
	} {
		got, err := parseOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("parseOrigin(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzParseOrigin(f *testing.F) {
	for _, seed := range []string{"https://www.example.com", "http://localhost:7071", "https://[::1]:8443", "null", "https://a.example/", "https://*.a.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		origin, err := parseOrigin(text)
		if err != nil {
			return
		}
		again, err := parseOrigin(origin)
		if err != nil || again != origin {
			t.Errorf("parseOrigin(%q) = %q, which reads back as %q, %v", text, origin, again, err)
		}
		if strings.ContainsAny(origin, "/*?# \t\r\n@,") && strings.Count(origin, "/") != 2 {
			t.Errorf("parseOrigin(%q) = %q, which is not an origin", text, origin)
		}
	})
}
