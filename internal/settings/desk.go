package settings

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// DefaultAuthority is Entra ID of the public cloud.
const DefaultAuthority = "https://login.microsoftonline.com"

// loadAPIClientID asks for the id as soon as an assistant has consultants or a
// login: their tokens could not be told from those for other APIs without it.
func loadAPIClientID(r *reader) string {
	const name = "Api__ClientId"
	for _, assistant := range r.assistants() {
		prefix := prefixOf(assistant)
		wanted := loginOf(r, prefix)
		if r.has(prefix + "DeskTenantId") {
			wanted = prefix + "DeskTenantId"
		}
		if wanted != "" {
			r.need(name, wanted, "set it to the client id of the app registration of this API")
			break
		}
	}
	return parsed(r, name, "", parseUUID)
}

// maxRetentionDays is about a hundred years: more is a slip of the keyboard.
const maxRetentionDays = 36500

func parseDays(text string) (int, error) {
	days, err := strconv.ParseUint(text, 10, 32)
	if err != nil || days > maxRetentionDays {
		return 0, fmt.Errorf("is %q; it takes a number of days from 0 (keep everything) to %d", text, maxRetentionDays)
	}
	return int(days), nil
}

// isUUID takes lower case only.
func isUUID(text string) bool {
	return regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(text)
}

// parseUUID returns the lower-case spelling, which is the one that tokens have.
func parseUUID(text string) (string, error) {
	id := strings.ToLower(text)
	if !isUUID(id) {
		return "", errors.New("is no id such as 11111111-2222-3333-4444-555555555555")
	}
	return id, nil
}

// personalAccounts is the tenant that everybody's personal Microsoft account is
// in (https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference).
const personalAccounts = "9188040d-6c67-4c5b-b112-36a304b66dad"

// parseTenant takes the id of one tenant. Entra ID's names for many tenants at
// once would let in everybody who has an account anywhere, and a domain's name
// is in no token to be compared with.
func parseTenant(text string) (string, error) {
	many := []string{"common", "organizations", "consumers", personalAccounts}
	if slices.Contains(many, strings.ToLower(text)) {
		return "", fmt.Errorf("is %q, which stands for no single client; write the id of the client's own tenant", text)
	}
	id, err := parseUUID(text)
	if err != nil {
		return "", errors.New("is no tenant id; write the id, not the domain (az account show --query tenantId)")
	}
	return id, nil
}
