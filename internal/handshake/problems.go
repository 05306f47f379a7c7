package handshake

import (
	"errors"
	"net/http"

	"chatgate/internal/directline"
	"chatgate/internal/problem"
)

const askForNew = "Ask for a new one with GetNewToken."

var errUnknownAssistant = errors.New("no assistant of this id was set up to hand out tokens")

func tokenMissing() *problem.Error {
	return problem.New(problem.TokenMissing,
		`Send the token to be refreshed as "Authorization: Bearer <token>" or in a JSON body.`)
}

func tokenMalformed() *problem.Error {
	return problem.New(problem.TokenMalformed, "This cannot be a Direct Line token. "+askForNew)
}

func tokenExpired() *problem.Error {
	return problem.New(problem.TokenExpired, "The token has expired and cannot be refreshed any more. "+askForNew)
}

func tokenInvalid() *problem.Error {
	return problem.New(problem.TokenInvalid, "Direct Line does not accept this token. "+askForNew)
}

func secretRefused(cause error) *problem.Error {
	return problem.New(problem.DirectLineRefused,
		"Direct Line does not let this service in. Try again later; if it stays, tell the operator the invocation id.").
		Because(cause)
}

func unavailable(cause error) *problem.Error {
	return problem.New(problem.DirectLineUnavailable,
		"Direct Line does not answer as it should. Try again in a few seconds.").Because(cause)
}

func throttled(answered *directline.Error) *problem.Error {
	return problem.New(problem.DirectLineThrottled,
		"Direct Line is asked too often at the moment. Try again after the time in Retry-After.").
		Because(answered).After(answered.RetryAfter)
}

// generateProblem names a failure of generate other than a refused secret. Of
// nil it makes nil.
func generateProblem(err error) error {
	if err == nil {
		return nil
	}
	var answered *directline.Error
	if errors.As(err, &answered) && answered.Throttled() {
		return throttled(answered)
	}
	return unavailable(err)
}

// refreshProblem names a failure of refresh.
func refreshProblem(err error) *problem.Error {
	var answered *directline.Error
	if !errors.As(err, &answered) {
		return unavailable(err)
	}
	switch {
	case answered.Throttled():
		return throttled(answered)
	case answered.StatusCode < http.StatusBadRequest || answered.StatusCode >= http.StatusInternalServerError:
		return unavailable(err)
	case answered.TokenExpired():
		return tokenExpired().Because(err)
	default:
		return tokenInvalid().Because(err)
	}
}
