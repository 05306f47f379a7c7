package system_test

import "syscall"

// tied lets the kernel end a process when the thread that started it ends: no
// handler outlives a test run that was killed.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
