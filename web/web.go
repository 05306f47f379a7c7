// Package web holds what browsers load from Chatgate: the widget that embeds the
// chat by one tag, and the sample page. Everything is plain JavaScript and CSS
// that is served as it lies here; nothing is built.
package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
)

// Files are the files to serve, by their paths below /api/site/. chat/index.html
// is the one that is not served as it is: see [ChatPage].
//
//go:embed *.js *.css webchat.json chat
var Files embed.FS

// Bundle names a version of Web Chat's bundle, the file dist/webchat.js of the
// npm package botframework-webchat.
type Bundle struct {
	// Version is the npm package's.
	Version string `json:"version"`
	// URL is where browsers load it from.
	URL string `json:"url"`
	// Integrity is the hash of npm's own file, as the HTML attribute has it.
	Integrity string `json:"integrity"`
}

// PinnedWebChat returns the version that the widget is made for. The widget
// reads the same file, webchat.json.
func PinnedWebChat() (Bundle, error) {
	text, err := Files.ReadFile("webchat.json")
	if err != nil {
		return Bundle{}, fmt.Errorf("reading webchat.json: %w", err)
	}
	var bundle Bundle
	if err := json.Unmarshal(text, &bundle); err != nil {
		return Bundle{}, fmt.Errorf("decoding webchat.json: %w", err)
	}
	return bundle, nil
}

// ChatPage returns the sample page, which loads Web Chat from the given URL
// (absolute, or relative to the page; "" means the pinned one). Wherever it
// comes from, it must be the pinned file.
func ChatPage(webChatURL string) ([]byte, error) {
	bundle, err := PinnedWebChat()
	if err != nil {
		return nil, err
	}
	if webChatURL != "" {
		bundle.URL = webChatURL
	}
	page, err := template.ParseFS(Files, "chat/index.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the sample page: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, bundle); err != nil {
		return nil, fmt.Errorf("rendering the sample page: %w", err)
	}
	return html.Bytes(), nil
}

// emptyStyle is the SHA-256 of no bytes at all, as a source of a policy.
const emptyStyle = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

// ContentSecurityPolicy returns the policy under which the sample page works:
// Web Chat from webChatURL ("" means the pinned one) and Direct Line at the
// given endpoints, over HTTP and WebSocket.
//
// Web Chat makes empty style elements and fills them by script, so that the hash
// of nothing admits them and no text that came with a message. Cards may show
// pictures and media from anywhere.
func ContentSecurityPolicy(webChatURL string, directLineEndpoints ...string) (string, error) {
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
