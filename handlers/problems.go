package handlers

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"chatgate/internal/problem"
)

// problemDocument is the body of a failure (RFC 9457).
type problemDocument struct {
	Type         string       `json:"type"`
	Title        string       `json:"title"`
	Status       int          `json:"status"`
	Detail       string       `json:"detail"`
	Code         problem.Code `json:"code"`
	InvocationID string       `json:"invocationId"`
}

// statusOf is the HTTP status of each code. A code that is missing here is a
// fault of ours, and answered so.
func statusOf(code problem.Code) int {
	switch code {
	case problem.BadRequest, problem.TokenMalformed, problem.PathNotAllowed:
		return http.StatusBadRequest
	case problem.TooLarge:
		return http.StatusRequestEntityTooLarge
	case problem.TokenMissing, problem.TokenExpired, problem.TokenInvalid:
		return http.StatusUnauthorized
	case problem.OriginNotAllowed, problem.OriginRequired, problem.RoleMissing:
		return http.StatusForbidden
	case problem.UnknownAssistant, problem.NotFound, problem.LoginUnknown:
		return http.StatusNotFound
	case problem.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case problem.LoginPending, problem.LoginAgain:
		return http.StatusConflict
	case problem.RateLimited, problem.LoginCoolDown:
		return http.StatusTooManyRequests
	case problem.DirectLineRefused, problem.DirectLineUnavailable, problem.LoginRefused, problem.BackendUnavailable, problem.BackendUnsafe:
		return http.StatusBadGateway
	case problem.DirectLineThrottled, problem.SecretUnavailable, problem.DirectoryUnavailable, problem.StoreUnavailable, problem.LoginUnavailable:
		return http.StatusServiceUnavailable
	case problem.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// defaultRetry is the Retry-After of a 429 or 503 when nobody named a time.
const defaultRetry = 5 * time.Second

// writeProblem is the one place that answers with a failure.
func writeProblem(x *exchange, err error) {
	failure := problem.From(err)
	x.event.failure = failure
	if x.writer.status != 0 {
		return // the answer is under way; the log still tells
	}
	status := statusOf(failure.Code)
	h := x.header()
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge(failure.Code))
	}
	if passes(status, failure) {
		h.Set("Retry-After", retryAfter(failure.RetryAfter))
	}
	document := problemDocument{
		Type:         "about:blank",
		Title:        http.StatusText(status),
		Status:       status,
		Detail:       failure.Message,
		Code:         failure.Code,
		InvocationID: x.event.invocationID,
	}
	// The client is gone if this fails; there is nobody left to tell.
	_ = x.writeJSON(status, "application/problem+json", document)
}

// passes tells of failures that end by themselves. A conflict does where a login
// is waiting for its user.
func passes(status int, failure *problem.Error) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusConflict:
		return failure.RetryAfter > 0
	}
	return false
}

// challenge is the WWW-Authenticate header of RFC 6750 section 3: a request
// without a token gets no error code.
func challenge(code problem.Code) string {
	if code == problem.TokenMissing {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}

// secondsOf is a wait in whole seconds, rounded up: who keeps to it does not come
// too early.
func secondsOf(wait time.Duration) int {
	return int(math.Ceil(wait.Seconds()))
}

// retryAfter is what the header of that name says of a delay.
func retryAfter(delay time.Duration) string {
	if delay <= 0 {
		delay = defaultRetry
	}
	return strconv.Itoa(secondsOf(delay))
}

func badRequest(message string) *problem.Error {
	return problem.New(problem.BadRequest, message)
}

func notFound() error {
	return problem.New(problem.NotFound, "There is nothing here. Check the path.")
}

func methodNotAllowed(x *exchange, allow string) error {
	x.header().Set("Allow", allow)
	return problem.New(problem.MethodNotAllowed, "This address takes "+allow+" only.")
}
