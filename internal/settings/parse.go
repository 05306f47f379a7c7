package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/endpoint"
)

func parsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("is %q; it takes a port from 1 to 65535", text)
	}
	return int(port), nil
}

func parseLevel(text string) (slog.Level, error) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("is %q; it takes debug, info, warn or error", text)
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("is %q; it takes true or false", text)
}

func parseAge(text string) (time.Duration, error) {
	age, err := time.ParseDuration(text)
	if err != nil || age < time.Second || age > 24*time.Hour {
		return 0, fmt.Errorf("is %q; it takes a time from 1s to 24h, such as 5m", text)
	}
	return age, nil
}

func parseList(text string) ([]string, error) {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list, nil
}

// maxSecretName is Key Vault's limit
// (https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning).
const maxSecretName = 127

func parseSecretName(text string) (string, error) {
	if len(text) > maxSecretName {
		return "", fmt.Errorf("has %d characters; Key Vault's names have at most %d", len(text), maxSecretName)
	}
	for _, c := range []byte(text) {
		if !isLetterOrDigit(c) && c != '-' {
			return "", errors.New("is not a name of a Key Vault secret; those hold only letters, digits and hyphens (is it the secret itself?)")
		}
	}
	return text, nil
}

func isLetterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// parseEndpoint accepts the address of a service: https, or in Development http
// on loopback. No trailing slash is kept.
func (r *reader) parseEndpoint(text string) (string, error) {
	address, err := endpoint.Parse(text)
	if errors.Is(err, endpoint.ErrInsecure) || err == nil && address.Scheme != "https" && !r.development {
		return "", errors.New("must begin with https:// (http only in Development, on loopback)")
	}
	if err != nil {
		return "", err
	}
	return address.String(), nil
}

// parseAccount accepts the address of a service that is called with the managed
// identity. The SDK sends its tokens over https only.
func (r *reader) parseAccount(text string) (string, error) {
	uri, err := r.parseEndpoint(text)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(uri, "https://") {
		return "", errors.New("must begin with https://, because the identity's tokens are sent over https only")
	}
	return uri, nil
}

// parseVault accepts the address of a vault, which has no path.
func (r *reader) parseVault(text string) (string, error) {
	uri, err := r.parseAccount(text)
	if err != nil {
		return "", err
	}
	if strings.Contains(uri[len("https://"):], "/") {
		return "", errors.New("is more than the vault's address; write https://<name>.vault.azure.net")
	}
	return uri, nil
}

// parseWebChatURL accepts an https address, or a path on the app's own host.
func parseWebChatURL(text string) (string, error) {
	address, err := url.Parse(text)
	if err == nil && address.Host == "" && strings.HasPrefix(address.Path, "/") && !strings.HasPrefix(text, "//") {
		return text, nil
	}
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return "", errors.New("is not the address of Web Chat's bundle; write https://… or a path such as /webchat.js")
	}
	return text, nil
}

// parseAddressSource returns the Front Door id, empty for X-Forwarded-For.
func parseAddressSource(text string) (string, error) {
	if strings.EqualFold(text, "x-forwarded-for") {
		return "", nil
	}
	kind, id, _ := strings.Cut(text, ":")
	if !strings.EqualFold(kind, "front-door") || id == "" || strings.Trim(id, "0123456789abcdefABCDEF-") != "" {
		return "", fmt.Errorf("is %q; it takes x-forwarded-for, or front-door:<the Front Door ID>", text)
	}
	return id, nil
}
