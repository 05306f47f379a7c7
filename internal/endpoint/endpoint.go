// Package endpoint says what may be the address of a service that Chatgate calls:
// https, or http where the call stays on this machine.
package endpoint

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// ErrInsecure means that what is sent to the address could be read on its way.
// The text goes on after the name of what was parsed, like that of every error
// here.
var ErrInsecure = errors.New("must begin with https:// (http only on loopback)")

var (
	errNoAddress = errors.New("is not an address; write https://host/path")
	errMore      = errors.New("holds more than https://host/path; leave user, query and fragment out")
)

// Parse reads the address of a service: https, or http on loopback, a host, perhaps
// a path, and nothing else. The host comes back in lower case, for hosts are
// compared as texts (in the issuer of a token, in a vault's challenge), and the
// path without a slash at its end, for paths are put after it.
//
// The error is [ErrInsecure] where all but the scheme is right. None repeats the
// text, which may hold a password.
func Parse(text string) (*url.URL, error) {
	address, err := ParseAnywhere(text)
	if err != nil {
		return nil, err
	}
	if address.Scheme != "https" && !IsLoopback(address.Hostname()) {
		return nil, ErrInsecure
	}
	return address, nil
}

// ParseAnywhere is [Parse] for a tool that judges itself what is sent in clear: it
// takes http to any host.
func ParseAnywhere(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || !IsHost(address.Hostname()):
		return nil, errNoAddress
	case address.User != nil || strings.ContainsAny(text, "?#"):
		return nil, errMore
	case address.Scheme != "https" && address.Scheme != "http":
		return nil, ErrInsecure
	}
	address.Host = strings.ToLower(address.Host)
	// Where the two no longer agree, for a slash that was written %2F, Path counts.
	address.Path, address.RawPath = strings.TrimRight(address.Path, "/"), strings.TrimRight(address.RawPath, "/")
	return address, nil
}

// IsLoopback reports whether what is sent to host stays on this machine.
func IsLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// IsHost reports whether host can be a host's name or IP address as it is sent:
// international names only in their xn-- form, no wildcards, and nothing that
// means something in a Content-Security-Policy.
func IsHost(host string) bool {
	for _, c := range []byte(host) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '.' && c != ':' {
			return false
		}
	}
	return host != ""
}
