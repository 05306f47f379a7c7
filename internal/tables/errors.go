package tables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"chatgate/internal/outbound"
)

// Error is a refusal by the table service. Of the answer it keeps what is safe
// to log: azcore's own error prints the address, in which keys stand, and the
// body.
type Error struct {
	// StatusCode is the HTTP status, of the operation that failed where it was
	// part of a transaction.
	StatusCode int
	// Code is the service's error code, such as ServerBusy; it may be empty.
	Code string
	// position is the place in the transaction of the operation that failed,
	// or unknownPosition.
	position int
}

const unknownPosition = -1

// Error returns the status and the code.
func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the table service answered %d %s", e.StatusCode, e.Code))
}

// errSignIn is why a request was not sent: there was no token for it.
var errSignIn = errors.New("getting a token for the table service")

// plain returns err without anything that must not be logged.
func plain(err error) error {
	var known *Error
	var response *azcore.ResponseError
	var tooLarge *outbound.TooLargeError
	var address *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &response):
		return &Error{StatusCode: response.StatusCode, Code: outbound.Code(response.ErrorCode), position: unknownPosition}
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the table service did not answer in time: %w", context.DeadlineExceeded)
	case errors.Is(err, errAnswer), errors.Is(err, io.ErrUnexpectedEOF):
		return errAnswer
	case errors.As(err, &tooLarge), errors.As(err, &address):
		// net/http quotes a malformed answer, which may hold what was stored.
		return fmt.Errorf("calling the table service: %w", outbound.Cause(err))
	case isFinal(err):
		return signInFailure(err)
	default:
		return fmt.Errorf("calling the table service: %w", outbound.Cause(err))
	}
}

// isFinal reports whether azcore's pipeline does not retry after err, as a
// credential says.
func isFinal(err error) bool {
	var final interface{ NonRetriable() }
	return errors.As(err, &final)
}

// signInFailure tells nothing of the text, which quotes Entra's answer.
func signInFailure(err error) error {
	var refused *azidentity.AuthenticationFailedError
	if errors.As(err, &refused) {
		return fmt.Errorf("%w: %w", errSignIn, outbound.Cause(refused))
	}
	return fmt.Errorf("%w: no credential is available (%T)", errSignIn, err)
}

// HasCode reports whether the service answered with one of codes.
func HasCode(err error, codes ...aztables.TableErrorCode) bool {
	var answer *Error
	return errors.As(err, &answer) && slices.Contains(codes, aztables.TableErrorCode(answer.Code))
}

// IsTooLarge reports whether the service will never take these rows in one
// transaction. Cosmos DB takes less than Table Storage and answers 413.
func IsTooLarge(err error) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	return answer.StatusCode == http.StatusRequestEntityTooLarge ||
		HasCode(err, aztables.PropertyValueTooLarge, aztables.EntityTooLarge, "RequestBodyTooLarge")
}

// IsConflict reports whether another writer changed, made or removed a row
// since it was last seen.
func IsConflict(err error) bool {
	var answer *Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusPreconditionFailed:
		return true
	case http.StatusConflict:
		return !HasCode(err, aztables.TableBeingDeleted)
	}
	return isMissingRow(err)
}

// IsUnavailable reports whether the service was not there, as opposed to
// refusing what it was sent.
func IsUnavailable(err error) bool {
	var answer *Error
	return !errors.As(err, &answer) || isTransient(answer.StatusCode)
}

// FailedOperation returns the place of the operation for which a transaction of
// count operations was refused, or 0 where the service did not tell. It checks
// them in order: those before it were as expected.
func FailedOperation(err error, count int) int {
	place := position(err)
	if place >= count {
		return 0
	}
	return max(0, place)
}

// position is the place in its transaction of the operation that failed, or
// unknownPosition.
func position(err error) int {
	var answer *Error
	if !errors.As(err, &answer) {
		return unknownPosition
	}
	return answer.position
}

func isMissingRow(err error) bool {
	return HasCode(err, aztables.ResourceNotFound, aztables.EntityNotFound)
}

func isMissingTable(err error) bool {
	return HasCode(err, aztables.TableNotFound)
}

// isTransient reports whether a status asks for a retry; the list is azcore's.
func isTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
