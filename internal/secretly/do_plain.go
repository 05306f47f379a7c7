//go:build !goexperiment.runtimesecret || !linux || !(amd64 || arm64)

package secretly

// Erases tells whether this build erases what [Do] leaves behind.
const Erases = false

// Do calls f. This build erases nothing; see the package's comment.
func Do(f func()) {
	f()
}
