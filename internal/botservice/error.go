package botservice

import (
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/outbound"
)

// Error is an answer of Azure Resource Manager other than success. It repeats
// nothing of the answer's text.
type Error struct {
	StatusCode int
	// Code is Resource Manager's error code, or "".
	Code string
}

// Error names the status and the code.
func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("Azure Resource Manager answered %d %s", e.StatusCode, e.Code))
}

// cause reduces an error of the SDK to what may be logged: the SDK's own text
// quotes the URL and the whole answer, and an answer here can hold keys.
func cause(err error) error {
	var answered *azcore.ResponseError
	if errors.As(err, &answered) {
		return &Error{StatusCode: answered.StatusCode, Code: outbound.Code(answered.ErrorCode)}
	}
	return outbound.Cause(err)
}
