package settings_test

import (
	"errors"
	"strings"
	"testing"

	"chatgate/internal/settings"
)

const (
	apiClient  = "Api__ClientId=0b1f6471-1bf0-4dda-aec3-cb9272f09590"
	deskTenant = "Assistants__BankX__DeskTenantId="
	oneTenant  = "7d8b0d2f-1bf0-4dda-aec3-cb9272f09590"
)

// complaints of one load, by setting.
func complaints(t *testing.T, environ []string) map[string]string {
	t.Helper()
	_, err := settings.Load(environ)
	found := map[string]string{}
	var invalid *settings.InvalidError
	if err != nil && !errors.As(err, &invalid) {
		t.Fatalf("Load = %v", err)
	}
	if invalid != nil {
		for _, problem := range invalid.Problems {
			found[problem.Setting] = problem.What
		}
	}
	return found
}

// A tenant is one client's: whoever may sign in to several of Entra's tenants at
// once must never count as that client's consultant.
func TestDeskTenants(t *testing.T) {
	for value, says := range map[string]string{
		oneTenant:                              "",
		strings.ToUpper(oneTenant):             "",
		"common":                               "no single client",
		"Organizations":                        "no single client",
		"consumers":                            "no single client",
		"9188040D-6c67-4c5b-b112-36a304b66dad": "no single client",
		"bankx.onmicrosoft.com":                "not the domain",
		"{" + oneTenant + "}":                  "no tenant id",
		oneTenant + "/":                        "no tenant id",
		oneTenant + "," + oneTenant:            "no tenant id",
	} {
		found := complaints(t, production(apiClient, deskTenant+value))
		if what := found["Assistants__BankX__DeskTenantId"]; says == "" && len(found) > 0 || !strings.Contains(what, says) {
			t.Errorf("DeskTenantId=%s: %v, want %q", value, found, says)
		}
	}
}

func TestADeskNeedsItsAPIsClientID(t *testing.T) {
	found := complaints(t, production(deskTenant+oneTenant))
	if !strings.Contains(found["Api__ClientId"], "Assistants__BankX__DeskTenantId") {
		t.Errorf("%v, want a complaint about Api__ClientId that says who needs it", found)
	}
	for _, environ := range [][]string{nil, {apiClient}, {apiClient, deskTenant + oneTenant}} {
		if found := complaints(t, production(environ...)); len(found) > 0 {
			t.Errorf("with %v: %v", environ, found)
		}
	}
}

func TestRetention(t *testing.T) {
	for days, ok := range map[string]bool{
		"0": true, "1": true, "36500": true,
		"36501": false, "-1": false, "1.5": false, "30d": false, "99999999999999999999": false,
	} {
		found := complaints(t, production("RetentionDays="+days))
		if _, complained := found["RetentionDays"]; complained == ok {
			t.Errorf("RetentionDays=%s: %v", days, found)
		}
	}
}

// Tokens are verified with keys from this address: http would let anybody on the
// way put keys of their own there.
func TestAuthorities(t *testing.T) {
	for _, test := range []struct {
		value       string
		development bool
		ok          bool
	}{
		{"https://login.microsoftonline.us", false, true},
		{"http://localhost:7071/local/entra", true, true},
		{"http://localhost:7071/local/entra", false, false},
		{"http://login.microsoftonline.com", true, false},
		{"https://user@login.microsoftonline.com", false, false},
		{"login.microsoftonline.com", false, false},
	} {
		environ := production("Authority=" + test.value)
		if test.development {
			environ = append(environ, "AZURE_FUNCTIONS_ENVIRONMENT=Development")
		}
		if found := complaints(t, environ); (len(found) == 0) != test.ok {
			t.Errorf("Authority=%s (Development: %t): %v", test.value, test.development, found)
		}
	}
}
