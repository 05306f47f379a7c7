package functionshost

import (
	"os"
	"os/exec"
	"syscall"
)

// isolate puts the handler into a process group of its own, so that whatever it
// starts ends with it, and lets the kernel end it should this process die. The
// latter is bound to the thread that starts it: that thread must live on.
func isolate(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killAll ends the handler and its process group at once, as the host does.
func killAll(process *os.Process) {
	_ = syscall.Kill(-process.Pid, syscall.SIGKILL)
}
