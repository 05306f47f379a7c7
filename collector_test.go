package main

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestTheCollectorIsTunedUnlessTheOperatorDidSo(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	for name, test := range map[string]struct {
		environ []string
		percent int
		limit   int64
	}{
		"nothing is set":      {nil, collectAt, memoryLimit},
		"GOGC is set":         {[]string{"GOGC=100"}, 100, memoryLimit},
		"GOMEMLIMIT is set":   {[]string{"GOMEMLIMIT=off"}, collectAt, math.MaxInt64},
		"both are set":        {[]string{"GOGC=off", "GOMEMLIMIT=1GiB"}, 100, math.MaxInt64},
		"empty counts as not": {[]string{"GOGC=", "GOMEMLIMIT="}, collectAt, memoryLimit},
		"other names":         {[]string{"NOGOGC=1", "gogc=1", "GOMEMLIMITS=1"}, collectAt, memoryLimit},
	} {
		t.Run(name, func(t *testing.T) {
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
			tuneCollector(test.environ)
			if got := debug.SetGCPercent(100); got != test.percent {
				t.Errorf("GOGC is %d, want %d", got, test.percent)
			}
			if got := debug.SetMemoryLimit(-1); got != test.limit {
				t.Errorf("GOMEMLIMIT is %d, want %d", got, test.limit)
			}
		})
	}
}
