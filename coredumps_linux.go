package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// denyDumps keeps the process's memory, and with it secrets and tokens, out of
// core dumps and from other processes of the same user. The limit alone would not
// do: where a program reads the dumps, the kernel does not ask for it
// (https://man7.org/linux/man-pages/man5/core.5.html). Nothing undoes it.
func denyDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("limiting core dumps to nothing: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("making the process undumpable: %w", err)
	}
	return nil
}
