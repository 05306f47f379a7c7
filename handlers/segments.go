package handlers

import (
	"net/url"
	"strings"
)

// segments are the parts of a request's path, as they were written, between the
// slashes that were written as such: an escaped one is part of its segment.
type segments []string

// split returns the segments of a path. Slashes before the first mean nothing.
func split(address *url.URL) segments {
	return strings.Split(strings.TrimLeft(address.EscapedPath(), "/"), "/")
}

// decoded returns what the segments say. Slashes behind the last mean nothing: the
// host matches a route with and without.
func (s segments) decoded() []string {
	texts := make([]string, len(s))
	end := 0
	for i, written := range s {
		texts[i], _ = url.PathUnescape(written) // net/url has found no fault
		if written != "" {
			end = i + 1
		}
	}
	return texts[:end]
}

// written returns the segments joined as they were written.
func (s segments) written() string {
	return strings.Join(s, "/")
}
