//go:build !unix

package functionshost

import (
	"os"
	"os/exec"
)

// isolate does nothing where there are no process groups.
func isolate(*exec.Cmd) {}

// killAll ends the handler.
func killAll(process *os.Process) {
	_ = process.Kill()
}
