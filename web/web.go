// Package web holds what browsers load from Chatgate: the widget that embeds the
// chat by one tag, the sample page, and the service desk's page. Everything is
// plain JavaScript and CSS that is served as it lies here; nothing is built.
package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"strings"
)

// Files are the files to serve, by their paths below /api/site/; [Pages] makes of
// them what is served. chat/index.html is the one whose text is not served as it
// is. Files that end in .gz are served under the name without it, as a compressed
// form of that.
//
// desk/lib holds the library by which the service desk signs in once
// scripts/fetch-msal.sh has put it there; without it the desk's page says so.
//
//go:embed *.js *.css webchat.json chat desk/*.js desk/*.css desk/*.html desk/*.svg desk/lib
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

// renderChat returns the sample page, which loads Web Chat from the given URL
// (absolute, or relative to the page; "" means the pinned one). Wherever it
// comes from, it must be the pinned file.
func renderChat(webChatURL string) ([]byte, error) {
	bundle, err := PinnedWebChat()
	if err != nil {
		return nil, err
	}
	if webChatURL != "" {
		bundle.URL = webChatURL
	}
	page, err := Files.ReadFile("chat/index.html")
	if err != nil {
		return nil, fmt.Errorf("reading the sample page: %w", err)
	}
	// Not html/template: it finds methods by their names, for which the linker
	// has to keep the methods of all types: 2.5 MB of this program.
	fill := strings.NewReplacer("{{.URL}}", html.EscapeString(bundle.URL), "{{.Integrity}}", html.EscapeString(bundle.Integrity))
	return []byte(fill.Replace(string(page))), nil
}
