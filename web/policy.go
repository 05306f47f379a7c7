package web

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// emptyStyle is the SHA-256 of no bytes at all, as a source of a policy.
const emptyStyle = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

// deskPolicy returns the policy of the service desk's page: its own
// scripts and styles, the API, and Entra ID at authority, where tokens are
// fetched ("" where there is no service desk).
//
// Nothing of a message may run, and nothing that it points to is loaded: who
// reads a conversation is not told to others' servers. No text can become markup
// or script, as the page has no policy for trusted types.
func deskPolicy(authority string) (string, error) {
	directory, err := origin(authority)
	if err != nil {
		return "", fmt.Errorf("the authority: %w", err)
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		strings.TrimSpace("connect-src 'self' " + directory),
		"img-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; "), nil
}

// chatPolicy returns the policy under which the sample page works:
// Web Chat from webChatURL ("" means the pinned one) and Direct Line at the
// given endpoints, over HTTP and WebSocket.
//
// Web Chat makes empty style elements and fills them by script, so that the hash
// of nothing admits them and no text that came with a message. Cards may show
// pictures and media from anywhere.
func chatPolicy(webChatURL string, directLineEndpoints []string) (string, error) {
	bundle, err := PinnedWebChat()
	if err != nil {
		return "", err
	}
	if webChatURL == "" {
		webChatURL = bundle.URL
	}
	scripts, err := scriptSource(webChatURL)
	if err != nil {
		return "", fmt.Errorf("the URL of Web Chat: %w", err)
	}
	connections, err := streamOrigins(directLineEndpoints)
	if err != nil {
		return "", fmt.Errorf("a Direct Line endpoint: %w", err)
	}
	return strings.Join([]string{
		"default-src 'none'",
		strings.TrimSpace("script-src 'self' " + scripts),
		"style-src 'self' " + emptyStyle,
		strings.Join(append([]string{"connect-src 'self' blob:"}, connections...), " "),
		"img-src 'self' https: data: blob:",
		"media-src https: data: blob:",
		"worker-src blob:",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'self'",
	}, "; "), nil
}

// scriptSource returns the one file as a source: its host may serve others'
// scripts too. It is "" for a relative URL, which 'self' covers.
func scriptSource(address string) (string, error) {
	host, err := origin(address)
	if err != nil || host == "" {
		return "", err
	}
	parsed, err := url.Parse(address)
	if err != nil || strings.ContainsAny(parsed.EscapedPath(), ";, '\"") {
		return "", errors.New("its path does not fit a policy")
	}
	return host + parsed.EscapedPath(), nil
}

// origin returns the scheme and host of an absolute http(s) URL, and "" for a
// relative one, which the policy's 'self' covers.
func origin(address string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", errors.New("it cannot be parsed")
	}
	if parsed.Scheme == "" && parsed.Host == "" {
		return "", nil
	}
	if parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || strings.ContainsAny(parsed.Host, "; ,'\"") {
		return "", errors.New("it is neither relative nor an http or https URL")
	}
	return parsed.Scheme + "://" + parsed.Host, nil
}

// streamOrigins returns each endpoint's origin and that of its WebSocket, once.
func streamOrigins(endpoints []string) ([]string, error) {
	var origins []string
	for _, endpoint := range endpoints {
		web, err := origin(endpoint)
		if err != nil {
			return nil, err
		}
		if web == "" {
			return nil, errors.New("it is not absolute")
		}
		// http becomes ws, https becomes wss.
		origins = append(origins, web, "ws"+strings.TrimPrefix(web, "http"))
	}
	slices.Sort(origins)
	return slices.Compact(origins), nil
}
