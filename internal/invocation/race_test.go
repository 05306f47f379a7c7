//go:build race

package invocation_test

// raceDetector tells the tests that go through a lot of bytes that each of them
// costs twenty times as much.
const raceDetector = true
