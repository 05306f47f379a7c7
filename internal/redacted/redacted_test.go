package redacted_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"chatgate/internal/redacted"
)

const canary = "canary-5f1c"

func TestNoVerbPrintsTheContent(t *testing.T) {
	text := redacted.New(canary)
	holder := struct{ Secret redacted.Text }{text}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, value := range []any{text, &text, holder, &holder, []redacted.Text{text}} {
			printed := fmt.Sprintf(verb, value)
			if strings.Contains(printed, canary) || strings.Contains(strings.ToLower(printed), fmt.Sprintf("%x", canary)) {
				t.Errorf("fmt.Sprintf(%q, %T) = %q, gives the content away", verb, value, printed)
			}
		}
	}
}

func TestLogsAndJSONShowTheMark(t *testing.T) {
	text := redacted.New(canary)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "secret", text, "nested", struct{ S redacted.Text }{text})
	encoded, err := json.Marshal(map[string]any{"secret": text, "pointer": &text})
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"slog": logged.String(), "json": string(encoded)} {
		if strings.Contains(got, canary) {
			t.Errorf("%s gives the content away: %s", name, got)
		}
		if !strings.Contains(got, redacted.Mark) {
			t.Errorf("%s does not show that something was left out: %s", name, got)
		}
	}
}

func TestRevealAndEmpty(t *testing.T) {
	if got := redacted.New(canary).Reveal(); got != canary {
		t.Errorf("Reveal() = %q, want %q", got, canary)
	}
	var zero redacted.Text
	if !zero.IsEmpty() || redacted.New(canary).IsEmpty() {
		t.Error("IsEmpty is wrong")
	}
}

func TestBase64AsTheUsualToolsPrintIt(t *testing.T) {
	want := []byte{0xfb, 0xff, 0xfe, 0x01}
	for _, printed := range []string{"+//+AQ==", "+//+AQ", "-__-AQ==", "-__-AQ", " -__-AQ\n"} {
		if got := redacted.New(printed).Base64(); !bytes.Equal(got, want) {
			t.Errorf("%q is decoded as %x", printed, got)
		}
	}
	for _, other := range []string{"!!", "+_/+AQ==", "A", "AA AA"} {
		if got := redacted.New(other).Base64(); got != nil {
			t.Errorf("%q is decoded as %x", other, got)
		}
	}
}
