package directline

import (
	"encoding/json"
	"errors"
	"net/http"
)

// The codes of Direct Line's errors; codes are stable there, messages are not.
const (
	codeBadArgument          = "BadArgument"
	codeMissingProperty      = "MissingProperty"
	codeTokenExpired         = "TokenExpired"
	codeBotRejectedActivity  = "BotRejectedActivity"
	codeConversationNotFound = "ConversationNotFound"
	codeTooLarge             = "MessageSizeTooBig"
	codeServiceError         = "ServiceError"
	codeNotFound             = "NotFound"
	codeThrottled            = "TooManyRequests"
)

// failure is an answer that refuses a call.
type failure struct {
	status  int
	code    string
	message string
}

// Error returns the code and the message, as the client sees them.
func (f *failure) Error() string {
	return f.code + ": " + f.message
}

func badRequest(code, message string) error {
	return &failure{http.StatusBadRequest, code, message}
}

func errInvalidCredential() error {
	return &failure{http.StatusForbidden, codeBadArgument, "Invalid token or secret"}
}

// errorResponse is ErrorResponse of the protocol.
type errorResponse struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// writeError answers err; anything but a failure is a 500.
func writeError(w http.ResponseWriter, err error) {
	var refused *failure
	if !errors.As(err, &refused) {
		refused = &failure{http.StatusInternalServerError, codeServiceError, "Service error"}
	}
	writeJSON(w, refused.status, errorResponse{errorDetail{refused.code, refused.message}})
}

// writeJSON answers with body. A client that has gone away is no error here.
func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
