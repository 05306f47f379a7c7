package system_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// problem is the body of a failure (RFC 9457) with the members of the contract.
type problem struct {
	Type         string `json:"type"`
	Title        string `json:"title"`
	Status       int    `json:"status"`
	Detail       string `json:"detail"`
	Code         string `json:"code"`
	InvocationID string `json:"invocationId"`
}

// wantProblem holds an answer to what the contract says of failures, and returns
// what it says.
func wantProblem(t *testing.T, got answer, status int, code string) problem {
	t.Helper()
	var said problem
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil {
		t.Fatalf("answered %d %s: %v; want %d %s", got.status, got.body, err, status, code)
	}
	if got.status != status || said.Code != code {
		t.Errorf("answered %d %s, want %d %s", got.status, said.Code, status, code)
	}
	if said.Status != got.status || said.Type == "" || said.Title == "" || said.Detail == "" || said.InvocationID == "" {
		t.Errorf("members are missing or wrong: %s", got.body)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("Content-Type %q", kind)
	}
	if caching := got.header.Get("Cache-Control"); caching != "no-store" {
		t.Errorf("Cache-Control %q", caching)
	}
	checkProblemHeaders(t, got)
	return said
}

// checkProblemHeaders checks the headers that a status asks for.
func checkProblemHeaders(t *testing.T, got answer) {
	t.Helper()
	switch got.status {
	case http.StatusUnauthorized:
		if challenge := got.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer") {
			t.Errorf("WWW-Authenticate %q", challenge)
		}
	case http.StatusMethodNotAllowed:
		if got.header.Get("Allow") == "" {
			t.Error("no Allow")
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if seconds, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || seconds < 1 {
			t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
		}
	}
}
