//go:build goexperiment.runtimesecret && linux && (amd64 || arm64)

package secretly

import "runtime/secret"

// Erases tells whether this build erases what [Do] leaves behind.
const Erases = true

// Do calls f and erases what it leaves behind; see the package's comment. Values
// that must outlive f are copied into memory that was allocated before, or they
// are erased once nothing refers to them: no call may lose them, but the work
// grows with their size. f starts no goroutine that sees a secret.
func Do(f func()) {
	secret.Do(f)
}
