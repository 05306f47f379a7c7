package handlers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chatgate/web"
)

// site serves the embedded pages.
func (s *server) site(x *exchange, rest segments) error {
	r := x.request
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed(x, "GET, HEAD")
	}
	path := strings.ToLower(strings.Join(rest.decoded(), "/"))
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
	return writePage(x, page)
}

func writePage(x *exchange, page web.Page) error {
	h := x.header()
	body, etag := page.Body, page.ETag
	if page.Compressed {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(x.request.Header.Values("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
		} else {
			var err error
			if body, err = decompress(page.Body); err != nil {
				return fmt.Errorf("decompressing %s: %w", page.Path, err)
			}
			// Another representation: a strong tag names only one.
			etag = strings.TrimSuffix(etag, `"`) + `-plain"`
		}
	}
	h.Set("Content-Type", page.ContentType)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "public, max-age=300, stale-while-revalidate=86400")
	h.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	for name, value := range page.Headers {
		h.Set(name, value)
	}
	http.ServeContent(x.writer, x.request, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// takesGzip reports whether the values of Accept-Encoding name gzip, or all
// there is, and do not refuse it by a weight of nought (RFC 9110, section
// 12.5.3).
func takesGzip(values []string) bool {
	taken := false
	for coding := range strings.SplitSeq(strings.ToLower(strings.Join(values, ",")), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		weight, isGiven := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		isWanted := !isGiven || err == nil && q > 0
		switch strings.TrimSpace(name) {
		case "gzip", "x-gzip":
			return isWanted
		case "*":
			taken = isWanted
		}
	}
	return taken
}

func decompress(body []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader) // a file of this program, not a stranger's
}
