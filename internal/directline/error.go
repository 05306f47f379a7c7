package directline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"chatgate/internal/outbound"
)

// Error codes of Direct Line that mean something to callers. Codes are stable,
// the messages beside them are not.
const (
	CodeTokenExpired     = "TokenExpired"
	CodeRegionNotAllowed = "RegionNotAllowed"
)

// maxRetryAfter bounds the delay that an answer may ask for.
const maxRetryAfter = time.Hour

// Error is an answer of Direct Line other than success. It holds nothing of the
// answer that could be a token, so it may be logged.
type Error struct {
	StatusCode int
	// Code is Direct Line's error code, or "" where it gave none that is fit to
	// be repeated.
	Code string
	// RetryAfter is how long Direct Line asks callers to stay away, at most an
	// hour; 0 where it does not say. Only a 429 tells it.
	RetryAfter time.Duration
}

// Error names the status and the code.
func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("Direct Line answered %d", e.StatusCode)
	}
	return fmt.Sprintf("Direct Line answered %d %s", e.StatusCode, e.Code)
}

func newError(resp *http.Response, content []byte) *Error {
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	// An answer that is not JSON, a gateway's page for example, has no code.
	_ = json.Unmarshal(content, &body)
	return &Error{
		StatusCode: resp.StatusCode,
		Code:       outbound.Code(body.Error.Code),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110 section
// 10.2.3). What makes no sense is 0.
func retryAfter(value string, now time.Time) time.Duration {
	var delay time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		delay = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		delay = at.Sub(now)
	}
	return min(max(delay, 0), maxRetryAfter)
}
