package endpoint_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"chatgate/internal/endpoint"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"https://directline.botframework.com/v3/directline":   "https://directline.botframework.com/v3/directline",
		"https://directline.botframework.com/v3/directline//": "https://directline.botframework.com/v3/directline",
		"https://login.microsoftonline.com":                   "https://login.microsoftonline.com",
		"HTTPS://Bank.Vault.Azure.Net/":                       "https://bank.vault.azure.net",
		"https://a.example:8443/Login":                        "https://a.example:8443/Login",
		"https://a.example/a%2Fb":                             "https://a.example/a%2Fb",
		"https://a.example/a%2Fb/":                            "https://a.example/a%2Fb",
		"https://a.example/a b%2F":                            "https://a.example/a%20b",
		"https://a.example/\xd4%2f/":                          "https://a.example/%D4",
		"https://xn--bcher-kva.example":                       "https://xn--bcher-kva.example",
		"https://[2001:DB8::1]:8443":                          "https://[2001:db8::1]:8443",
		"http://localhost:7071/v3/directline":                 "http://localhost:7071/v3/directline",
		"http://LocalHost":                                    "http://localhost",
		"http://127.0.0.1:9":                                  "http://127.0.0.1:9",
		"http://127.1.2.3:9":                                  "http://127.1.2.3:9",
		"http://[::1]:7071":                                   "http://[::1]:7071",
		"http://[::ffff:127.0.0.1]":                           "http://[::ffff:127.0.0.1]",
	} {
		address, err := endpoint.Parse(text)
		if err != nil || address.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", text, address, err, want)
		}
	}
}

func TestWhatIsRefusedAndWhy(t *testing.T) {
	const secret = "secret-5b1e"
	for text, says := range map[string]string{
		"":                              "not an address",
		"/":                             "not an address",
		"https://":                      "not an address",
		"https:///path":                 "not an address",
		"https://:443/v3":               "not an address",
		"a.example":                     "not an address",
		"a.example:443":                 "not an address",
		"https:a.example":               "not an address",
		"https://%zz" + secret:          "not an address",
		"https://a b/":                  "not an address",
		"https://a;b/":                  "not an address",
		"https://*.example":             "not an address",
		"https://bücher.example":        "not an address",
		"https://a\r\nb.example":        "not an address",
		"http://[::1%25lo]/":            "not an address",
		"https://u:" + secret + "@a/":   "more than",
		"https://@a.example":            "more than",
		"https://a.example?" + secret:   "more than",
		"https://a.example?":            "more than",
		"https://a.example/?/":          "more than",
		"https://a.example#" + secret:   "more than",
		"https://a.example/#":           "more than",
		"ftp://localhost":               "must begin with https://",
		"wss://a.example":               "must begin with https://",
		"http://a.example":              "must begin with https://",
		"http://localhost.evil.example": "must begin with https://",
		"http://127.0.0.1.evil.example": "must begin with https://",
		"http://0.0.0.0":                "must begin with https://",
		"http://[::]":                   "must begin with https://",
		"http://10.0.0.1":               "must begin with https://",
		"http://2130706433":             "must begin with https://",
		"http://localhost.":             "must begin with https://",
	} {
		address, err := endpoint.Parse(text)
		if err == nil || address != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Parse(%q) = %v, %v; want %q", text, address, err, says)
			continue
		}
		if errors.Is(err, endpoint.ErrInsecure) != strings.HasPrefix(says, "must") {
			t.Errorf("Parse(%q): %v is ErrInsecure, or should be", text, err)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats what was parsed: %v", err)
		}
	}
}

func TestAToolMayCallInClear(t *testing.T) {
	if address, err := endpoint.ParseAnywhere("http://A.example/login/"); err != nil || address.String() != "http://a.example/login" {
		t.Errorf("ParseAnywhere = %v, %v", address, err)
	}
	for _, text := range []string{"ftp://a.example", "http://a.example?x", "http://u@a.example", "a.example"} {
		if address, err := endpoint.ParseAnywhere(text); err == nil || address != nil {
			t.Errorf("ParseAnywhere(%q) = %v", text, address)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"https://a.example/v3/directline/", "http://[::1]:7071", "http://127.1", "https://u:p@a", "https://a?/", "https://a/#", "https://a/%2f/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, err := endpoint.Parse(text)
		if err != nil {
			return
		}
		written := address.String()
		again, err := endpoint.Parse(written)
		if err != nil || again.String() != written {
			t.Errorf("Parse(%q) = %s, which reads back as %v, %v", text, written, again, err)
		}
		// What is put after it must be a path.
		longer, err := url.Parse(written + "/tokens/generate")
		if err != nil || longer.Host != address.Host || !strings.HasSuffix(longer.Path, "/tokens/generate") || longer.RawQuery != "" || longer.User != nil {
			t.Errorf("Parse(%q) = %s, which does not take a path: %v, %v", text, written, longer, err)
		}
		if address.Scheme != "https" && !endpoint.IsLoopback(address.Hostname()) {
			t.Errorf("Parse(%q) = %s, which is sent in clear", text, written)
		}
	})
}
