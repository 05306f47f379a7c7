package problem_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"chatgate/internal/problem"
)

func TestFrom(t *testing.T) {
	cause := errors.New("connection refused")
	known := problem.New(problem.SecretUnavailable, "Wait.").Because(cause).After(2 * time.Second)

	if got := problem.From(fmt.Errorf("issuing: %w", known)); got != known {
		t.Errorf("From(wrapped) = %v, want the wrapped problem", got)
	}
	if got := problem.From(cause); got.Code != problem.Internal || !errors.Is(got, cause) {
		t.Errorf("From(unknown) = %v, want internal with its cause", got)
	}
	if got := problem.From(nil); got != nil {
		t.Errorf("From(nil) = %v", got)
	}
	if got := problem.From(cause).Message; got == "" || got == cause.Error() {
		t.Errorf("the message of an unknown error is %q; it must not be the cause", got)
	}
}

func TestBecauseAndAfterLeaveTheOriginalAlone(t *testing.T) {
	original := problem.New(problem.RateLimited, "Wait.")
	_ = original.Because(errors.New("x")).After(time.Minute)
	if original.Cause != nil || original.RetryAfter != 0 {
		t.Errorf("the original changed: %+v", original)
	}
}
