package system_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// signIn gets an access token as a page does that people are sent back to, by
// code and PKCE.
func (s *System) signIn(t *testing.T, authority, home string, parameters url.Values, person string) string {
	t.Helper()
	const verifier = "a-verifier-that-is-long-enough-for-everybody-who-looks"
	hash := sha256.Sum256([]byte(verifier))
	for name, value := range map[string]string{
		"response_type": "code", "redirect_uri": home, "response_mode": "fragment", "login_hint": person,
		"code_challenge": base64.RawURLEncoding.EncodeToString(hash[:]), "code_challenge_method": "S256",
	} {
		parameters.Set(name, value)
	}
	transport := s.Proxy.Transport()
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Get(authority + "/oauth2/v2.0/authorize?" + parameters.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	_, fragment, _ := strings.Cut(response.Header.Get("Location"), "#")
	answered, err := url.ParseQuery(fragment)
	if err != nil || answered.Get("code") == "" {
		t.Fatalf("no code: %d %v", response.StatusCode, answered)
	}
	exchange, err := http.NewRequestWithContext(t.Context(), http.MethodPost, authority+"/oauth2/v2.0/token", strings.NewReader(url.Values{
		"client_id": parameters["client_id"], "grant_type": {"authorization_code"}, "code": {answered.Get("code")},
		"redirect_uri": {home}, "code_verifier": {verifier},
	}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	exchange.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	exchange.Header.Set("Origin", strings.TrimSuffix(home, "/api/site/desk/"))
	if response, err = client.Do(exchange); err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &tokens); err != nil || tokens.AccessToken == "" {
		t.Fatalf("no token: %v %s", err, body)
	}
	return tokens.AccessToken
}
