// Command rotate replaces the Direct Line secret of one assistant in Key Vault by
// hand, with the code of the function RotateDirectLineKey.
//
// It is started by `make rotate ASSISTANT=bankx`, takes the settings that the app
// has from the environment, and acts as whoever is signed in (az login, azd auth
// login). With -dry-run it says what it would do and changes nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"chatgate/internal/botservice"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
	"chatgate/internal/settings"
)

// timeout bounds the whole command.
const timeout = 5 * time.Minute

func main() {
	assistant := flag.String("assistant", "", "the assistant's id; may be left out where there is one")
	dryRun := flag.Bool("dry-run", false, "say what would be done, and change nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := signedIn(ctx, os.Environ(), *assistant, *dryRun, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rotate:", err)
		os.Exit(1)
	}
}

// signedIn runs the command as whoever is signed in on this machine.
func signedIn(ctx context.Context, environ []string, assistant string, dryRun bool, stdout io.Writer) error {
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return fmt.Errorf("finding out who is signed in (az login, azd auth login): %w", err)
	}
	return run(ctx, environ, assistant, dryRun, credential, stdout)
}

// run rotates the key of an assistant, or says how it would.
func run(ctx context.Context, environ []string, assistant string, dryRun bool, credential azcore.TokenCredential, stdout io.Writer) error {
	config, err := settings.LoadRotation(environ, assistant)
	if err != nil {
		return fmt.Errorf("reading the settings: %w", err)
	}
	rotator, err := newRotator(config, credential, stdout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	id := config.Assistant.ID
	if dryRun {
		return explain(ctx, rotator, id, stdout)
	}
	outcome, err := rotator.Rotate(ctx, id)
	if err != nil {
		_, _ = fmt.Fprintln(stdout, "Not done, and nothing is lost: run it again once the cause is mended.")
		return err
	}
	return conclude(outcome, stdout)
}

func newRotator(config settings.Rotation, credential azcore.TokenCredential, stdout io.Writer) (*rotation.Rotator, error) {
	bot := config.Assistant.Bot
	assistant, err := rotation.Connect(rotation.Target{
		AssistantID: config.Assistant.ID,
		VaultURI:    config.KeyVaultURI,
		SecretName:  config.Assistant.DirectLineSecretName,
		Site: botservice.Site{
			SubscriptionID: bot.SubscriptionID, ResourceGroup: bot.ResourceGroup, Bot: bot.Name, Name: config.Assistant.DirectLineSiteName,
		},
		DirectLineEndpoint: config.Assistant.DirectLineEndpoint,
	}, credential)
	if err != nil {
		return nil, fmt.Errorf("preparing the bot's keys: %w", err)
	}
	vault, err := secrets.NewVault(config.KeyVaultURI, credential, nil)
	if err != nil {
		return nil, fmt.Errorf("preparing Key Vault: %w", err)
	}
	return rotation.New(config.KeyVaultURI, secrets.NewWriter(vault), []rotation.Assistant{assistant}, &rotation.Options{
		Progress: func(_ context.Context, assistant, step string) {
			_, _ = fmt.Fprintf(stdout, "%s: %s\n", assistant, step)
		},
	}), nil
}

// explain says what a rotation would do.
func explain(ctx context.Context, rotator *rotation.Rotator, id string, stdout io.Writer) error {
	plan, err := rotator.Plan(ctx, id)
	if err != nil {
		return err
	}
	expires := "never expires"
	if !plan.Expires.IsZero() {
		expires = "expires on " + plan.Expires.Format(time.DateOnly)
	}
	_, _ = fmt.Fprintf(stdout, "%s: version %s holds %s and %s.\n", id, plan.Version, plan.InUse, expires)
	if plan.Repair {
		_, _ = fmt.Fprintf(stdout, "It is no longer valid: %s was regenerated since. It would be written again as it is now; nothing would be regenerated.\n", plan.InUse)
		return nil
	}
	_, _ = fmt.Fprintf(stdout, "%s would be regenerated and written as a new version; %s would stay valid.\n", plan.InUse.Other(), plan.InUse)
	return nil
}

var errOvertaken = errors.New("somebody else rotated the key at the same time; the secret is valid. Look before you run it again")

func conclude(outcome rotation.Outcome, stdout io.Writer) error {
	switch outcome.Result {
	case rotation.Rotated:
		_, _ = fmt.Fprintf(stdout, "Done. %s is in use; %s stays valid until the next rotation.\n", outcome.Key, outcome.Key.Other())
		return nil
	case rotation.Repaired:
		_, _ = fmt.Fprintf(stdout, "Repaired. %s is in use, as it is now.\n", outcome.Key)
		return nil
	case rotation.Refused, rotation.AlreadyDone, rotation.Overtaken:
	}
	return errOvertaken
}
