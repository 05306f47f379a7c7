package handlers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chatgate/handlers"
	"chatgate/internal/rotation"
)

// rotator answers as told.
type rotator struct {
	received []string
	outcomes []rotation.Outcome
	failure  error
}

func (r *rotator) Handle(_ context.Context, body []byte) ([]rotation.Outcome, error) {
	r.received = append(r.received, string(body))
	return r.outcomes, r.failure
}

func (w *world) invokeRotation(t *testing.T, bodies ...string) (*http.Response, []byte) {
	t.Helper()
	encoded := make([]string, len(bodies))
	for i, body := range bodies {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(body))
	}
	batch, err := json.Marshal(encoded)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := json.Marshal(map[string]any{"Data": map[string]string{"events": string(batch)}, "Metadata": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	return send(t, w.request(t, http.MethodPost, "/RotateDirectLineKey", string(envelope), "Content-Type", "application/json"))
}

func startRotating(t *testing.T) (*world, *rotator) {
	t.Helper()
	r := &rotator{}
	return start(t, func(c *handlers.Config) { c.Rotator = r }), r
}

func TestRotateDirectLineKeyHandsOnEachMessageAndTellsWhatCameOfIt(t *testing.T) {
	w, r := startRotating(t)
	r.outcomes = []rotation.Outcome{
		{Result: rotation.Refused, Reason: "an event of another vault"},
		{Result: rotation.Rotated, Assistant: "bankx", Key: "key2", Version: "0123", Expires: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)},
	}
	response, body := w.invokeRotation(t, "one", "two")
	if want := `{"ReturnValue":{"refused":2,"rotated":2}}`; response.StatusCode != 200 || string(body) != want {
		t.Errorf("%d %s, want %s", response.StatusCode, body, want)
	}
	if !slices.Equal(r.received, []string{"one", "two"}) {
		t.Errorf("the rotator got %q", r.received)
	}
	for _, said := range []string{"an event of another vault", `"key":"key2"`, `"version":"0123"`, "2026-06-01", `"messages":2`} {
		if !strings.Contains(w.log.String(), said) {
			t.Errorf("the log lacks %s: %s", said, w.log)
		}
	}
}

func TestAFailedRotationBringsTheMessageAgain(t *testing.T) {
	w, r := startRotating(t)
	r.failure = errors.New("the vault is away")
	if response, body := w.invokeRotation(t, "one"); response.StatusCode != 500 || strings.Contains(string(body), "vault") {
		t.Errorf("%d %s, want 500 without the cause", response.StatusCode, body)
	}
	if !strings.Contains(w.log.String(), "the vault is away") {
		t.Errorf("the log lacks the cause: %s", w.log)
	}
}

// An empty answer hangs the invocation until functionTimeout (functions-host: the
// answer).
func TestAnInvocationWithoutMessagesIsAnsweredWithAnObject(t *testing.T) {
	w, _ := startRotating(t)
	if response, body := w.invokeRotation(t); response.StatusCode != 200 || !strings.HasPrefix(string(body), "{") {
		t.Errorf("%d %q", response.StatusCode, body)
	}
}

func TestTheOtherFunctionsEnvelopeIsRefused(t *testing.T) {
	w, r := startRotating(t)
	response, _ := send(t, w.request(t, http.MethodPost, "/RotateDirectLineKey", envelope(t, "one"), "Content-Type", "application/json"))
	if response.StatusCode/100 == 2 || len(r.received) > 0 {
		t.Errorf("%d, the rotator got %q", response.StatusCode, r.received)
	}
}

func TestOnlyTheHostReachesTheRotation(t *testing.T) {
	w, r := startRotating(t)
	for _, path := range []string{"/api/RotateDirectLineKey", "/rotatedirectlinekey", "/RotateDirectLineKey/", "//RotateDirectLineKey"} {
		response, body := send(t, w.request(t, http.MethodPost, path, `{"Data":{"events":"[\"b25l\"]"}}`, "Content-Type", "application/json"))
		if response.StatusCode != 404 || codeOf(t, body) != "not_found" {
			t.Errorf("POST %s: %d %s", path, response.StatusCode, body)
		}
	}
	if len(r.received) > 0 {
		t.Errorf("the rotator got %q", r.received)
	}
}
