//go:build !linux

package system_test

import "syscall"

// tied is for Linux; elsewhere a handler may outlive a test run that was killed.
func tied() *syscall.SysProcAttr {
	return nil
}
