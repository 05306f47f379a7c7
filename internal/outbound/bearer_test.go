package outbound_test

import (
	"testing"

	"chatgate/internal/outbound"
)

func TestIsBearerToken(t *testing.T) {
	for token, want := range map[string]bool{
		"t": true, "azAZ09-._~+/": true, "YQ==": true, "a=====": true,
		"": false, "=": false, "====": false, "a=b": false, "=a": false, "a b": false, " a": false, "a\n": false, "a\r\nX: y": false,
		"a,b": false, "a\"": false, "a%20": false, "a\x00": false, "a\x7f": false, "ä": false, "@": false, "[": false, "`": false, "{": false, ":": false,
	} {
		if got, same := outbound.IsBearerToken(token), outbound.IsBearerToken([]byte(token)); got != want || same != want {
			t.Errorf("%q: %t, as bytes %t; want %t", token, got, same, want)
		}
	}
}
