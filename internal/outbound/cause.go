package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Cause reduces the error of a call to what may be logged. Errors of known kinds
// that only tell about the connection stay as they are, without the URL that
// net/http puts before them; of a refusal by Entra ID its number; of all others
// the type is told and not the text, since net/http and the SDKs quote answers in
// theirs. Cause(nil) is nil.
func Cause(err error) error {
	if err == nil {
		return nil
	}
	var unsent *NotSentError
	if errors.As(err, &unsent) {
		return &NotSentError{reduced(err)}
	}
	return reduced(err)
}

// NotSentError is a failure that came before the first byte of a request: whoever
// was to be called knows nothing of it. [Cause] leaves it one.
type NotSentError struct {
	Err error
}

// Error tells the failure.
func (e *NotSentError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *NotSentError) Unwrap() error { return e.Err }

func reduced(err error) error {
	var unidentified *azidentity.AuthenticationFailedError
	if errors.As(err, &unidentified) {
		return identityCause(unidentified)
	}
	var called *url.Error
	if errors.As(err, &called) {
		err = called.Err
	}
	for _, plain := range []error{context.DeadlineExceeded, context.Canceled, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, plain) {
			return fmt.Errorf("no answer: %w", plain)
		}
	}
	if known := tellable(err); known != nil {
		return fmt.Errorf("no answer: %w", known)
	}
	return fmt.Errorf("no answer: %T", err)
}

// PlainError is an error in this program's own words, which quote nothing that the
// other side has said: [Cause] passes it on.
type PlainError string

// Error returns the words.
func (e PlainError) Error() string {
	return string(e)
}

// tellable finds the part of err's chain that a connection's own layers wrote, or
// this program.
func tellable(err error) error {
	var (
		plain       PlainError
		tooLarge    *TooLargeError
		certificate *tls.CertificateVerificationError
		operation   *net.OpError
	)
	switch {
	case errors.As(err, &plain):
		return plain
	case errors.As(err, &tooLarge):
		return tooLarge
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &operation):
		return operation
	default:
		return nil
	}
}

// maxCode is the most characters an error code of another service may have.
const maxCode = 64

// Code returns an error code that another service gave, if it looks like one:
// 1 to 64 letters, digits and underscores. Anything else, a sentence or a token
// in its place, gives "".
func Code(given string) string {
	if len(given) > maxCode {
		return ""
	}
	for _, c := range []byte(given) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' {
			return ""
		}
	}
	return given
}

// identityCause tells the status and Entra's error number, by which operators find
// the reason
// (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
func identityCause(refused *azidentity.AuthenticationFailedError) error {
	status := 0
	if refused.RawResponse != nil {
		status = refused.RawResponse.StatusCode
	}
	number := regexp.MustCompile(`\bAADSTS[0-9]{1,10}\b`).FindString(refused.Error())
	return fmt.Errorf("the managed identity gave no token: status %d %s", status, number)
}
