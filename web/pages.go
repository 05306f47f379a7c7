package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Page is a file of the embedded site.
type Page struct {
	// Path is where it lives below /api/site/, in lower case; that of a folder's
	// page ends in a slash.
	Path        string
	ContentType string
	Body        []byte
	// Compressed says that Body is compressed by gzip. Clients that do not take
	// that get it decompressed.
	Compressed bool
	// ETag is a strong entity tag of Body, quotes included.
	ETag string
	// Headers are what this page has beside those that all have.
	Headers map[string]string
}

// PageOptions are what the pages have to know.
type PageOptions struct {
	// WebChatURL is where the sample page loads Web Chat from; empty: the pinned
	// copy.
	WebChatURL string
	// DirectLineEndpoints are those that the sample page may connect to.
	DirectLineEndpoints []string
	// Authority is the address of Entra ID, at which the service desk's page
	// signs in; empty where there is no service desk.
	Authority string
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
	case ".svg":
		return "image/svg+xml", nil
	case ".txt":
		return "text/plain; charset=utf-8", nil
	}
	return "", fmt.Errorf("%s is of no kind that the site serves", name)
}

// deskFolder holds the service desk's page and all that it loads.
const deskFolder = "desk/"

// Pages returns the embedded site.
func Pages(options PageOptions) ([]Page, error) {
	var pages []Page
	err := fs.WalkDir(Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		page, err := filePage(name)
		pages = append(pages, page)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the embedded files: %w", err)
	}
	chat, err := chatPage(options)
	if err != nil {
		return nil, err
	}
	desk, err := deskPage(options.Authority)
	if err != nil {
		return nil, err
	}
	return append(pages, chat, desk), nil
}

// filePage is a script, style or the like. The widget's are for pages of every
// origin. The service desk's are for its own page only, and asked for anew with
// it: an old script would not fit a new page.
func filePage(name string) (Page, error) {
	body, err := Files.ReadFile(name)
	if err != nil {
		return Page{}, fmt.Errorf("reading the embedded %s: %w", name, err)
	}
	page, err := newPage(name, body)
	if strings.HasPrefix(name, deskFolder) {
		page.Headers = map[string]string{"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache"}
	} else {
		page.Headers = map[string]string{"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
	}
	return page, err
}

func newPage(name string, body []byte) (Page, error) {
	name, compressed := strings.CutSuffix(strings.ToLower(name), ".gz")
	kind, err := contentType(name)
	sum := sha256.Sum256(body)
	return Page{
		Path:        strings.TrimSuffix(name, "index.html"),
		ContentType: kind,
		Body:        body,
		Compressed:  compressed,
		ETag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
	}, err
}

func chatPage(options PageOptions) (Page, error) {
	body, err := renderChat(options.WebChatURL)
	if err != nil {
		return Page{}, fmt.Errorf("rendering the sample page: %w", err)
	}
	policy, err := chatPolicy(options.WebChatURL, options.DirectLineEndpoints)
	if err != nil {
		return Page{}, fmt.Errorf("writing the sample page's security policy: %w", err)
	}
	page, err := newPage("chat/index.html", body)
	page.Headers = map[string]string{"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
	return page, err
}

func deskPage(authority string) (Page, error) {
	const name = deskFolder + "index.html"
	body, err := Files.ReadFile(name)
	if err != nil {
		return Page{}, fmt.Errorf("reading the embedded %s: %w", name, err)
	}
	policy, err := deskPolicy(authority)
	if err != nil {
		return Page{}, fmt.Errorf("writing the service desk's security policy: %w", err)
	}
	page, err := newPage(name, body)
	page.Headers = map[string]string{
		"Content-Security-Policy": policy,
		"Cache-Control":           "no-cache",
		// No window that a page opened or was opened by can reach this one.
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		// The address names a conversation, which others' servers need not know.
		"Referrer-Policy": "no-referrer",
	}
	return page, err
}
