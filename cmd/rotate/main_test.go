package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/rotation"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
)

// The command as an operator runs it: a process of its own, with real clients,
// whose identity and addresses come from the environment.
func TestTheCommandRotatesByHand(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the command")
	}
	azure, err := cloud.Start(t.Context(), cloud.Options{Assistant: "bankx"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := azure.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	binary := filepath.Join(t.TempDir(), "rotate")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	secrets := []redacted.Text{azure.DirectLine.Secret(directline.Key1), azure.DirectLine.Secret(directline.Key2)}
	run := func(environ []string, args ...string) (string, int) {
		command := exec.CommandContext(t.Context(), binary, args...)
		command.Env = environ
		output, err := command.CombinedOutput()
		var exited *exec.ExitError
		if err != nil && !errors.As(err, &exited) {
			t.Fatal(err)
		}
		secrets = append(secrets, azure.DirectLine.Secret(directline.Key1), azure.DirectLine.Secret(directline.Key2))
		for _, secret := range secrets {
			if strings.Contains(string(output), secret.Reveal()) {
				t.Error("the command prints a key")
			}
		}
		return string(output), command.ProcessState.ExitCode()
	}
	environ := append(azure.Env(), "HOME="+os.TempDir(), "PATH=")

	output, code := run(environ, "-assistant", "bankx", "-dry-run")
	if code != 0 || !strings.Contains(output, "key2 would be regenerated") || azure.BotService.Regenerated(directline.Key2) != 0 {
		t.Errorf("a dry run ends with %d:\n%s", code, output)
	}
	output, code = run(environ)
	if code != 0 || !strings.Contains(output, "Done. key2 is in use") || azure.BotService.Regenerated(directline.Key2) != 1 {
		t.Errorf("it ends with %d:\n%s", code, output)
	}
	output, code = run(environ, "-assistant", "BankX")
	if code != 0 || !strings.Contains(output, "Done. key1 is in use") {
		t.Errorf("the next one ends with %d:\n%s", code, output)
	}
	for says, arguments := range map[string][]string{"not set for this assistant": {"-assistant", "other"}} {
		if output, code := run(environ, arguments...); code != 1 || !strings.Contains(output, says) {
			t.Errorf("%q ends with %d:\n%s", arguments, code, output)
		}
	}
	if output, code := run([]string{"PATH="}); code != 1 || !strings.Contains(output, "BotResourceId") {
		t.Errorf("without settings it ends with %d:\n%s", code, output)
	}
}

func TestTheEndIsToldInWords(t *testing.T) {
	for result, says := range map[rotation.Result]string{
		rotation.Rotated: "Done.", rotation.Repaired: "Repaired.", rotation.Overtaken: "", rotation.AlreadyDone: "", rotation.Refused: "", "": "",
	} {
		var stdout strings.Builder
		err := conclude(rotation.Outcome{Result: result, Key: "key1"}, &stdout)
		if (err == nil) != (says != "") || !strings.HasPrefix(stdout.String(), says) {
			t.Errorf("%q: %q, %v", result, stdout.String(), err)
		}
	}
}
