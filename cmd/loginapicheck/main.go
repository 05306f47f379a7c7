// Command loginapicheck asks a Login API whether it does what Chatgate expects of
// one; docs/reference/login-api.yaml says what that is. Those who implement one
// run it against theirs.
//
// It is started by `make login-api-check URL=https://login.example/api HINT=ada`
// and takes these from the environment, and the API's key from API_KEY, so that
// the key stands on no command line; it is never printed. It writes a line for
// each check.
//
// With HINT, by which the API knows a test user, it starts three logins and asks
// for the user's decisions on the phone: the first denied, the third accepted, the
// second left alone. UNATTENDED=1 leaves out what needs a decision, QUICK=1 what
// waits for a login to expire.
//
// It ends with 0 if all is well, with 1 if a check failed and with 2 if it was
// called wrongly.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes other than 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, environ []string, stdout, stderr io.Writer) int {
	target, err := targetOf(environ)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "login-api-check:", err)
		return exitUsage
	}
	return newChecker(target, stdout).run(ctx)
}

// variable returns the value of a variable in environ, which has the form of
// os.Environ.
func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}
