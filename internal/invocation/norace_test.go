//go:build !race

package invocation_test

const raceDetector = false
