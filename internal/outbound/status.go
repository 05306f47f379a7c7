package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// StatusError is an answer other than a success. It tells nothing of the answer
// but its status.
type StatusError struct {
	// Service is who answered, as people call it.
	Service string
	Status  int
}

// Error tells the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered %d", e.Service, e.Status)
}

// Lasts tells that the same request will be answered alike whenever it is sent.
func (e *StatusError) Lasts() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	}
	return e.Status < http.StatusInternalServerError
}

// HasStatus reports whether err is or wraps a [StatusError] of one of statuses.
func HasStatus(err error, statuses ...int) bool {
	var answered *StatusError
	return errors.As(err, &answered) && slices.Contains(statuses, answered.Status)
}
