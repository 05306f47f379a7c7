package functionshost_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/standin/functionshost"
)

// With one of these the test binary is not the test.
const (
	puppetEnv = "FUNCTIONSHOST_TEST_PUPPET" // it is a handler, led by this URL
	hostEnv   = "FUNCTIONSHOST_TEST_HOST"   // it is a host of this script root
)

func TestMain(m *testing.M) {
	if url := os.Getenv(puppetEnv); url != "" && os.Getenv(hostEnv) == "" {
		os.Exit(newPuppet(url).run())
	}
	if dir := os.Getenv(hostEnv); dir != "" {
		runHost(dir)
	}
	goleak.VerifyTestMain(m)
}

// runHost runs a host until it is killed, and prints its handler's process id.
func runHost(dir string) {
	host, err := functionshost.Start(context.Background(), functionshost.Options{Dir: dir, Env: []string{puppetEnv + "=" + os.Getenv(puppetEnv)}})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	pid, _ := host.HandlerPID(context.Background())
	fmt.Println(pid)
	time.Sleep(time.Hour) // to be killed
}
