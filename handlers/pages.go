package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"chatgate/web"
)

// Page is a file of the embedded site.
type Page struct {
	// Path is where it lives below /api/site/, in lower case; a folder's page
	// ends in a slash.
	Path        string
	ContentType string
	Body        []byte
	// ETag is a strong entity tag, quotes included.
	ETag string
	// ContentSecurityPolicy is set on documents.
	ContentSecurityPolicy string
}

// contentType knows the kinds of files that the site has. Package mime would ask
// the machine's own tables, which differ.
func contentType(name string) (string, error) {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".json":
		return "application/json", nil
	}
	return "", fmt.Errorf("%s is of no kind that the site serves", name)
}

// Pages returns the embedded site. The sample page loads Web Chat from
// webChatURL (empty for the pinned copy) and may connect to the given Direct
// Line endpoints.
func Pages(webChatURL string, directLineEndpoints []string) ([]Page, error) {
	var pages []Page
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		body, err := web.Files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading the embedded %s: %w", name, err)
		}
		page, err := newPage(name, body)
		pages = append(pages, page)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the embedded files: %w", err)
	}
	chat, err := chatPage(webChatURL, directLineEndpoints)
	if err != nil {
		return nil, err
	}
	return append(pages, chat), nil
}

func newPage(name string, body []byte) (Page, error) {
	kind, err := contentType(name)
	sum := sha256.Sum256(body)
	return Page{
		Path:        strings.TrimSuffix(strings.ToLower(name), "index.html"),
		ContentType: kind,
		Body:        body,
		ETag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
	}, err
}

func chatPage(webChatURL string, directLineEndpoints []string) (Page, error) {
	body, err := web.ChatPage(webChatURL)
	if err != nil {
		return Page{}, fmt.Errorf("rendering the sample page: %w", err)
	}
	page, err := newPage("chat/index.html", body)
	if err != nil {
		return Page{}, err
	}
	page.ContentSecurityPolicy, err = web.ContentSecurityPolicy(webChatURL, directLineEndpoints...)
	if err != nil {
		return Page{}, fmt.Errorf("writing the sample page's security policy: %w", err)
	}
	return page, nil
}
