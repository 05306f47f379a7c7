package entra

import (
	"fmt"
	"net/http"
)

// refusal is why a request is not granted, in the terms of OAuth and in Entra
// ID's own (learn.microsoft.com/entra/identity-platform/reference-error-codes).
type refusal struct {
	status int
	code   string // OAuth's
	number int    // the one after AADSTS
	text   string
}

func refuse(code string, number int, text string) *refusal {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized // RFC 6749, section 5.2
	}
	return &refusal{status: status, code: code, number: number, text: text}
}

func missing(parameter string) *refusal {
	return refuse("invalid_request", 900144, fmt.Sprintf("The request body must contain the following parameter: '%s'.", parameter))
}

// description is what error_description holds.
func (r *refusal) description() string {
	return fmt.Sprintf("AADSTS%d: %s", r.number, r.text)
}

// fail answers a program with a refusal.
func (d *Directory) fail(w http.ResponseWriter, refused *refusal) {
	at, trace := d.now().UTC().Format("2006-01-02 15:04:05Z"), newUUID()
	answer(w, refused.status, map[string]any{
		"error":             refused.code,
		"error_description": fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", refused.description(), trace, trace, at),
		"error_codes":       []int{refused.number},
		"timestamp":         at,
		"trace_id":          trace,
		"correlation_id":    trace,
		"error_uri":         fmt.Sprintf("%s/error?code=%d", d.url, refused.number),
	})
}
