package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"chatgate/internal/problem"
)

// smallBodyTimeout bounds the reading of a body of some KiB.
const smallBodyTimeout = 5 * time.Second

// readBody reads the request's body: at most limit bytes, and within a time.
func readBody(x *exchange, limit int64, within time.Duration) ([]byte, error) {
	x.readWithin(within)
	body, err := io.ReadAll(http.MaxBytesReader(x.writer, x.request.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, problem.New(problem.TooLarge, "The body is larger than "+sizeText(limit)+". Send less.")
	}
	if err != nil {
		return nil, badRequest("The body could not be read. Send it again.").Because(err)
	}
	x.bodyRead()
	return body, nil
}

// sizeText writes a number of bytes as people do.
func sizeText(bytes int64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// jsonSpace is what may stand around a JSON value (RFC 8259, section 2): less than
// what Go takes for space.
const jsonSpace = " \t\r\n"

// decodeMembers reads a JSON object of text. It may hold the named members only,
// each at most once; null counts as absent. No body is an empty object.
//
// The library is not encoding/json, to which the last of two members alike is as
// good as one. Its words can quote the body, so they go nowhere.
func decodeMembers(body []byte, names ...string) (map[string]string, error) {
	members := map[string]string{}
	body = bytes.Trim(body, jsonSpace)
	if len(body) == 0 {
		return members, nil
	}
	var sent map[string]*string
	if body[0] != '{' || !utf8.Valid(body) || json.Unmarshal(body, &sent) != nil {
		return nil, badRequest("The body must be one JSON object in UTF-8, with nothing after it, or empty. " +
			"Each of its members must be a string and be sent once.")
	}
	for name, value := range sent {
		if !slices.Contains(names, name) {
			return nil, badRequest("The body holds a member that this address does not take. Check the names, and their letter case.")
		}
		if value != nil {
			members[name] = *value
		}
	}
	return members, nil
}
