package outbound_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"chatgate/internal/outbound"
)

func TestWhichAnswersLast(t *testing.T) {
	for status, want := range map[int]bool{
		http.StatusFound: true, http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusNotFound: true, http.StatusGone: true,
		http.StatusNotImplemented: true, http.StatusRequestTimeout: false, http.StatusTooManyRequests: false,
		http.StatusInternalServerError: false, http.StatusBadGateway: false, http.StatusServiceUnavailable: false,
	} {
		if got := (&outbound.StatusError{Service: "the Login API", Status: status}).Lasts(); got != want {
			t.Errorf("Lasts of %d = %v", status, got)
		}
	}
}

func TestAStatusIsFoundInWhatWrapsIt(t *testing.T) {
	err := fmt.Errorf("pollLogin: %w", &outbound.StatusError{Service: "the Login API", Status: http.StatusGone})
	if got := err.Error(); got != "pollLogin: the Login API answered 410" {
		t.Errorf("Error = %q", got)
	}
	if !outbound.HasStatus(err, http.StatusNotFound, http.StatusGone) || outbound.HasStatus(err, http.StatusNotFound) || outbound.HasStatus(err) {
		t.Error("HasStatus finds another status")
	}
	if outbound.HasStatus(errors.New("no answer"), http.StatusGone) || outbound.HasStatus(nil, http.StatusGone) {
		t.Error("HasStatus finds a status where nothing answered")
	}
}
