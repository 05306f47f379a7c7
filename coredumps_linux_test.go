package main

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// Nothing undoes it, so it is done in another process, which is this test again.
func TestDumpsAreDenied(t *testing.T) {
	const inside = "CHATGATE_TEST_DENY_DUMPS"
	if os.Getenv(inside) != "" {
		reportDumps(t)
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), inside+"=1")
	if output, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, output)
	}
}

func reportDumps(t *testing.T) {
	t.Helper()
	if err := denyDumps(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("PR_GET_DUMPABLE = %d, %v", dumpable, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("RLIMIT_CORE = %+v, %v", limit, err)
	}
}
