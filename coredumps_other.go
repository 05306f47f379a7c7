//go:build !linux

package main

// denyDumps does nothing: the app is deployed to Linux only.
func denyDumps() error {
	return nil
}
