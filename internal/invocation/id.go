package invocation

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"
)

// idHeader is the header in which the host sends the id of an invocation.
const idHeader = "X-Azure-Functions-InvocationId"

// ID returns the id of an invocation for logs and error answers, at most 64
// hexadecimal digits and dashes. It proves nothing: a client of an HTTP function
// can send the header too, and the host adds its own behind that. The last value
// is taken, or a random id where that is none.
func ID(header http.Header) string {
	values := header.Values(idHeader)
	if len(values) == 0 {
		return randomID()
	}
	// .NET's HttpClient joins the values of a header with commas.
	last := values[len(values)-1]
	id := strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if !isID(id) {
		return randomID()
	}
	return id
}

// isID reports whether id can be written to a log as it is.
func isID(id string) bool {
	const longest = 64
	return id != "" && len(id) <= longest && strings.Trim(id, "0123456789abcdefABCDEF-") == ""
}

// randomID returns 128 random bits.
func randomID() string {
	var bits [16]byte
	_, _ = rand.Read(bits[:]) // never fails (Go 1.24)
	return hex.EncodeToString(bits[:])
}
