package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"chatgate/internal/endpoint"
)

// parseOrigins reads a comma-separated list of origins.
func parseOrigins(text string) ([]string, error) {
	parts, _ := parseList(text)
	origins := make([]string, 0, len(parts))
	for _, part := range parts {
		origin, err := parseOrigin(part)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	if len(origins) == 0 {
		return nil, fmt.Errorf("lists no origin; write origins such as https://www.example.com, separated by commas")
	}
	return origins, nil
}

// parseOrigin returns an origin exactly as a browser writes it in the Origin
// header (RFC 6454 section 6.2): lower case, no default port, no path. Only https is
// accepted, and http on localhost and 127.0.0.1. Wildcards and the opaque
// origin null are refused: the one trusts every subdomain, the other every
// sandboxed frame.
func parseOrigin(text string) (string, error) {
	address, err := url.Parse(strings.ToLower(text))
	switch {
	case err != nil || address.Host == "" || address.Hostname() == "":
		return "", fmt.Errorf("holds %q, which is not an origin; write https://host", text)
	case address.Path != "" || address.User != nil || address.RawQuery != "" || address.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("holds %q, which is more than an origin; write only %s://%s", text, address.Scheme, address.Host)
	case !endpoint.IsHost(address.Hostname()):
		return "", fmt.Errorf("holds %q, whose host is not a plain name; wildcards are not allowed, and international names are written in their xn-- form", text)
	case !isAllowedScheme(address):
		return "", fmt.Errorf("holds %q; an origin must begin with https:// (http:// only on localhost and 127.0.0.1)", text)
	}
	port, err := originPort(address)
	if err != nil {
		return "", fmt.Errorf("holds %q, %w", text, err)
	}
	host := strings.TrimSuffix(address.Host, ":"+address.Port())
	return address.Scheme + "://" + strings.TrimSuffix(host, ":") + port, nil
}

func isAllowedScheme(address *url.URL) bool {
	if address.Scheme == "https" {
		return true
	}
	host := address.Hostname()
	return address.Scheme == "http" && (host == "localhost" || host == "127.0.0.1")
}

// originPort returns ":port", or nothing where it is the scheme's own.
func originPort(address *url.URL) (string, error) {
	text := address.Port()
	if text == "" {
		return "", nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", fmt.Errorf("whose port is not one from 1 to 65535")
	}
	if address.Scheme == "https" && port == 443 || address.Scheme == "http" && port == 80 {
		return "", nil
	}
	return ":" + strconv.FormatUint(port, 10), nil
}
