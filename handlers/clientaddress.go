package handlers

import (
	"net/http"
	"net/netip"
	"strings"
)

// unknownClient is the name that all clients share whose address cannot be read:
// they are limited together rather than let through.
const unknownClient = "unknown"

// ClientSource says which header tells the client's address.
type ClientSource struct {
	// FrontDoorID is the X-Azure-FDID of our own Front Door; empty where the
	// app is reached directly.
	FrontDoorID string
}

// client names the client of a request: its IPv4 address, or the /64 of its
// IPv6 address, which is what one household or attacker is given whole.
//
// Only the last entry of X-Forwarded-For was appended by the platform; the ones
// before it are whatever the client wrote. X-Azure-SocketIP is believed only
// behind our own Front Door.
func (s ClientSource) client(header http.Header) string {
	if s.FrontDoorID != "" && strings.EqualFold(header.Get("X-Azure-FDID"), s.FrontDoorID) {
		if address, ok := parseAddress(header.Get("X-Azure-SocketIP")); ok {
			return network(address)
		}
	}
	lines := header.Values("X-Forwarded-For")
	if len(lines) == 0 {
		return unknownClient
	}
	last := lines[len(lines)-1]
	address, ok := parseAddress(last[strings.LastIndexByte(last, ',')+1:])
	if !ok {
		return unknownClient
	}
	return network(address)
}

// parseAddress reads ip, ip:port, [ip] and [ip]:port.
func parseAddress(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr(), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return netip.Addr{}, false
		}
	}
	address, err := netip.ParseAddr(text)
	return address, err == nil
}

func network(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	subnet, err := address.Prefix(64)
	if err != nil {
		return unknownClient
	}
	return subnet.String()
}
