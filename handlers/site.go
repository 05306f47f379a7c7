package handlers

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// site serves the embedded pages. Scripts are for anybody: pages of every
// origin import them.
func (s *server) site(x *exchange, rest []string) error {
	r := x.request
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed(x, "GET, HEAD")
	}
	path := strings.ToLower(strings.Join(rest, "/"))
	if folder, isFolder := s.pages[path+"/"]; isFolder {
		if !strings.HasSuffix(r.URL.Path, "/") {
			// The page's own links are relative to its folder.
			target := url.URL{Path: "/" + prefix + "/site/" + folder.Path, RawQuery: r.URL.RawQuery}
			http.Redirect(x.writer, r, target.String(), http.StatusPermanentRedirect)
			return nil
		}
		path = folder.Path
	}
	page, known := s.pages[path]
	if !known {
		return notFound()
	}
	writePage(x, page)
	return nil
}

func writePage(x *exchange, page Page) {
	h := x.header()
	h.Set("Content-Type", page.ContentType)
	h.Set("ETag", page.ETag)
	h.Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	if page.ContentSecurityPolicy != "" {
		h.Set("Content-Security-Policy", page.ContentSecurityPolicy)
		h.Set("Cache-Control", "no-cache")
	} else {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	http.ServeContent(x.writer, x.request, "", time.Time{}, bytes.NewReader(page.Body))
}
