// Package problem is Chatgate's one error type: a code for programs, a message
// for people and a cause for the log.
//
// The packages that decide return a *[Error]; package handlers alone turns it
// into an answer (RFC 9457) and decides the HTTP status of each code. An error
// of any other type is reported as [Internal], so that nothing leaves the
// process that was not written to be read outside.
package problem

import (
	"errors"
	"time"
)

// Code names a failure to programs. The names are part of the HTTP contract.
type Code string

// The codes of the contract. The zero value is no code; [From] never returns it.
const (
	BadRequest            Code = "bad_request"
	TooLarge              Code = "too_large"
	TokenMalformed        Code = "token_malformed"
	TokenMissing          Code = "token_missing"
	TokenExpired          Code = "token_expired"
	TokenInvalid          Code = "token_invalid"
	OriginNotAllowed      Code = "origin_not_allowed"
	OriginRequired        Code = "origin_required"
	UnknownAssistant      Code = "unknown_assistant"
	NotFound              Code = "not_found"
	MethodNotAllowed      Code = "method_not_allowed"
	RateLimited           Code = "rate_limited"
	DirectLineRefused     Code = "direct_line_refused"
	DirectLineUnavailable Code = "direct_line_unavailable"
	DirectLineThrottled   Code = "direct_line_throttled"
	SecretUnavailable     Code = "secret_unavailable"
	RoleMissing           Code = "role_missing"
	DirectoryUnavailable  Code = "directory_unavailable"
	StoreUnavailable      Code = "store_unavailable"
	LoginUnknown          Code = "login_unknown"
	LoginPending          Code = "login_pending"
	LoginAgain            Code = "login_again"
	LoginCoolDown         Code = "login_cooldown"
	LoginUnavailable      Code = "login_unavailable"
	LoginRefused          Code = "login_refused"
	PathNotAllowed        Code = "path_not_allowed"
	BackendUnavailable    Code = "backend_unavailable"
	BackendUnsafe         Code = "backend_unsafe"
	Internal              Code = "internal"
)

// Error is a failure that three readers understand.
type Error struct {
	// Code is for programs.
	Code Code
	// Message is for people outside: a sentence that says what to do next.
	Message string
	// RetryAfter is when trying again makes sense; 0 where nobody can say.
	RetryAfter time.Duration
	// Cause is for the log only. It must not hold a secret or a token.
	Cause error
}

// New returns an Error with no cause.
func New(code Code, message string) *Error {
	return &Error{Code: code, Message: message}
}

// Because returns a copy of e that carries cause.
func (e *Error) Because(cause error) *Error {
	with := *e
	with.Cause = cause
	return &with
}

// After returns a copy of e that asks the caller to wait for delay.
func (e *Error) After(delay time.Duration) *Error {
	with := *e
	with.RetryAfter = delay
	return &with
}

// Error returns the text for the log.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	return e.Cause
}

// From returns the Error in err's chain, or, where there is none, an
// [Internal] one with err as its cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{
		Code:    Internal,
		Message: "Something went wrong here. Try again; if it stays, tell the operator the invocation id.",
		Cause:   err,
	}
}
