package main

import (
	"errors"
	"net/url"
	"strings"

	"chatgate/internal/endpoint"
	"chatgate/internal/redacted"
)

// target is what is asked, and how much of it.
type target struct {
	url  *url.URL
	key  redacted.Text
	hint string
	// unattended: nobody decides on the phone.
	unattended bool
	// quick: no login is waited for until it expires.
	quick bool
}

// maxHint is the longest hint that Chatgate sends, in bytes.
const maxHint = 256

var (
	errURL  = errors.New("set URL to what the setting LoginUrl will be, https://host/path, without user, query or fragment")
	errKey  = errors.New("API_KEY holds characters that cannot stand in a header; a line break at its end, perhaps")
	errHint = errors.New("HINT is longer than the 256 bytes that Chatgate sends")
)

// targetOf reads the environment. Its errors do not quote what stands there. That
// http is wrong is the finding of a check, so that the others still run.
func targetOf(environ []string) (target, error) {
	address, err := endpoint.ParseAnywhere(variable(environ, "URL"))
	if err != nil {
		return target{}, errURL
	}
	t := target{
		url:        address,
		key:        redacted.New(variable(environ, "API_KEY")),
		hint:       variable(environ, "HINT"),
		unattended: variable(environ, "UNATTENDED") != "",
		quick:      variable(environ, "QUICK") != "",
	}
	switch {
	case !isHeaderValue(t.key.Reveal()):
		return target{}, errKey
	case len(t.hint) > maxHint:
		return target{}, errHint
	}
	return t, nil
}

// isHeaderValue takes visible ASCII, and spaces within (RFC 9110 section 5.5).
func isHeaderValue(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return strings.TrimSpace(text) == text
}
