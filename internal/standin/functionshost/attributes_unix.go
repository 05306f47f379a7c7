//go:build unix && !linux

package functionshost

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the handler into a process group of its own, so that whatever it
// starts ends with it.
func isolate(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killAll ends the handler and its process group at once, as the host does.
func killAll(process *os.Process) {
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
}
