package tables

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"chatgate/internal/outbound"
)

func TestThePipelinesDefaults(t *testing.T) {
	options := (*Options)(nil).client()
	if retry := options.Retry; retry.TryTimeout <= 0 || retry.MaxRetries <= 0 || retry.MaxRetryDelay <= 0 {
		t.Errorf("retries are %+v", retry)
	}
	if options.Transport == nil || len(options.PerRetryPolicies) != 1 {
		t.Errorf("the transport is %T, and there are %d policies", options.Transport, len(options.PerRetryPolicies))
	}
}

func TestOptionsOverrideTheDefaultsButNeverLogBodies(t *testing.T) {
	given := &Options{}
	given.Retry.MaxRetries = 7
	given.Logging.IncludeBody = true
	given.PerRetryPolicies = make([]policy.Policy, 0, 10)
	options := given.client()
	if options.Retry.MaxRetries != 7 || options.Retry.TryTimeout != tryTimeout {
		t.Errorf("retries are %+v", options.Retry)
	}
	if options.Logging.IncludeBody {
		t.Error("bodies are logged")
	}
	if given.Transport != nil || len(given.PerRetryPolicies) != 0 || given.PerRetryPolicies[:1][0] != nil {
		t.Error("the caller's options are changed")
	}
}

// What package outbound bounds, since answers are read into memory whole.
func TestAnAnswerThatIsTooLongIsTold(t *testing.T) {
	if _, wrapped := (&Options{}).client().Transport.(*http.Client); wrapped {
		t.Error("answers are not bounded")
	}
	var tooLarge *outbound.TooLargeError
	if got := plain(fmt.Errorf("reading: %w", &outbound.TooLargeError{Max: maxAnswer})); !errors.As(got, &tooLarge) {
		t.Errorf("the error says %v", got)
	}
}

func TestErrorsOfTheCredentialDoNotQuoteEntra(t *testing.T) {
	answered := &azidentity.AuthenticationFailedError{RawResponse: &http.Response{
		StatusCode: http.StatusBadRequest,
		Body:       io.NopCloser(strings.NewReader("quoted")),
		Request:    httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost/quoted", nil),
	}}
	for _, err := range []error{answered, azidentity.NewCredentialUnavailableError("quoted")} {
		got := plain(err)
		if !errors.Is(got, errSignIn) || strings.Contains(got.Error(), "quoted") {
			t.Errorf("got %v", got)
		}
	}
	if got := plain(answered); !strings.Contains(got.Error(), "400") {
		t.Errorf("%v does not tell the status", got)
	}
	if got := plain(errors.New("of another kind: quoted")); strings.Contains(got.Error(), "quoted") {
		t.Errorf("got %v", got)
	}
}
