// Command probe asks a deployed Chatgate whether it does what it should and
// refuses what it must.
//
// It is started by `make probe URL=… ORIGIN=…` after a deployment, writes a line
// for each check, and ends with 0 if all is well, with 1 if a check failed and
// with 2 if it was called wrongly.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"chatgate/internal/outbound"
	"chatgate/internal/probe"
)

// Exit codes other than 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	target := probe.Target{Client: &http.Client{Transport: outbound.NewTransport()}}
	flag.StringVar(&target.URL, "url", "", "address of the app, https://<app>.azurewebsites.net")
	flag.StringVar(&target.Origin, "origin", "", "an origin that the assistant allows")
	flag.StringVar(&target.Assistant, "assistant", "", "the assistant's id; may be left out where there is one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, target, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, target probe.Target, stdout, stderr io.Writer) int {
	done := 0
	failed, err := probe.Run(ctx, target, func(o probe.Outcome) {
		done++
		tell(stdout, o)
	})
	switch {
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "probe:", err)
		return exitUsage
	case failed > 0:
		_, _ = fmt.Fprintf(stdout, "\n%d of %d checks failed.\n", failed, done)
		return exitFailed
	}
	_, _ = fmt.Fprintf(stdout, "\n%d checks, all is well.\n", done)
	return 0
}

func tell(stdout io.Writer, o probe.Outcome) {
	took := o.Took.Round(time.Millisecond)
	switch {
	case o.Err != nil:
		_, _ = fmt.Fprintf(stdout, "FAIL  %s (%s): %s\n", o.Name, took, o.Err)
	case o.Skipped != "":
		_, _ = fmt.Fprintf(stdout, "skip  %s: %s\n", o.Name, o.Skipped)
	default:
		_, _ = fmt.Fprintf(stdout, "ok    %s (%s)\n", o.Name, took)
	}
}
