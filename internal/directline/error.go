package directline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"chatgate/internal/outbound"
)

// Error codes of Direct Line that mean something. Codes are stable, the messages
// beside them are not.
const (
	codeTokenExpired     = "TokenExpired"
	codeRegionNotAllowed = "RegionNotAllowed"
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

// Error names the status and the code, and where an operator can mend it by a
// setting, that.
func (e *Error) Error() string {
	switch {
	case e.Code == "":
		return fmt.Sprintf("Direct Line answered %d", e.StatusCode)
	case e.WrongRegion():
		return fmt.Sprintf("Direct Line answered %d %s: the bot is in another region; set DirectLineEndpoint to that region's", e.StatusCode, e.Code)
	default:
		return fmt.Sprintf("Direct Line answered %d %s", e.StatusCode, e.Code)
	}
}

// Refused reports whether Direct Line was not opened by the secret or token. In the
// wrong region none opens it ([Error.WrongRegion]).
func (e *Error) Refused() bool {
	return e.StatusCode == http.StatusUnauthorized || e.StatusCode == http.StatusForbidden
}

// WrongRegion reports whether the bot is not found at this endpoint, whatever the
// secret or token.
func (e *Error) WrongRegion() bool {
	return e.Code == codeRegionNotAllowed
}

// Throttled reports whether Direct Line is asked too often.
func (e *Error) Throttled() bool {
	return e.StatusCode == http.StatusTooManyRequests
}

// TokenExpired reports whether the token was good until it expired.
func (e *Error) TokenExpired() bool {
	return e.Code == codeTokenExpired
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
