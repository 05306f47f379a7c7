package main

import (
	"runtime/debug"
	"strings"
)

const (
	// collectAt is GOGC. The handler keeps 1 to 2 MB alive. At Go's own setting of
	// 100 it would collect garbage whenever the heap has 4 MB, some 50 times a
	// second under load, and calls would take a fifth longer; at 400 the heap has
	// 16 MB by then.
	collectAt = 400

	// memoryLimit is GOMEMLIMIT, in bytes. It does not refuse memory: near it Go
	// collects sooner, so that the generous collectAt does not let a large batch
	// take a multiple of what it needs. The smallest instances have 512 MB for
	// the host and the handler together.
	memoryLimit = 192 << 20
)

// tuneCollector sets how the garbage collector trades memory for processor time,
// apart from what the operator has set. Environ has the form of os.Environ.
func tuneCollector(environ []string) {
	if !names(environ, "GOGC") {
		debug.SetGCPercent(collectAt)
	}
	if !names(environ, "GOMEMLIMIT") {
		debug.SetMemoryLimit(memoryLimit)
	}
}

// names reports whether environ gives name a value. Go's runtime, which reads
// these two itself, distinguishes letter case and takes an empty value for none.
func names(environ []string, name string) bool {
	for _, entry := range environ {
		if value, found := strings.CutPrefix(entry, name+"="); found && value != "" {
			return true
		}
	}
	return false
}
